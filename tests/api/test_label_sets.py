"""Several sources, and targets that lack or add classes, from names to numbers."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import landbridge
from landbridge.cli import main
from refusals import refused

Maker = Callable[..., Path]
SMALL = ["--steps", "6", "--batch-size", "16", "--backbone", "lenet", "--quiet", "--device", "cpu"]


@pytest.fixture
def known(image_folder: Maker) -> str:
    """A source with two classes."""
    return str(image_folder("known"))


@pytest.fixture
def wider(image_folder: Maker) -> str:
    """A target with these and two others."""
    return str(image_folder("wider", classes=("ant", "cat", "dog", "eel"), dark=80))


@pytest.mark.parametrize("method", ["osbp", "dann", "target-only"])
def test_an_open_target(method: str, known: str, wider: str, tmp_path: Path) -> None:
    """By an output of its own, by doubt, or by labels: `unknown` is an answer in all cases, and counted."""
    out = tmp_path / "run"
    words = ["adapt", known, wider, "--method", method, "--label-sets", "open", *SMALL]
    assert main([*words, "--out", str(out)]) == 0
    result = json.loads((out / "metrics.json").read_text())
    metrics = result["metrics"]
    assert result["settings"]["classes"] == ["cat", "dog", "unknown"]
    assert {"target_known_accuracy", "target_unknown_accuracy", "target_all_accuracy"} <= set(metrics)
    assert json.loads((out / "model/model.json").read_text())["answers"] == (
        "one-or-none" if method == "dann" else "one"
    )
    assert sum(metrics["confusion"][2]) == metrics["target_examples"] / 2
    assert "--label-sets open" in result["command"]
    assert "known / unknown" in (out / "report.html").read_text()
    measured = landbridge.evaluate(str(out), wider)
    assert measured["h_score"] == pytest.approx(metrics["target_h_score"])
    assert main(["predict", str(out), wider, "--out", str(tmp_path / "said.csv")]) == 0
    assert {"cat", "dog", "unknown"} <= set(next(csv.DictReader((tmp_path / "said.csv").open())))


def test_a_partial_target(known: str, wider: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["adapt", wider, known, "--method", "pada", "--label-sets", "partial", *SMALL, "--baseline", "false"]
    assert main([*words, "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert [value is None for value in metrics["per_class_accuracy"]] == [True, False, False, True]
    assert landbridge.evaluate(str(out), known, label_sets="partial")["accuracy"] == metrics["target_accuracy"]


def test_several_sources(known: str, image_folder: Maker, tmp_path: Path) -> None:
    both, target = f"{known}+{image_folder('other', dark=40)}", str(image_folder("target", dark=80))
    out = tmp_path / "table"
    words = ["compare", both, target, "--methods", "source-only,coral-dg,group-dro", "--seeds", "1", *SMALL]
    assert main([*words, "--out", str(out)]) == 0
    table = json.loads((out / "table.json").read_text())
    assert (table["source"], len(table["rows"])) == (both, 3)
    assert f"weight_{known}" in (out / "cells/group-dro/0/log.csv").read_text()


def test_what_does_not_go_together(known: str, wider: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "none"), *SMALL]
    refused(capsys, ["adapt", known, wider, *out], "say --label-sets partial or open")
    refused(capsys, ["adapt", known, wider, "--label-sets", "wide", *out], "--label-sets is closed, partial or open")
    refused(capsys, ["adapt", known, known, "--method", "osbp", *out], "say --label-sets open")
    refused(capsys, ["adapt", known, known, "--method", "irm", *out], "learns from several sources: join them with +")
    refused(capsys, ["compare", known, "--methods", "full", "--label-sets", "open", *out], "leave out --label-sets")
