"""`landbridge segment --label-sets open`: a target with classes of its own, which count whoever finds them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import landbridge
from landbridge.cli import main, parse
from landbridge.nn.segmenter_model import Segmenter
from refusals import refused
from scene_folders import scene_folder

NET = "light/small-cnn?head.width=8"
SMALL = ["--steps", "8", "--batch-size", "4", "--backbone", NET, "--quiet", "--device", "cpu", "--label-sets", "open"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """The source has roads and cars, the target trees besides."""
    return scene_folder(tmp_path / "day") + "?without=tree", scene_folder(tmp_path / "dusk", dusk=1.0, seed=5)


def metrics_of(folder: Path) -> dict[str, object]:
    metrics: dict[str, object] = json.loads((folder / "metrics.json").read_text())["metrics"]
    return metrics


def test_a_class_of_the_targets_own(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["segment", *pair, *SMALL, "--method", "boundless", "--method.least", "0.2", "--select", "prior"]
    assert main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "mIoU over 3 classes, 1 of them private" in printed
    assert "private classes %" in printed
    result = json.loads((out / "metrics.json").read_text())
    metrics, settings = result["metrics"], result["settings"]
    assert settings["classes"] == ["road", "car", "tree"]
    assert settings["private_classes"] == ["tree"]
    by_class = metrics["per_class_iou"]
    assert list(by_class) == settings["classes"]
    assert metrics["target_private_miou"] == by_class["tree"] > 0
    assert metrics["target_miou"] == pytest.approx(np.mean(list(by_class.values())))
    assert metrics["target_shared_miou"] == pytest.approx((by_class["road"] + by_class["car"]) / 2)
    assert 0 <= metrics["source_miou"] <= 1
    assert any(
        note.startswith("what boundless knows of tree: attributes, the streets' table") for note in result["notes"]
    )
    assert any(note.startswith("tree: only ") for note in result["notes"])
    before = metrics_of(out / "baseline")
    assert (before["target_private_miou"], before["target_harmonic_miou"]) == (0, 0)
    again = parse("segment", result["command"].replace("'", "").split()[2:])
    assert (again["method"], again["label_sets"], again["source"]) == ("boundless", "open", pair[0])
    report = (out / "report.html").read_text()
    assert "tree (only in the target)" in report
    assert "shared / private" in report
    assert "* Only the target has these classes." in report

    assert Segmenter.load(out).classes == ("road", "car", "tree")
    measured = landbridge.evaluate(str(out), pair[1])
    for name in ("miou", "shared_miou", "private_miou", "harmonic_miou"):
        assert measured[name] == metrics[f"target_{name}"]
    assert measured["class_set"] == "3 classes, 1 of them private"
    assert main(["predict", str(out), f"{pair[1]}/test/images", "--out", str(tmp_path / "said")]) == 0
    labels = np.asarray(Image.open(tmp_path / "said/labels/00.png"))
    assert (labels.shape, labels.max() <= 2) == ((32, 32), True)
    listed = list(csv.DictReader((tmp_path / "said/classes.csv").open()))
    assert [row["name"] for row in listed] == ["road", "car", "tree"]
    assert [int(listed[2][part]) for part in ("red", "green", "blue")] == [107, 142, 35]


def test_other_methods_are_measured_on_it_too(pair: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "table"
    words = ["compare", *pair, *SMALL, "--seeds", "1", "--methods", "source-only,minent,boundless,target-only"]
    assert main([*words, "--out", str(out)]) == 0
    markdown = (out / "table.md").read_text()
    assert (
        "| method | target mIoU, 3 classes, 1 of them private (%) | shared classes (%) | "
        "private classes (%) | harmonic mean (%) |"
    ) in markdown
    for method in ("source-only", "minent"):
        metrics = metrics_of(out / f"cells/{method}/0")
        confusion = np.array(metrics["confusion"])
        assert confusion.shape == (3, 3)
        assert confusion[:, 2].sum() == 0
        assert confusion[2].sum() > 0
        assert (metrics["target_private_miou"], metrics["target_harmonic_miou"]) == (0, 0)
    assert Segmenter.load(out / "cells/target-only/0").classes == ("road", "car", "tree")
    saved = str(out / "cells/minent/0")
    opened, closed = (landbridge.evaluate(saved, pair[1], label_sets=sets) for sets in ("open", "closed"))
    assert opened["miou"] == metrics_of(Path(saved))["target_miou"]
    assert (opened["private_miou"], opened["class_set"]) == (0, "3 classes, 1 of them private")
    assert "private_miou" not in closed
    assert list(closed["per_class_iou"]) == ["road", "car"]
    # Pixels of trees are not there to be called wrongly.
    assert closed["miou"] > opened["shared_miou"]
    again = json.loads((out / "comparison.json").read_text())["command"]
    assert "--label-sets open" in again


def test_what_cannot_be_is_said_in_a_line(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = pair
    whole = source.partition("?")[0]
    closed, out = SMALL[:-2], ["--out", str(tmp_path / "none")]
    refused(
        capsys, ["segment", *pair, *closed, *out, "--method", "boundless"],
        "boundless finds classes that only the target has: say --label-sets open",
    )  # fmt: skip
    refused(capsys, ["compare", *pair, *closed, *out, "--methods", "source-only,boundless"], "say --label-sets open")
    refused(capsys, ["segment", *pair, *closed, *out, "--label-sets", "partial"], "is closed or open, not 'partial'")
    refused(capsys, ["segment", whole, target, *SMALL, *out], "has no class that", f"'{whole}?without=tree'")
    refused(
        capsys, ["segment", whole, f"{target}?without=car", *SMALL, *out],
        "has no class that", f"'{whole}?without=tree'",
    )  # fmt: skip
    refused(
        capsys, ["segment", source, f"{target}?without=car", *SMALL, *out],
        "an open target has all classes of the source, but only in", f"'{source}&without=car'",
    )  # fmt: skip
    refused(
        capsys, ["segment", *pair, *SMALL, *out, "--unlabelled", "--method", "boundless"],
        "nobody knows which classes", "leave out --label-sets open",
    )  # fmt: skip
    words = ["--method", "boundless", "--method.signatures", "words:none.txt"]
    refused(capsys, ["segment", *pair, *SMALL, *out, *words], "none.txt")
    assert not (tmp_path / "none").exists()


@pytest.mark.data
@pytest.mark.slow
def test_camvid_with_two_classes_left_out(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The data root that was named is where word vectors are looked for, too.
    monkeypatch.delenv("LANDBRIDGE_DATA", raising=False)
    run = landbridge.segment(
        "camvid/day?without=bicyclist,sign-symbol", "camvid/dusk", method="boundless", label_sets="open", backbone=NET,
        steps=8, batch_size=2, size="60x45", baseline=False, out=str(tmp_path / "run"), data_root=str(data_root),
        options={"signatures": "words:glove.twitter.25d.12k.txt"}, quiet=True,
    )  # fmt: skip
    assert run.result.settings["class_set"] == "11 classes (CamVid), 2 of them private"
    assert run.result.settings["classes"][-2:] == ["sign-symbol", "bicyclist"]
    assert 0 <= run.result.metrics["target_private_miou"] <= 1
