"""The table of gaps: rows from finished cells, what is missing, and its words."""

import json
from pathlib import Path
from typing import Any

import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.evaluation.gaps import GapRow, cell_of, read_gaps
from landbridge.runs import Result, Run

PLAN: dict[str, Any] = {
    "source": "streets/sim", "target": "streets/real-ish", "method": "advent", "seed": 0, "backbone": "light/small-cnn",
    "settings": {"protocol": "inductive", "select": "last", "steps": 9},
    "rows": [
        {"name": "light: dusk", "source": "streets/sim", "target": "streets/sim?light=dusk"},
        {"name": "all of it", "source": "streets/sim", "target": "streets/real-ish"},
    ],
    "command": "landbridge gap streets/sim streets/real-ish --knobs light", "versions": {"torch": "9"},
}  # fmt: skip


def cell(folder: Path, place: int, method: str, miou: float, **metrics: Any) -> None:
    run = Run(cell_of(folder, place, method), {"method": method, "row": place})
    run.finish(
        Result(
            method, "a", "b", "light/small-cnn", "inductive", "last", 0, 9, "cpu", 1.0,
            {"target_miou": miou, "source_miou": 0.5, "a_distance": 1.5, **metrics},
            settings={"class_set": "19 classes (Cityscapes)"}, notes=["mIoU over 19 classes (Cityscapes)"],
        )
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gap.json").write_text(json.dumps(PLAN))
    for method, miou in (("source-only", 0.2), ("advent", 0.25), ("target-only", 0.4)):
        cell(tmp_path, 0, method, miou)
    cell(tmp_path, 1, "source-only", 0.1)
    return tmp_path


def test_rows_are_made_of_what_is_finished(folder: Path) -> None:
    table = read_gaps(folder)
    first, last = table.rows
    assert (first.lower, first.adapted, first.oracle, first.a_distance) == (0.2, 0.25, 0.4, 1.5)
    assert first.gap == pytest.approx(0.2)
    assert first.closed == pytest.approx(0.25)
    assert (last.lower, last.adapted, last.gap, last.closed) == (0.1, None, None, None)
    assert table.unfinished == ["all of it/advent", "all of it/target-only"]
    assert table.classes == "19 classes (Cityscapes)"


def test_it_says_how_its_numbers_came_about(folder: Path) -> None:
    text = read_gaps(folder).to_markdown()
    assert "| light: dusk | 1.50 | 20.0 | 25.0 | 40.0 | 20.0 | 25 | 50.0 |" in text
    assert "| all of it | 1.50 | 10.0 | - | - | - | - | 50.0 |" in text
    for part in (
        "19 classes (Cityscapes)",
        "inductive",
        "seed 0",
        "9 steps",
        "landbridge gap",
        "torch 9",
        "unfinished",
    ):
        assert part in text
    plain = json.loads(json.dumps(read_gaps(folder).to_json()))
    assert plain["rows"][0]["gap_closed"] == pytest.approx(0.25)


def test_no_gap_is_not_closed() -> None:
    assert GapRow("x", "a", "b", lower=0.4, adapted=0.5, oracle=0.3).closed is None


def test_folders_that_hold_no_table(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"^no table of gaps in "):
        read_gaps(tmp_path)
    (tmp_path / "gap.json").write_text("{}")
    with pytest.raises(BadDataError, match="names neither rows nor method"):
        read_gaps(tmp_path)
    (tmp_path / "gap.json").write_text(json.dumps(PLAN))
    with pytest.raises(MissingDataError, match=r"no cell of .* is finished yet"):
        read_gaps(tmp_path)
