"""`landbridge advise`: end to end, and what it refuses."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import refusals
from landbridge.api._advising import Request, look
from landbridge.api.advise import advise
from landbridge.cli import main, parse
from landbridge.data.registry import load_domain
from landbridge.nn.models import Classifier

Maker = Callable[..., Path]
FAST: dict[str, Any] = {"backbone": "lenet", "quiet": True, "device": "cpu"}
WORDS = ["--backbone", "lenet", "--quiet", "--device", "cpu"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clouds(tmp_path: Path) -> Callable[..., str]:
    """Makes an .npz of three clouds of points, moved and stretched."""

    def make(name: str, shift: float, labelled: bool = True, seed: int = 0) -> str:
        rng = np.random.default_rng(seed)
        y = np.arange(240) % 3
        x = (rng.normal(size=(240, 5)) + 4 * np.eye(5)[y]) * (1 + shift) + 5 * shift
        arrays = {"x": x.astype(np.float32)} | ({"y": y} if labelled else {})
        np.savez(tmp_path / f"{name}.npz", **arrays)
        return str(tmp_path / f"{name}.npz")

    return make


def refused(capsys: pytest.CaptureFixture[str], words: list[str], *parts: str) -> None:
    refusals.refused(capsys, ["advise", *words], *parts)


def test_a_shift_that_can_be_undone(clouds: Callable[..., str], tmp_path: Path) -> None:
    source, target, out = clouds("here", 0.0), clouds("there", 1.0, seed=1), tmp_path / "advice"
    found = advise(source, target, out=str(out), quiet=True)
    assert found.outlook.word == "hard"
    assert found.facts.distances.proxy_a > 1.5 > 0.5 > found.facts.yardstick.proxy_a
    assert found.options[0].strategy in ("vote", "standardised", "coral", "sa")
    assert found.kept == found.options[0].strategy
    assert found.options[0].basis == "agreement"
    for option in found.options:
        words = shlex.split(option.command)
        parse(words[1], words[2:])
    written = json.loads((out / "advice.json").read_text())
    assert [option["strategy"] for option in written["options"]] == [option.strategy for option in found.options]
    assert written["facts"]["classes"]["relation"] == "same"

    test = load_domain(target).splits["test"]
    right = Classifier.load(out).predict(test.x.read(torch.arange(len(test)))).argmax(1) == test.y
    assert right.float().mean() > 0.9


def test_the_kept_model_says_what_the_strategy_said(clouds: Callable[..., str], tmp_path: Path) -> None:
    pair = clouds("here", 0.0), clouds("there", 0.5, seed=1)
    asked = Request(*pair, None, None, False, False, 2, 99.0, 500, "shots-svm", 0, 0.0, None, "cpu", True)
    looked = look(asked)
    advise(*pair, target_shots=2, most=500, keep="shots-svm", out=str(tmp_path / "out"), quiet=True, device="cpu")
    x = looked.gathered.material.target
    said = Classifier.load(tmp_path / "out").predict(torch.from_numpy(np.asarray(x))).argmax(1)
    assert (said.numpy() == looked.trials["shots-svm"].predicted).all()


def test_with_labels(clouds: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [clouds("here", 0.0), clouds("there", 1.0, seed=1), "--target-shots", "6", "--device", "cpu", "--quiet"]
    assert main(["advise", *words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "▶ probe, fine-tune, learn both" in printed
    assert "accuracy on the shots %" in printed
    assert printed.count("together") == 2  # in the ranking, and in the command: it is the best
    assert f"report: {tmp_path / 'out/report.html'}" in printed


def test_images_without_labels(image_folder: Maker, tmp_path: Path) -> None:
    source, target = image_folder("good"), image_folder("darker", dark=60)
    found = advise(str(source), str(target / "cat"), unlabelled=True, out=str(tmp_path / "out"), **FAST)
    assert found.facts.classes.relation == "unknown"
    assert len(found.options) == 7
    assert all("--unlabelled" in each.command for each in found.further)
    page = (tmp_path / "out/report.html").read_text()
    assert f"landbridge predict {tmp_path / 'out'}" in page
    assert "fresh weights" in page


def test_other_classes(image_folder: Maker, tmp_path: Path) -> None:
    source, target = image_folder("a"), image_folder("b", ("cow", "pig"))
    found = advise(str(source), str(target), out=str(tmp_path / "one"), **FAST)
    assert (found.options, found.kept, found.facts.classes.relation) == ((), None, "none")
    assert not (tmp_path / "one/model").exists()
    found = advise(str(source), str(target), target_shots=3, out=str(tmp_path / "two"), **FAST)
    assert sorted(option.strategy for option in found.options) == ["shots-prototype", "shots-svm"]


def test_an_unlabelled_source(image_folder: Maker, tmp_path: Path) -> None:
    source, target = image_folder("a"), image_folder("b")
    found = advise(str(source), str(target), unlabelled_source=True, out=str(tmp_path / "out"), **FAST)
    assert (found.outlook.word, found.options) == ("not covered", ())
    assert "--unlabelled-source" in found.command


def test_the_budget(clouds: Callable[..., str], tmp_path: Path) -> None:
    pair = clouds("here", 0.0), clouds("there", 1.0)
    found = advise(*pair, budget=1e-9, keep="sa", out=str(tmp_path / "out"), quiet=True)
    assert [option.strategy for option in found.options] == ["sa"]
    assert found.options[0].estimate is None
    assert len(found.untried) == 6
    assert "not tried for want of time" in (tmp_path / "out/report.html").read_text()


def test_the_same_again(clouds: Callable[..., str], tmp_path: Path) -> None:
    pair, out = (clouds("here", 0.0), clouds("there", 1.0)), str(tmp_path / "out")
    first, second = (advise(*pair, out=out, quiet=True) for _ in range(2))
    assert first.facts == second.facts
    assert [(o.strategy, o.estimate) for o in first.options] == [(o.strategy, o.estimate) for o in second.options]


def test_refusals(
    image_folder: Maker, clouds: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = str(image_folder("a")), str(image_folder("b"))
    refused(capsys, [a, b, "--budget", "0"], "--budget must be above 0")
    refused(capsys, [a, b, "--most", "3"], "--most must be at least 20")
    refused(capsys, [a, b, "--keep", "corral"], "unknown strategy 'corral'", "did you mean 'coral'")
    refused(capsys, [a, b, "--keep", "source-knn"], "no model to keep", "standardised")
    refused(capsys, [a, b, "--keep", "together", *WORDS], "--keep together does not apply here", "--target-shots")
    refused(capsys, [a, b, "--target-shots", "99", *WORDS], "99 shots asked for")
    refused(capsys, [a, b, "--target-shots", "2", "--unlabelled", *WORDS], "has no labels")
    refused(capsys, [a, str(tmp_path / "nowhere"), *WORDS], "no such file or folder")
    refused(capsys, [a, clouds("points", 0.0), *WORDS], "points.npz holds vectors of 5, but lenet reads images")
    (Path(b) / "cat/3.png").write_text("no image")
    refused(capsys, [a, b, *WORDS], "1 of", "3.png", "--unreadable")
    for broken in (Path(b) / "cat").glob("*.png"):
        broken.write_text("no image")
    advise(a, b, unreadable=0.9, out=str(tmp_path / "allowed"), **FAST)
    assert (tmp_path / "allowed/report.html").read_text().count('src="data:image/png') < 24
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    refused(capsys, [a, b, "--out", str(tmp_path / "full")], "not empty and holds no advice")
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["notes.txt"]
    assert not Path("runs").exists() or not any(path.name.endswith("-advise") for path in Path("runs").iterdir())


@pytest.mark.data
def test_real_photographs(data_root: Path, tmp_path: Path) -> None:
    weights = data_root / "weights/squeezenet1_1.torchvision.safetensors"
    found = advise(
        "pacs/photo", "pacs/sketch", "torchvision/squeezenet1_1?size=96", str(weights), most=150,
        data_root=str(data_root), out=str(tmp_path / "out"), quiet=True,
    )  # fmt: skip
    assert (found.outlook.word, found.facts.classes.relation) == ("hard", "same")
    assert (tmp_path / "out/report.html").read_text().count('src="data:image/png') == 24
