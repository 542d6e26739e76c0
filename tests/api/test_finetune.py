"""Fine-tuning from the shell and from Python: one run, its pages, its errors, and methods side by side."""

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

import landbridge
from landbridge.api._tuning import Tuning, command_of
from landbridge.cli import main, parse
from landbridge.finetuning import PRESETS
from landbridge.runs import Run
from refusals import refused

Maker = Callable[..., Path]
SMALL = ["--steps", "6", "--batch-size", "8", "--quiet", "--device", "cpu"]
LENET = [*SMALL, "--backbone", "lenet"]


def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content


def test_a_run_from_the_shell(image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=80)), tmp_path / "run"
    words = ["finetune", "lenet", b, "--source", a, "--shots", "5", "--freeze", "1", *SMALL, "--out", str(out)]
    assert main([*words, "--source-steps", "3"]) == 0
    printed = capsys.readouterr().out
    assert "small-rate" in printed
    assert str(out / "report.html") in printed.replace("\n", "")
    said = result(out)
    assert {"target_accuracy", "target_train_accuracy", "per_class_accuracy", "confusion"} <= set(said["metrics"])
    assert (said["metrics"]["labels"], said["metrics"]["target_examples"]) == (10, 16)
    assert said["protocol"] == "5 labels a class"
    stem, conv2, head = said["metrics"]["layer_groups"]
    assert (stem["name"], stem["rate"], stem["moved"]) == ("stem", 0.0, 0.0)
    assert (conv2["rate"], head["rate"], head["moved"]) == (pytest.approx(0.001), 0.01, None)
    assert 0 < conv2["moved"] < 0.1
    assert result(out / "source")["steps"] == 3

    measured = landbridge.evaluate(str(out), b)
    assert measured["accuracy"] == pytest.approx(said["metrics"]["target_accuracy"])
    assert main(["predict", str(out), b, "--out", str(tmp_path / "said.csv")]) == 0
    assert len(list(csv.DictReader((tmp_path / "said.csv").open()))) == 80
    page = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == page

    again = parse("finetune", said["command"].split()[2:])
    assert [again[name] for name in ("backbone", "target", "source", "shots", "steps")] == ["lenet", b, a, 5, 6]
    assert again["options"] == {"freeze": 1}
    config = ["finetune", "--config", str(out / "config.yaml"), "--quiet", "--device", "cpu"]
    assert main([*config, "--out", str(tmp_path / "again")]) == 0
    assert result(tmp_path / "again")["metrics"] == said["metrics"]


