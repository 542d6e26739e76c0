"""`landbridge probe`: the table of layers with one command."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import refusals
from landbridge.api import _probing
from landbridge.api.probe import probe
from landbridge.cli import main
from landbridge.core.errors import RunFolderError
from landbridge.data import registry
from landbridge.data.domain import Domain, Examples
from landbridge.data.registry import load_domain
from landbridge.probing.folder import folder_of

Maker = Callable[..., Path]
QUICK: dict[str, Any] = {
    "shots": 3, "splits": 2, "classifiers": "svm,prototype", "handcrafted": False, "quiet": True, "device": "cpu",
}  # fmt: skip
DIGITS = ["digits/handwritten?classes=0,3,8"]
"""Small, so that each test takes seconds."""


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str], *parts: str) -> None:
    refusals.refused(capsys, [*words, "--quiet"], *parts)


def numbers(table: dict[str, Any]) -> list[Any]:
    """All of a table but the time it took."""
    return [[{k: v for k, v in row.items() if k != "seconds"} for row in part["rows"]] for part in table["tables"]]


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["probe", "lenet", *DIGITS, "--shots", "3", "--splits", "2", "--classifiers", "svm,softmax", "--quiet"]
    out = tmp_path / "table"
    assert main([*words, "--device", "cpu", "--no-handcrafted", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    table = json.loads((out / "table.json").read_text())
    (part,) = table["tables"]
    assert [row["name"] for row in part["rows"]] == ["SVM (1)", "SVM (2)", "Softmax (1)", "Softmax (2)"]
    for row in part["rows"]:
        figure = row["figures"]["3"]["accuracy"]
        assert figure["mean"] == pytest.approx(np.mean(figure["values"]))
        assert figure["deviation"] == pytest.approx(np.std(figure["values"], ddof=1))
        assert set(row["figures"]["3"]) == {"accuracy", "mean_class_accuracy"}
        assert row["settings"]["3"]["C"] > 0
    sizes = {split: len(examples) for split, examples in load_domain(DIGITS[0]).splits.items()}
    assert {"train": part["train"], "test": part["test"]} == sizes
    assert (part["seeds"], part["metric"], part["classes"]) == ([0, 1], "accuracy", 3)
    deep = part["rows"][1]["figures"]["3"]["accuracy"]["mean"]
    assert 0.6 < deep <= 1
    assert (out / "table.md").read_text().strip() in printed.replace("\n\n\n", "\n\n")
    for said in ("| SVM (2) |", "seeds 0, 1", "selection: ", f"report: {out / 'report.html'}", "`landbridge probe"):
        assert said in printed
    assert f"landbridge probe lenet '{DIGITS[0]}' --shots 3 --splits 2" in table["command"]
    one, two = (json.loads((out / f"cells/{_cell('conv2', seed)}").read_text()) for seed in (0, 1))
    assert one["settings"] == two["settings"]
    assert sum(count for _, _, count in one["confused"]) == sizes["test"]
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").is_file()


def _cell(layer: str, seed: int) -> str:
    return f"{folder_of(DIGITS[0])}/3/{layer}/svm/{seed}.json"


def test_interrupted_and_continued_gives_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = probe("lenet", DIGITS, out=str(tmp_path / "whole"), **QUICK).to_json()
    write, written = _probing.write_text, []

    def stopped(path: Path, text: str) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(path, text)

    out = tmp_path / "cut"
    monkeypatch.setattr(_probing, "write_text", stopped)
    with pytest.raises(KeyboardInterrupt):
        probe("lenet", DIGITS, out=str(out), **QUICK)
    assert not (out / "table.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("cells/**/*.json")}
    assert len(kept) == 3
    again: list[Path] = []
    monkeypatch.setattr(_probing, "write_text", lambda path, text: (again.append(path), write(path, text)))
    continued = probe("lenet", DIGITS, out=str(out), **QUICK).to_json()
    assert len(again) == 5
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert numbers(continued) == numbers(whole)


def test_more_may_be_asked_of_a_folder_but_nothing_else(tmp_path: Path) -> None:
    out = str(tmp_path / "table")
    probe("lenet", DIGITS, out=out, **QUICK | {"layers": "last", "splits": 1})
    more = probe("lenet", DIGITS, out=out, **QUICK | {"jobs": 2})
    assert [row.name for row in more.tables[0].rows] == ["SVM (1)", "SVM (2)", "Prototype (1)", "Prototype (2)"]
    fresh = probe("lenet", DIGITS, out=str(tmp_path / "fresh"), **QUICK)
    assert numbers(more.to_json()) == numbers(fresh.to_json())
    with pytest.raises(RunFolderError, match="holds a table made with another --pool: choose another --out"):
        probe("lenet", DIGITS, out=out, **QUICK | {"pool": "max"})
    with pytest.raises(RunFolderError, match="holds a table made with another backbone"):
        probe("ganin-mnist", DIGITS, out=out, **QUICK)
    with pytest.raises(RunFolderError, match="holds a table made with another --seed"):
        probe("lenet", DIGITS, out=out, **QUICK | {"seed": 1})
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("important")
    with pytest.raises(RunFolderError, match="is not empty and holds no table of layers"):
        probe("lenet", DIGITS, out=str(tmp_path / "full"), **QUICK)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_several_domains_and_shots_make_one_picture(tmp_path: Path) -> None:
    domains = ["digits/handwritten?classes=3,8", "digits/photo?classes=3,8"]
    found = probe("lenet", domains, out=str(tmp_path / "t"), **QUICK | {"shots": "1,5", "layers": "output"})
    assert [table.domain for table in found.tables] == domains
    for table in found.tables:
        assert table.shots == [1, 5]
        assert [row.name for row in table.rows] == ["SVM (output)", "Prototype (output)"]
        assert set(table.rows[0].figures) == {1, 5}
    page = found.report.read_text()
    assert page.count('id="shots"') == 1
    for domain in domains:
        assert f"{domain}: " in page


def test_all_labels_are_one_draw(image_folder: Maker, tmp_path: Path) -> None:
    folder = str(image_folder("own"))
    found = probe("lenet", [folder], out=str(tmp_path / "t"), **QUICK | {"shots": None, "splits": 5})
    (table,) = found.tables
    assert (table.shots, table.seeds) == ([None], [0])
    assert table.rows[0].figures[None]["accuracy"].deviation is None
    assert "all labels" in table.provenance()


def test_hand_crafted_features_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage")
    asked = QUICK | {"handcrafted": True, "layers": "last"}
    (table,) = probe("lenet", DIGITS, out=str(tmp_path / "t"), **asked).tables
    assert [row.name for row in table.rows] == ["HOG + SVM", "SVM (2)", "Prototype (2)"]
    assert table.rows[0].figures[3]["accuracy"].mean > 0.5
    assert table.best.name != "HOG + SVM"
    (alone,) = probe("hog", DIGITS, out=str(tmp_path / "h"), **asked | {"classifiers": "svm"}).tables
    assert [row.name for row in alone.rows] == ["HOG + SVM"]
    assert alone.rows[0].figures == table.rows[0].figures
    monkeypatch.setattr(_probing, "find_spec", lambda name: None)
    (without,) = probe("lenet", DIGITS, out=str(tmp_path / "w"), **asked | {"quiet": False}).tables
    assert [row.name for row in without.rows] == ["SVM (2)", "Prototype (2)"]
    assert "it needs scikit-image" in capsys.readouterr().out


def test_a_trained_network_lends_its_features(tmp_path: Path) -> None:
    from landbridge import adapt

    pair = ("digits/handwritten", "digits/printed")
    run = adapt(*pair, method="source-only", steps=4, out=str(tmp_path / "run"), quiet=True, backbone="lenet")
    asked = QUICK | {"layers": "last", "classifiers": "prototype"}
    trained = probe("lenet", DIGITS, weights=str(run.folder), out=str(tmp_path / "a"), **asked)
    fresh = probe("lenet", DIGITS, out=str(tmp_path / "b"), **asked)
    assert trained.plan["fingerprint"] != fresh.plan["fingerprint"]
    assert trained.plan["weights"] == str(run.folder)
    with pytest.raises(RunFolderError, match="a table made with other weights, or another network"):
        probe("lenet", DIGITS, out=str(tmp_path / "a"), **asked)


def test_sealed_labels_change_nothing_that_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every test label false, the same settings are chosen and the accuracy falls."""
    honest = registry.load_domain(DIGITS[0])
    test = honest.splits["test"]
    assert test.y is not None
    lied = {"train": honest.splits["train"], "test": Examples(test.x, (test.y + 1) % 3)}
    first = probe("lenet", DIGITS, out=str(tmp_path / "honest"), **QUICK).tables[0]
    monkeypatch.setattr(registry, "load_domain", lambda *_: Domain(DIGITS[0], honest.classes, lied))
    second = probe("lenet", DIGITS, out=str(tmp_path / "lied"), **QUICK).tables[0]
    for a, b in zip(first.rows, second.rows):
        assert a.settings == b.settings
        for one, other in zip(a.results[3], b.results[3]):
            called = [_calls(result["confused"]) for result in (one, other)]
            assert called[0] == called[1]
        assert a.figures[3]["accuracy"].mean > b.figures[3]["accuracy"].mean


