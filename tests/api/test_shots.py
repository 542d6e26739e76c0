"""The study over shots with one command."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refusals
from landbridge.api import _shots
from landbridge.api._recipe import Machine
from landbridge.api._shots import run_shots
from landbridge.api._tuning import Tuning
from landbridge.api.finetune import finetune
from landbridge.cli import main
from landbridge.core.errors import LandbridgeError, RunFolderError
from landbridge.data.registry import load_domain
from landbridge.evaluation.shots import ShotsTable
from landbridge.probing.prototype import NearestClassMean
from landbridge.training.features import FeatureStore

DIGITS = "digits/handwritten?classes=0,3,8"
QUICK = Machine("cpu", quiet=True)


def first(**changes: Any) -> Tuning:
    given: dict[str, Any] = {"backbone": "lenet", "weights": "none", "steps": 4, "batch_size": 8, "rate": 0.02}
    return Tuning("full", DIGITS, **given | changes)


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str], *parts: str) -> None:
    given = [] if "--weights" in words else ["--weights", "none"]
    refusals.refused(capsys, ["finetune", "lenet", DIGITS, "--quiet", *given, *words], *parts)


def test_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["finetune", "lenet", DIGITS, "--weights", "none", "--shots", "1,5", "--episodes", "3", "--quiet"]
    words += ["--method", "prototype,svm,small-rate:1", "--steps", "4", "--batch-size", "8", "--device", "cpu"]
    out = tmp_path / "study"
    assert main([*words, "--method.small-rate.dropout", "0.1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text().strip() in printed
    assert f"report: {out / 'report.html'}" in printed
    table = json.loads((out / "table.json").read_text())
    rows = {(row["method"], row["shots"]): row for row in table["rows"]}
    assert {key: len(row["test"]["values"]) for key, row in rows.items()} == {
        (method, shots): 1 if method == "small-rate" else 3
        for method in ("prototype", "svm", "small-rate")
        for shots in (1, 5)
    }
    assert rows["svm", 5]["test"]["mean"] > 0.7
    assert rows["svm", 1]["train"]["mean"] == 1
    assert table["command"].startswith(f"landbridge finetune lenet '{DIGITS}' --method prototype,svm,small-rate:1")
    for said in ("--shots 1,5", "--episodes 3", "--steps 4", "--batch-size 8", "--method.small-rate.dropout 0.1"):
        assert said in table["command"]
    one, two = (json.loads((out / f"cells/svm/5/{seed}.json").read_text()) for seed in (0, 1))
    assert one["settings"] == two["settings"]
    assert json.loads((out / "cells/small-rate/5/0/metrics.json").read_text())["settings"]["options"]["dropout"] == 0.1
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").is_file()


def test_a_classifier_alone_is_a_study_of_one_draw(tmp_path: Path) -> None:
    table = finetune("lenet", DIGITS, "svm", shots=3, weights="none", out=str(tmp_path / "one"), quiet=True)
    assert isinstance(table, ShotsTable)
    assert [(method, list(points)) for method, points in table.rows.items()] == [("svm", [3])]


def test_a_cell_is_a_classifier_on_the_features_of_one_draw(tmp_path: Path) -> None:
    table = run_shots(tmp_path, first(), {"prototype": 2}, [5], {}, QUICK)
    backbone = first().network("lenet")
    features = FeatureStore(quiet=True).domains(backbone, load_domain(DIGITS))["output"]
    for seed in (0, 1):
        shown, held = features.draw(5, seed)
        truth = load_domain(DIGITS).splits["test"].y
        assert truth is not None
        called = NearestClassMean().fit(shown.read().numpy(), shown.y.numpy()).predict(held.read().numpy())
        assert table.rows["prototype"][5].test.values[seed] == pytest.approx(np.mean(called == truth.numpy()))


def test_all_methods_learn_from_the_same_classes_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    honest = _shots.fit_and_score

    def spy(name: str, train: Any, labels: Any, test: Any, classes: int, settings: Any) -> Any:
        seen.append((classes, len(test) - len(train)))
        return honest(name, train, labels, test, classes, settings)

    monkeypatch.setattr(_shots, "fit_and_score", spy)
    table = run_shots(tmp_path, first(ways=2), {"svm": 2, "full": 2}, [3], {}, QUICK)
    runs = [json.loads((tmp_path / f"cells/full/3/{seed}/metrics.json").read_text()) for seed in (0, 1)]
    assert seen == [(2, run["metrics"]["target_examples"]) for run in runs]
    assert all(len(run["settings"]["classes"]) == 2 and run["metrics"]["labels"] == 6 for run in runs)
    assert "2 of 3 classes" in table.provenance()


def test_interrupted_and_continued_gives_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Any = (first(), {"ncm": 3, "frozen": 1}, [1, 4], {}, QUICK)
    whole = run_shots(tmp_path / "whole", *asked)
    honest, count = _shots._measured, [0]

    def stops(*given: Any) -> Any:
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt
        return honest(*given)

    monkeypatch.setattr(_shots, "_measured", stops)
    with pytest.raises(KeyboardInterrupt):
        run_shots(tmp_path / "parts", *asked)
    found = list((tmp_path / "parts/cells").rglob("*.json"))
    assert len(found) == 3
    stamps = {path: path.stat().st_mtime_ns for path in found}
    parts = run_shots(tmp_path / "parts", *asked)
    assert {path: path.stat().st_mtime_ns for path in found} == stamps

    def numbers(table: Any) -> Any:
        return {m: {k: (asdict(p.test), asdict(p.train)) for k, p in of.items()} for m, of in table.rows.items()}

    assert numbers(parts) == numbers(whole)


@pytest.mark.slow
def test_side_by_side_gives_the_same_numbers(tmp_path: Path) -> None:
    asked: Any = (first(), {"svm": 3}, [2], {}, QUICK)
    one, two = run_shots(tmp_path / "1", *asked), run_shots(tmp_path / "2", *asked, jobs=2)
    assert one.rows["svm"][2].test == two.rows["svm"][2].test


def test_a_network_trained_on_a_source_is_trained_once(tmp_path: Path) -> None:
    settings = first(weights=None, source="digits/printed?classes=0,3,8", source_steps=3)
    run_shots(tmp_path, settings, {"prototype": 2, "frozen": 1}, [2], {}, QUICK)
    source = json.loads((tmp_path / "source/metrics.json").read_text())
    assert (source["target"], source["steps"]) == ("digits/printed?classes=0,3,8", 3)
    assert [path.parent.name for path in tmp_path.rglob("model/model.json")].count("model") == 2


def test_a_folder_of_another_study_is_left_alone(tmp_path: Path) -> None:
    run_shots(tmp_path, first(), {"prototype": 1}, [1], {}, QUICK)
    run_shots(tmp_path, first(), {"prototype": 2, "knn": 1}, [1, 2], {}, QUICK)
    with pytest.raises(RunFolderError, match=r"another study over shots \(settings differ\): choose another --out"):
        run_shots(tmp_path, first(rate=0.5), {"prototype": 1}, [1], {}, QUICK)
    run_shots(tmp_path, first(), {"prototype": 1, "svm": 1}, [1], {"svm": {"C": 1.0}}, QUICK)
    with pytest.raises(RunFolderError, match="options of svm differ"):
        run_shots(tmp_path, first(), {"svm": 1}, [1], {"svm": {"C": 2.0}}, QUICK)


def test_bad_input_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--shots", "1,2"]
    refused(capsys, [*few, "--method", "prototipe"], "unknown method 'prototipe'; did you mean 'prototype'?")
    refused(capsys, [*few, "--method", "svm,ful"], "did you mean 'full'?")
    refused(capsys, [*few, "--episodes", "0"], "--episodes must be at least 1, not 0")
    refused(capsys, [*few, "--method", "svm:0"], "--method svm:0: after the colon comes a number of episodes")
    refused(capsys, ["--shots", "1,999", "--method", "svm"], "999 shots asked for, but class '")
    refused(capsys, [*few, "--method", "svm", "--ways", "4"], "--ways 4: ", "has 3 classes")
    refused(capsys, [*few, "--method", "svm,knn", "--method.svm.D", "1"], "classifier 'svm' has no option 'D'")
    refused(capsys, [*few, "--method", "svm,knn", "--method.ncm.shrinkage", "1"], "options are given for 'ncm'")
    refused(capsys, [*few, "--method", "svm,full", "--method.full.freze", "1"], "no option 'freze'; did you mean")
    (tmp_path / "note.txt").write_text("mine")
    refused(capsys, [*few, "--method", "knn", "--out", str(tmp_path)], "is not empty and holds no study over shots")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    with pytest.raises(LandbridgeError, match="no features for 'svm' to read: say with --weights"):
        run_shots(tmp_path / "new", first(weights=None), {"svm": 1}, [1], {}, QUICK)
    assert not (tmp_path / "new").exists()