@pytest.mark.parametrize("saves", [2, 7])
def test_a_stopped_run_goes_on_to_the_same_bits(
    saves: int, image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the source is learned, and in the middle of gradual unfreezing."""
    a, b = str(image_folder("a")), str(image_folder("b", dark=80))
    words = [
        "finetune",
        "lenet",
        b,
        "--source",
        a,
        "--source-steps",
        "4",
        "--shots",
        "5",
        "--method",
        "gradual",
        *SMALL,
    ]
    words += ["--checkpoint-every", "1", "--ema", "0.9", "--augment", "shift"]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    save, count = Run.save_checkpoint, 0

    def stopped(run: Run, state: Any) -> None:
        nonlocal count
        count += 1
        if count > saves:
            raise KeyboardInterrupt
        save(run, state)

    run = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_checkpoint", stopped)
        assert main([*words, "--out", str(run)]) == 2
    assert not (run / "metrics.json").exists()
    assert (run / "source/metrics.json").exists() == (saves == 7)
    assert main(["finetune", "--resume", str(run), "--quiet", "--device", "cpu", "--checkpoint-every", "1"]) == 0
    assert {**result(run), "train_seconds": 0} == {**result(tmp_path / "whole"), "train_seconds": 0}
    one, other = (load_file(place / "model/model.safetensors") for place in (tmp_path / "whole", run))
    assert all(one[key].equal(other[key]) for key in one)


def test_weights_are_chosen_by_a_fifth_of_the_labels(tmp_path: Path) -> None:
    words = ["finetune", "mlp?inputs=3&hidden=8", str(_vectors(tmp_path)), "--weights", "none", "--shots", "10", *SMALL]
    out = tmp_path / "run"
    assert main([*words, "--select", "validation", "--checkpoint-every", "2", "--out", str(out)]) == 0
    said = result(out)
    assert (said["selection"], said["metrics"]["labels"]) == ("validation", 20)
    judged = [row for row in Run.open(out).read_log() if row["name"] == "selection"]
    assert [row["step"] for row in judged] == [2, 4, 6]
    assert "validation accuracy" in (out / "report.html").read_text()
    assert "fifth of the labels shown" in (out / "report.html").read_text()


def test_low_rank_additions_and_their_way(tmp_path: Path) -> None:
    words = [
        "finetune",
        "mlp?inputs=3&hidden=8",
        str(_vectors(tmp_path)),
        "--weights",
        "none",
        "--method",
        "lora",
        *SMALL,
    ]
    assert main([*words, "--rate", "0.1", "--out", str(tmp_path / "run")]) == 0
    stem, head = result(tmp_path / "run")["metrics"]["layer_groups"]
    assert (stem["rate"], head["name"]) == (0.1, "head")
    assert stem["moved"] > 0


def _vectors(folder: Path) -> Path:
    """Two clouds of points in a file."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    np.savez(folder / "clouds.npz", x=(rng.normal(size=(80, 3)) + 2 * y[:, None]).astype(np.float32), y=y)
    return folder / "clouds.npz"


def test_what_a_user_gets_wrong_is_one_line_and_leaves_no_folder(
    capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path
) -> None:
    b, out = str(image_folder("b")), tmp_path / "run"

    def wrong(*words: str, said: tuple[str, ...], start: tuple[str, ...] = ("--weights", "none")) -> None:
        refused(capsys, ["finetune", "lenet", *words, *start, *SMALL, "--out", str(out)], *said)
        assert not out.exists()

    wrong(b, "--shots", "99", said=("99 shots asked for", "has 32"))
    wrong(b, "--shots", "0", said=("--shots", "at least 1"))
    wrong(b, "--shots", "few", said=("--shots", "few"))
    wrong(b, "--shots", "5", start=(), said=("nothing for 'small-rate' to copy", "--weights", "--source"))
    wrong(b, "--freeze", "7", said=("'7'", "has 2 layer groups"))
    wrong(b, "--freeze", "sten", said=("no layer group 'sten'", "did you mean 'stem'"))
    wrong(b, "--backbone-lr-ratio", "0", said=("--backbone-lr-ratio must be above 0, not 0.0",))
    wrong(b, "--backbone-lr-ratio", "-1", said=("--backbone-lr-ratio must be above 0",))
    wrong(b, "--layer-decay", "2", said=("--layer-decay must be above 0 and at most 1",))
    wrong(b, "--method.wieght", "1", said=("has no option 'wieght'",))
    wrong(b, "--method", "smal-rate", said=("did you mean 'small-rate'",))
    wrong(b, "--method", "lora", said=("no linear layers",))
    wrong(b, "--select", "entropy", said=("--select is last or validation",))
    wrong(b, "--source", str(tmp_path / "nowhere"), "--shots", "5", said=("nowhere",))
    wrong(str(image_folder("one", ("cat",))), said=("has one class only",))
    wrong("digits/photo?classes=3", said=("has 1 class", "at least two"))
    wrong(said=("finetune needs a BACKBONE", "TARGET"))
    refused(capsys, ["finetune", "--resume", str(tmp_path)], "no run in")


def test_a_domain_without_a_test_split_wants_shots(
    capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from landbridge.api import _recipe
    from landbridge.data.domain import Domain
    from landbridge.data.registry import load_domain

    whole = load_domain

    def unsplit(*words: Any, **named: Any) -> Domain:
        domain = whole(*words, **named)
        return replace(domain, splits={"train": domain.splits["train"]}, test_shots=3)

    monkeypatch.setattr(_recipe, "load_domain", unsplit)
    _recipe.ready_domain.cache_clear()
    b, out = str(image_folder("b")), tmp_path / "run"
    words = ["finetune", "lenet", b, "--weights", "none", *SMALL, "--out", str(out)]
    refused(capsys, words, "no test split", "--shots")
    assert not out.exists()
    assert main([*words, "--shots", "5"]) == 0
    assert result(out)["metrics"]["target_examples"] == 6
    assert "each seed draws its own labels, and tests on at most 3 others a class" in (out / "report.html").read_text()
    _recipe.ready_domain.cache_clear()


def test_methods_side_by_side_on_one_target(image_folder: Maker, tmp_path: Path) -> None:
    b, out = str(image_folder("b")), tmp_path / "table"
    words = ["compare", b, *LENET, "--weights", "none", "--shots", "5", "--out", str(out), "--seeds", "2"]
    assert main([*words, "--methods", "frozen,small-rate:1"]) == 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/*/metrics.json")}
    assert len(kept) == 3
    assert main([*words, "--methods", "scratch:1,frozen,small-rate:1,full:1"]) == 0
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    table = json.loads((out / "table.json").read_text())
    assert [row["method"] for row in table["rows"]] == ["scratch", "frozen", "small-rate", "full"]
    assert {row["labels"] for row in table["rows"]} == {"5 a class"}
    text = (out / "table.md").read_text()
    assert text.startswith(
        "| method | target accuracy (%) | 95 % interval | labels seen | train accuracy (%) | train - test (points) |"
    )
    assert "5 labels a class of the target shown, drawn by seed" in text
    command = json.loads((out / "comparison.json").read_text())["command"].split()
    again = parse("compare", command[2:])
    assert (again["domains"], again["shots"], again["steps"], again["weights"]) == ([b], 5, 6, "none")
    assert again["methods"] == "scratch:1,frozen,small-rate:1,full:1"


def test_fine_tuning_beside_adaptation_shares_the_source_networks(image_folder: Maker, tmp_path: Path) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=80)), tmp_path / "table"
    words = ["compare", a, b, *LENET, "--seeds", "1", "--out", str(out)]
    assert main([*words, "--methods", "source-only"]) == 0
    words += ["--shots", "5", "--methods", "source-only,frozen,full,scratch,target-only", "--source-steps", "3"]
    assert main(words) == 0
    assert [path.name for path in (out / "source").iterdir()] == ["0"]
    assert not list(out.glob("cells/*/*/source"))
    table = json.loads((out / "table.json").read_text())
    seen = {row["method"]: (row["labels"], row["gap_closed"]) for row in table["rows"]}
    assert [labels for labels, _ in seen.values()] == ["none", "5 a class", "5 a class", "5 a class", "all"]
    assert seen["full"][1] is None
    assert "fine-tuning sees labels of the target that adaptation does not" in (out / "table.md").read_text()
    assert "full (5 a class seen)" in (out / "report.html").read_text()


def test_comparisons_that_make_no_sense(
    capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path
) -> None:
    b, out = str(image_folder("b")), tmp_path / "table"
    one = ["compare", b, *LENET, "--weights", "none", "--out", str(out)]
    refused(capsys, [*one, "--methods", "frozen,dann"], "'dann' adapts from a source", "put a source before it")
    refused(capsys, [*one, "--methods", "smal-rate"], "did you mean 'small-rate'")
    refused(capsys, [*one, "--shots", "99"], "99 shots asked for")
    refused(capsys, [*one[:-4], "--shots", "5", "--methods", "full", "--out", str(out)], "nothing for 'full' to copy")
    refused(capsys, [*one, "--methods", "full", "--method.full.freeze", "9"], "has 2 layer groups")
    two = ["compare", b, b, *LENET, "--out", str(out)]
    refused(capsys, [*two, "--methods", "dann", "--shots", "5"], "--shots", "for fine-tuning")
    refused(capsys, [*two, "--methods", "full", "--protocol", "transductive"], "leave out --protocol transductive")
    refused(capsys, [*two, "--methods", "sa,full", "--select", "validation"], "--select validation", "leave it out")
    refused(capsys, ["compare", b, *two[1:]], "not 3 domains")
    assert not out.exists()


@pytest.mark.slow
def test_cells_side_by_side_equal_one_after_the_other(image_folder: Maker, tmp_path: Path) -> None:
    a, b = str(image_folder("a")), str(image_folder("b", dark=80))
    words = ["compare", a, b, *LENET, "--seeds", "2", "--methods", "frozen,full,source-only", "--shots", "5"]
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    assert main([*words, "--out", str(tmp_path / "two"), "--jobs", "2"]) == 0
    for path in (tmp_path / "one").glob("cells/*/*/metrics.json"):
        one, two = (json.loads(p.read_text()) for p in (path, tmp_path / "two" / path.relative_to(tmp_path / "one")))
        assert one["settings"] == two["settings"]
        assert one["metrics"]["target_accuracy"] == pytest.approx(two["metrics"]["target_accuracy"], abs=0.15)


def test_all_names_are_listed_with_what_they_choose() -> None:
    listed = {record["name"]: record for record in landbridge.methods()}
    assert set(PRESETS) <= set(listed)
    assert "backbone_lr_ratio=0.1" in listed["small-rate"]["options"]
    assert listed["small-rate"]["options"].endswith("those of full")
    assert "layer_decay" in listed["full"]["options"]
    assert listed["lp-ft"]["paper"] == "Kumar et al., ICLR 2022"


@pytest.mark.parametrize("clip", [1.0, None, 0.5])
def test_the_command_of_a_run_says_all_that_is_not_usual(clip: float | None) -> None:
    settings = Tuning("gradual", "mnist", shots=3, clip=clip, steps=7, weights="none", options={"mixup": 0.2})
    given = parse("finetune", shlex.split(command_of(settings))[2:])
    said = {name: given[name] for name in settings.said}
    assert said == settings.said
    assert (given["target"], given["method"], given["options"]) == ("mnist", "gradual", {"mixup": 0.2})