def _calls(confused: list[list[int]]) -> list[int]:
    """How often each class was called."""
    counts = [0] * 3
    for _, called, count in confused:
        counts[called] += count
    return counts


def test_bad_input(image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "never"
    base = ["probe", "lenet", *DIGITS, "--out", str(out), "--no-handcrafted"]
    refused(capsys, ["probe", "lenet"], "name a domain")
    refused(capsys, [*base, "--splits", "0"], "--splits must be at least 1, not 0")
    refused(capsys, [*base, "--seed", "-1"], "--seed must be at least 0")
    for bad in ("0", "many", "5,,10", "2.5", "-3"):
        refused(capsys, [*base, "--shots", bad], "--shots is a number of examples a class, at least 1", f"'{bad}'")
    refused(
        capsys,
        [*base, "--shots", "5000"],
        "5000 shots asked for, but class '0' of digits/handwritten?classes=0,3,8 has",
    )
    refused(capsys, [*base, "--classifiers", "svn"], "unknown classifier 'svn'; did you mean 'svm'?")
    refused(capsys, [*base, "--layers", "conv3"], "'lenet' has no layer 'conv3'; did you mean 'conv")
    refused(capsys, [*base, "--layers", "9"], "has no layer '9'", "1 to 2")
    refused(capsys, [*base, "--pool", "maen"], "unknown pooling 'maen'; did you mean 'mean'?")
    refused(capsys, [*base, "--device", "tpu9"], "--device is auto, cpu, cuda or mps, not 'tpu9'")
    refused(capsys, ["probe", "lenett", *DIGITS, "--out", str(out)], "lenett", "did you mean")
    refused(capsys, ["probe", "lenet", "digits/handwriten", "--out", str(out)], "did you mean 'digits/handwritten'")
    few = image_folder("few", each=1)
    refused(capsys, ["probe", "lenet", str(few), "--out", str(out)], "few has 2 to learn from and 0 to test on")
    from safetensors.torch import save_file

    save_file({"somewhere.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    weights = ["--weights", str(tmp_path / "other.safetensors")]
    refused(capsys, [*base, "--shots", "3", *weights], "other.safetensors does not fit", "somewhere.weight")
    assert not out.exists()


def test_unreadable_images_are_left_out(image_folder: Maker, tmp_path: Path) -> None:
    folder = image_folder("own")
    (folder / "cat/3.png").write_text("no image")
    asked = QUICK | {"unreadable": 0.1}
    found = probe("lenet", [str(folder)], out=str(tmp_path / "t"), **asked)
    assert "unreadable and left out: 1" in found.tables[0].provenance()
    (folder / "cat/4.png").unlink()
    with pytest.raises(RunFolderError, match=r"the data of .*own have changed since the cells of"):
        probe("lenet", [str(folder)], out=str(tmp_path / "t"), **asked)


def test_the_picture_needs_no_data(image_folder: Maker, tmp_path: Path) -> None:
    folder = image_folder("own")
    out = tmp_path / "t"
    before = probe("lenet", [str(folder)], out=str(out), **QUICK).report.read_text()
    shutil.rmtree(folder)
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == before


@pytest.mark.data
def test_some_of_caltech(data_root: Path, tmp_path: Path) -> None:
    weights = data_root / "weights" / "squeezenet1_1.torchvision.safetensors"
    domains = ["caltech101?classes=airplanes,Motorbikes,watch,sunflower"]
    asked = QUICK | {"layers": "6", "shots": 10, "classifiers": "svm"}
    found = probe(
        "torchvision/squeezenet1_1?size=96", domains, str(weights), out=str(tmp_path / "t"), data_root=str(data_root),
        **asked,
    )  # fmt: skip
    (table,) = found.tables
    assert table.metric == "mean_class_accuracy"
    assert table.headline(table.best) > 0.85
    assert "cut: " in table.provenance()
