"""The table of layers: its rows, means and deviations, and the published figures beside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.probing.folder import cells_of, file_of, folder_of, read_plan, read_tables
from landbridge.probing.published import published


def plan_of(**changes: Any) -> dict[str, Any]:
    domain = {
        "name": "caltech101", "classes": ["cat", "dog"], "headline": "mean_class_accuracy", "shots": [30],
        "seeds": [0, 1], "train": 90, "test": 20, "note": "a cut", "skipped": 0,
    }  # fmt: skip
    names = [(f"conv{number}", f"pool{number}", number) for number in range(1, 8)]
    layers = [{"name": name, "read": read, "number": number, "width": 8} for name, read, number in names]
    plan = {
        "backbone": "torchvision/alexnet", "weights": "w.safetensors", "fingerprint": "f" * 64, "pool": "mean",
        "seed": 0, "unreadable": 0.01, "handcrafted": True, "classifiers": ["svm", "softmax"],
        "layers": [*layers, {"name": "hog", "read": "output", "number": None, "width": 8100}],
        "domains": [domain], "device": "cpu", "command": "landbridge probe ...", "versions": {"landbridge": "0"},
    }  # fmt: skip
    return plan | changes


def write(folder: Path, plan: dict[str, Any], most: int | None = None) -> Path:
    """A folder with its first cells; the accuracy of a cell tells which it is."""
    folder.mkdir(exist_ok=True)
    (folder / "probe.json").write_text(json.dumps(plan))
    for domain in plan["domains"]:
        for place, cell in enumerate(cells_of(plan, domain)[:most]):
            number = next(layer["number"] for layer in plan["layers"] if layer["name"] == cell.layer) or 0
            value = 0.1 * number + 0.02 * cell.seed + 0.001 * (cell.classifier == "softmax")
            content = cell._asdict() | {
                "settings": {"C": 0.1}, "seconds": 1.0 + place % 2, "by_class": [value, value],
                "metrics": {"accuracy": value / 2, "mean_class_accuracy": value},
                "confused": [[0, 0, 6], [0, 1, 4], [1, 1, 10]],
            }  # fmt: skip
            path = folder / "cells" / file_of(cell)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
    return folder


def test_rows_are_named_as_in_the_literature(tmp_path: Path) -> None:
    (table,) = read_tables(write(tmp_path / "t", plan_of())).tables
    names = [row.name for row in table.rows]
    assert names == ["HOG + SVM", *(f"{kind} ({n})" for kind in ("SVM", "Softmax") for n in range(1, 8))]
    row = table.rows[5]
    values = [0.5, 0.52]
    figure = row.figures[30]["mean_class_accuracy"]
    assert figure.values == pytest.approx(values)
    assert figure.mean == pytest.approx(np.mean(values))
    assert figure.deviation == pytest.approx(np.std(values, ddof=1))
    assert figure.text == "51.0 ± 1.4"
    assert table.best.name == "Softmax (7)"
    assert table.unfinished == 0


def test_published_figures_row_by_row_for_the_network_itself(tmp_path: Path) -> None:
    (table,) = read_tables(write(tmp_path / "t", plan_of())).tables
    theirs = {row.name: round(100 * row.published.mean, 1) for row in table.rows if row.published}
    assert theirs == {
        "SVM (1)": 44.8, "SVM (2)": 66.2, "SVM (3)": 72.3, "SVM (4)": 76.6, "SVM (5)": 86.2, "SVM (7)": 85.5,
        "Softmax (5)": 82.9, "Softmax (7)": 85.4,
    }  # fmt: skip
    assert table.reference is None
    assert "| SVM (5) | conv5, pool5 | 8 | 51.0 ± 1.4 | 25.5 ± 0.7 | 86.2 ± 0.8 |" in table.to_markdown()


def test_the_best_published_figure_beside_other_networks(tmp_path: Path) -> None:
    found = read_tables(write(tmp_path / "t", plan_of(backbone="timm/mobilenetv2_100?pad_type=same")))
    (table,) = found.tables
    assert not any(row.published for row in table.rows)
    assert table.reference is not None
    assert table.reference[0] == "SVM (5) of 7"
    last = table.to_markdown().splitlines()[-1]
    assert last.startswith("| SVM (5) of 7 | Krizhevsky's network, Zeiler and Fergus, ECCV 2014, table 7 |")
    assert last.endswith("| 86.2 ± 0.8 |  |")
    assert table.to_markdown().splitlines()[0].count("|") == last.count("|")
    for part in ("landbridge probe ...", "selection: settings by cross-validation", "landbridge 0", "seeds 0, 1"):
        assert part in found.to_markdown()
    assert json.loads(json.dumps(found.to_json()))["tables"][0]["published_best"]["mean"] == pytest.approx(0.862)


def test_nothing_is_published_for_other_shots_or_domains() -> None:
    assert published("caltech101", 29) == {}
    assert published("caltech101?classes=dog", 30) == {}
    assert published("pacs/photo", None) == {}
    assert round(published("caltech256", 60)["softmax", 7].mean, 5) == 0.726


def test_several_shots_are_columns(tmp_path: Path) -> None:
    plan = plan_of(classifiers=["svm"])
    plan["domains"][0]["shots"] = [1, 5]
    (table,) = read_tables(write(tmp_path / "t", plan)).tables
    head = table.to_markdown().splitlines()[0]
    assert "class-averaged accuracy (%), 1 a class | class-averaged accuracy (%), 5 a class |" in head
    assert "published" not in head
    assert table.second is None


def test_what_is_not_finished_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", plan_of(), most=5)
    (table,) = read_tables(folder).tables
    assert [row.name for row in table.rows] == ["HOG + SVM", "SVM (1)", "SVM (2)", "SVM (3)", "SVM (4)"]
    assert table.unfinished == 25
    assert "25 cells unfinished" in table.provenance()


def test_folders_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"it has no probe\.json"):
        read_plan(tmp_path)
    with pytest.raises(MissingDataError, match="no cell of"):
        read_tables(write(tmp_path / "t", plan_of(), most=0))
    (tmp_path / "probe.json").write_text("{")
    with pytest.raises(BadDataError, match="not readable JSON"):
        read_plan(tmp_path)
    (tmp_path / "probe.json").write_text("{}")
    with pytest.raises(BadDataError, match="does not name the domains"):
        read_plan(tmp_path)
    damaged = write(tmp_path / "d", plan_of())
    next(damaged.rglob("cells/**/0.json")).write_text("{")
    with pytest.raises(BadDataError, match="is damaged: remove it"):
        read_tables(damaged)


def test_folders_of_domains_never_meet() -> None:
    names = ["pacs/photo", "pacs-photo", "pacs?photo", "a/" * 90 + "b", "a/" * 90 + "c", "caltech101"]
    assert len({folder_of(name) for name in names}) == len(names)
    assert all(len(folder_of(name)) < 80 for name in names)
