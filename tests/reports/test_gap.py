"""The report of a table of gaps: what it says, and that it stands alone."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landbridge.evaluation.gaps import GapRow, cell_of
from landbridge.evaluation.snapshot import save
from landbridge.reports.gap import lead, lines, verdict, write_gap_report
from landbridge.runs import Result, Run

CLASSES = ("road", "sky", "car")
METHODS = {"source-only": 0.2, "advent": 0.3, "target-only": 0.5}


def cell(folder: Path, place: int, method: str, miou: float) -> None:
    run = Run(cell_of(folder, place, method), {"method": method, "row": place})
    rng = np.random.default_rng(place)
    taken = {f"{side}_images": rng.integers(0, 256, (2, 24, 32, 3)).astype(np.uint8) for side in ("source", "target")}
    masks = {f"{side}_truth": rng.integers(0, 3, (2, 24, 32)).astype(np.uint8) for side in ("source", "target")}
    save({**taken, **masks, "colours": np.eye(3, dtype=np.uint8) * 200}, run.folder / "snapshot.npz")
    run.finish(
        Result(
            method, "a", "b", "light/small-cnn", "inductive", "last", 0, 9, "cpu", 1.0,
            {"target_miou": miou, "source_miou": 0.5, "a_distance": 1.5},
            settings={"class_set": "3 classes", "classes": list(CLASSES)}, notes=["mIoU over 3 classes"],
        )
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = {
        "protocol": "inductive", "select": "last", "steps": 9, "weights": None, "size": "48x32", "batch_size": 2,
        "augment": "geometric",
    }  # fmt: skip
    rows = [
        {"name": "light: dusk", "source": "streets/sim", "target": "streets/sim?light=dusk"},
        {"name": "all of it", "source": "streets/sim", "target": "streets/real-ish"},
    ]
    plan: dict[str, Any] = {
        "source": "streets/sim", "target": "streets/real-ish", "method": "advent", "seed": 0, "backbone": "light/net",
        "settings": settings, "rows": rows, "command": "landbridge gap --knobs light", "versions": {"torch": "9"},
    }  # fmt: skip
    (tmp_path / "gap.json").write_text(json.dumps(plan))
    for method, miou in METHODS.items():
        cell(tmp_path, 0, method, miou)
    cell(tmp_path, 1, "source-only", 0.1)
    return tmp_path


def test_the_page_has_all_and_needs_nothing_else(folder: Path) -> None:
    table = write_gap_report(folder)
    text = Path(table.report).read_text()
    assert not re.search(r"https?:|@import|<script|<link", text)
    for part in ("3 classes", "seed", "landbridge gap --knobs light", "it sees target labels", "torch", "inductive"):
        assert part in text
    assert "Not finished, so not in these numbers: all of it/advent, all of it/target-only." in text
    assert text.count('<figure class="scenes samples">') == 2
    assert text.count("data:image/png;base64,") == 8
    assert json.loads((folder / "table.json").read_text())["rows"][0]["adapted"] == 0.3
    assert (folder / "table.md").read_text().startswith("| what differs | proxy A-distance | source-only |")


def test_what_a_row_says() -> None:
    def said(lower: float | None, adapted: float | None, oracle: float | None) -> tuple[str, str]:
        found = verdict(GapRow("light", "a", "b", "", 1.0, 0.5, lower, adapted, oracle), "advent")
        return found.tone, found.text

    assert said(0.2, 0.3, 0.4)[0] == "good"
    assert said(0.2, 0.21, 0.4)[0] == "mixed"
    assert said(0.2, 0.1, 0.4) == (
        "bad",
        "light: source-only reaches 20.0 %, the oracle 40.0 %; advent reaches 10.0 %: worse than doing nothing.",
    )
    assert "no gap to speak of" in said(0.4, 0.4, 0.41)[1]
    assert said(None, 0.3, 0.4) == ("unknown", "light: not finished.")
    assert said(0.2, None, 0.4)[1].endswith("advent is not finished.")


def test_the_lead_names_the_largest_gap(folder: Path) -> None:
    for method, miou in list(METHODS.items())[1:]:
        cell(folder, 1, method, miou + 0.2)
    text = lead(write_gap_report(folder)).text
    assert text.startswith("The largest gap is that of all of it: 60.0 points of mIoU. all of it: source-only reaches")


def test_without_numbers_there_is_no_picture() -> None:
    assert lines([GapRow("light", "a", "b")], "advent") is None
