"""`landbridge segment`: what it leaves behind, that it resumes, how it selects, and how it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import landbridge
from landbridge.cli import main, parse
from landbridge.nn.segmenter_model import Segmenter
from landbridge.runs import Run
from refusals import refused
from scene_folders import scene_folder
from toy_scenes import CLASSES

NET = "light/small-cnn?head.width=8"
SMALL = ["--steps", "4", "--batch-size", "4", "--backbone", NET, "--quiet", "--device", "cpu"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    return scene_folder(tmp_path / "day"), scene_folder(tmp_path / "dusk", dusk=1.0, seed=5)


def test_a_run_and_what_it_leaves(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["segment", *pair, *SMALL, "--method", "minent", "--method.weight", "0.01", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "source-only" in printed
    assert "mIoU over 3 classes, inductive, last step selected, seed 0, 4 steps" in printed
    result = json.loads((out / "metrics.json").read_text())
    metrics = result["metrics"]
    assert 0 <= metrics["target_miou"] <= 1
    assert list(metrics["per_class_iou"]) == list(CLASSES)
    known = [value for value in metrics["per_class_iou"].values() if value is not None]
    assert metrics["target_miou"] == pytest.approx(sum(known) / len(known))
    assert 0 <= metrics["source_miou"] <= 1
    assert metrics["target_examples"] == 6
    assert np.sum(metrics["confusion"]) == 6 * 32 * 32
    assert set(metrics["validators"]) == {"entropy", "agreement", "prior"}
    assert result["settings"]["class_set"] == "3 classes"
    assert "mIoU over 3 classes" in result["notes"]
    assert (result["protocol"], result["selection"], result["seed"], result["oracle"]) == (
        "inductive",
        "last",
        0,
        False,
    )
    assert "torch" in result["versions"]
    assert sorted(path.name for path in out.iterdir()) == [
        "baseline", "config.yaml", "log.csv", "metrics.json", "model", "report.html", "snapshot.npz",
    ]  # fmt: skip
    again = parse("segment", result["command"].replace("'", "").split()[2:])
    assert (again["source"], again["steps"], again["method"], again["options"]) == (
        pair[0],
        4,
        "minent",
        {"weight": 0.01},
    )
    measured = landbridge.evaluate(str(out), pair[1])
    assert measured["miou"] == metrics["target_miou"]
    assert measured["per_class_iou"] == metrics["per_class_iou"]
    assert measured["class_set"] == "3 classes"


def test_cut_off_it_goes_on_to_the_same_numbers(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "method": "advent", "backbone": NET, "steps": 6, "batch_size": 4, "checkpoint_every": 2, "select": "prior",
        "quiet": True, "device": "cpu",
    }  # fmt: skip
    whole = landbridge.segment(*pair, out=str(tmp_path / "whole"), **settings)
    save, calls = Run.save_checkpoint, []

    def cut(self: Run, state: Any) -> None:
        calls.append(1)
        if len(calls) == 7:  # in the method's own training, after the baseline's four checkpoints
            raise KeyboardInterrupt
        save(self, state)

    monkeypatch.setattr(Run, "save_checkpoint", cut)
    with pytest.raises(KeyboardInterrupt):
        landbridge.segment(*pair, out=str(tmp_path / "cut"), **settings)
    monkeypatch.setattr(Run, "save_checkpoint", save)
    assert not (tmp_path / "cut" / "metrics.json").exists()
    run = landbridge.segment(resume=str(tmp_path / "cut"), quiet=True, device="cpu")
    assert run.result.metrics == whole.result.metrics
    states = [Segmenter.load(folder.folder).state_dict() for folder in (whole, run)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_selection_is_logged_and_looks_at_no_target_label(pair: tuple[str, str], tmp_path: Path) -> None:
    run = landbridge.segment(
        *pair, method="minent", backbone=NET, steps=4, batch_size=4, checkpoint_every=2, select="agreement",
        baseline=False, out=str(tmp_path / "run"), quiet=True, device="cpu",
    )  # fmt: skip
    judged = [row["value"] for row in run.read_log() if row["name"] == "selection"]
    assert len(judged) == 2
    assert all(0 <= value <= 1 for value in judged)
    assert run.result.selection == "agreement"


def test_a_target_without_labels(tmp_path: Path) -> None:
    source = scene_folder(tmp_path / "day")
    target = scene_folder(tmp_path / "dusk", dusk=1.0, labels=False)
    run = landbridge.segment(
        source, target, method="minent", backbone=NET, steps=2, batch_size=4, unlabelled=True, baseline=False,
        out=str(tmp_path / "run"), quiet=True, device="cpu",
    )  # fmt: skip
    assert run.result.metrics["target_miou"] is None
    assert run.result.metrics["per_class_iou"] is None
    assert run.result.metrics["source_miou"] is not None
    assert "unknown: no labels" in (run.folder / "report.html").read_text()


def test_images_are_read_at_the_size_asked_for(pair: tuple[str, str], tmp_path: Path) -> None:
    run = landbridge.segment(
        *pair, method="source-only", backbone=NET, steps=2, batch_size=4, size="24x16", out=str(tmp_path / "run"),
        quiet=True, device="cpu",
    )  # fmt: skip
    assert np.sum(run.result.metrics["confusion"]) == 6 * 24 * 16
    assert Segmenter.load(run.folder).preprocessing.size == (16, 24)
    assert "images read and measured at 24x16" in run.result.notes
    assert landbridge.evaluate(str(run.folder), pair[1])["examples"] == 6


def test_compare_knows_segmenters_by_their_masks(pair: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "table"
    words = ["compare", *pair, *SMALL, "--seeds", "1", "--out", str(out), "--methods"]
    assert main([*words, "source-only,minent"]) == 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/*/metrics.json")}
    assert main([*words, "source-only,minent,target-only"]) == 0
    assert len(kept) == 2
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    table = json.loads((out / "table.json").read_text())
    assert [row["method"] for row in table["rows"]] == ["source-only", "minent", "target-only"]
    assert table["metric"] == "target_miou"
    assert "| method | target mIoU, 3 classes (%) |" in (out / "table.md").read_text()
    assert "3 classes" in (out / "report.html").read_text()
    again = parse("compare", json.loads((out / "comparison.json").read_text())["command"].replace("'", "").split()[2:])
    assert (again["domains"], again["methods"], again["steps"]) == (list(pair), "source-only,minent,target-only", 4)
    assert again["augment"] is None


def test_what_cannot_be_is_said_in_a_line(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: str) -> list[str]:
        return ["segment", *words, *SMALL, "--out", str(tmp_path / "none")]

    refused(capsys, say(*pair, "--method", "adven"), "unknown method 'adven'", "did you mean 'advent'?")
    refused(capsys, say(pair[0]), "segment needs a TARGET beside")
    refused(capsys, say("digits/printed", pair[1]), "digits/printed has no class for each pixel", "landbridge adapt")
    refused(capsys, say(pair[0], "digits/printed"), "--unlabelled")
    refused(capsys, say(*pair, "--select", "snd"), "unknown selection rule 'snd' for a segmenter")
    refused(capsys, say(*pair, "--augment", "shift"), "unknown augmentation 'shift'")
    refused(capsys, say(*pair, "--size", "big"), "--size is WIDTHxHEIGHT", "'big'")
    refused(capsys, say(*pair, "--method.wight", "1"), "has no option 'wight'", "did you mean 'weight'?")
    refused(capsys, say(*pair, "--backbone-ratio", "0"), "--backbone-ratio must be above 0")
    other = scene_folder(tmp_path / "other", classes=("road", "cow", "tree"))
    refused(capsys, say(pair[0], other), "do not match", "only in", "car", "cow", "?classes=road,tree")
    assert not (tmp_path / "none").exists()
    words = ["compare", *pair, *SMALL, "--out", str(tmp_path / "none")]
    refused(capsys, [*words, "--methods", "dann"], "unknown method 'dann'")
    refused(capsys, [*words, "--freeze", "2"], "--freeze is for classifiers, not for segmenters")
    refused(capsys, ["compare", pair[0]], "segmenters are compared on a source and a target")
    refused(capsys, ["compare", "digits/printed", "digits/photo", "--size", "9x9"], "are for segmenters")
    refused(capsys, ["adapt", *pair, "--out", str(tmp_path / "none")], "landbridge segment")


@pytest.mark.data
@pytest.mark.slow
def test_camvid_is_named_with_its_classes(data_root: Path, tmp_path: Path) -> None:
    run = landbridge.segment(
        "camvid/day", "camvid/dusk", method="minent", backbone=NET, steps=2, batch_size=2, size="60x45", baseline=False,
        out=str(tmp_path / "run"), data_root=str(data_root), quiet=True,
    )  # fmt: skip
    assert run.result.settings["class_set"] == "11 classes (CamVid)"
    assert run.result.metrics["target_examples"] == 62
    assert len(run.result.metrics["per_class_iou"]) == 11
