"""The table of gaps: for one kind of shift a row, how far the domains lie apart and what of it adaptation closes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.metrics import gap_closed
from landbridge.evaluation.study import read_plan
from landbridge.runs import Result, Run

PLAN = "gap.json"
"""The file that says which rows there are."""

LOWER, UPPER = "source-only", "target-only"
"""The methods at the two ends of a gap."""


@dataclass(frozen=True)
class GapRow:
    """One kind of shift.

    Attributes:
        name: what is turned: `weather=fog`, or `all of it`.
        source: name of the source domain.
        target: name of the target domain.
        classes: the classes that every number is a mean over, as `19 classes (Cityscapes)`.
        a_distance: proxy A-distance of places in the images by the features of source-only, in [0, 2]; None where
            unknown.
        source_miou: mIoU of source-only on the source, in [0, 1]; None where unknown.
        lower: mIoU on the target without adaptation; None where it is not computed yet.
        adapted: likewise with it.
        oracle: likewise of training on the target's labels.
    """

    name: str
    source: str
    target: str
    classes: str = ""
    a_distance: float | None = None
    source_miou: float | None = None
    lower: float | None = None
    adapted: float | None = None
    oracle: float | None = None

    @property
    def gap(self) -> float | None:
        """How much the oracle is above source-only."""
        return None if self.lower is None or self.oracle is None else self.oracle - self.lower

    @property
    def closed(self) -> float | None:
        """The share of the gap that adaptation closed; None where there is none or numbers are missing."""
        if self.adapted is None or self.lower is None or self.oracle is None:
            return None
        return gap_closed(self.adapted, self.lower, self.oracle)


@dataclass(frozen=True)
class GapTable:
    """All rows, and how the numbers came about.

    Attributes:
        folder: where they stand.
        plan: the content of `gap.json`.
        rows: one a kind of shift.
        unfinished: cells that are not there yet, as `row/method`.
        notes: what a reader must know.
        report: path of the report that shows it, if one was written.
    """

    folder: Path
    plan: Mapping[str, Any]
    rows: list[GapRow]
    unfinished: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    report: str = ""

    @property
    def method(self) -> str:
        """The method that adapts."""
        return str(self.plan["method"])

    @property
    def classes(self) -> str:
        """The classes that the numbers are a mean over."""
        return ", ".join(dict.fromkeys(row.classes for row in self.rows if row.classes))

    def cells(self) -> dict[str, list[str]]:
        """The table in words: heading -> a cell a row."""
        return {
            "what differs": [row.name for row in self.rows],
            "proxy A-distance": ["-" if row.a_distance is None else f"{row.a_distance:.2f}" for row in self.rows],
            LOWER: [percent(row.lower) for row in self.rows],
            self.method: [percent(row.adapted) for row in self.rows],
            "oracle": [percent(row.oracle) for row in self.rows],
            "gap (points)": ["-" if row.gap is None else f"{100 * row.gap:.1f}" for row in self.rows],
            "gap closed (%)": [percent(row.closed, 0) for row in self.rows],
            "source-only on the source": [percent(row.source_miou) for row in self.rows],
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data; mIoU in [0, 1]."""
        rows = [asdict(row) | {"gap": row.gap, "gap_closed": row.closed} for row in self.rows]
        return {"plan": dict(self.plan), "rows": rows, "unfinished": self.unfinished, "notes": self.notes}

    def to_markdown(self) -> str:
        """A Markdown table, and below it how the numbers came about."""
        cells = self.cells()
        lines = [f"| {' | '.join(cells)} |", f"| --- |{' ---: |' * (len(cells) - 1)}"]
        lines += [f"| {' | '.join(row)} |" for row in zip(*cells.values())]
        return "\n".join([*lines, "", self.provenance(), ""])

    def provenance(self) -> str:
        """One line: what was measured, settings, what is missing, command and versions."""
        settings = self.plan["settings"]
        parts = [
            f"target mIoU in percent over {self.classes or 'the classes of both domains'}",
            f"{settings['protocol']} protocol, weights chosen by: {settings['select']}",
            f"seed {self.plan['seed']}, {settings['steps']} steps, network {self.plan['backbone']}",
            f"{UPPER} is the oracle: it sees target labels",
        ]
        parts += [f"unfinished: {', '.join(self.unfinished)}"] if self.unfinished else []
        parts += [f"`{self.plan['command']}`"]
        parts += [f"{name} {version}" for name, version in self.plan["versions"].items()]
        return "; ".join([*parts, *self.notes])


def read_gaps(folder: Path) -> GapTable:
    """The rows of a folder, from the cells that are finished.

    Args:
        folder: holds `gap.json` and `cells/<row>/<method>/`.

    Raises:
        MissingDataError: there is no such table, or none of its cells is finished.
        BadDataError: the plan cannot be read.
    """
    plan = read_plan(folder / PLAN, "table of gaps")
    if not {"rows", "method"} <= set(plan):
        raise BadDataError(f"{folder / PLAN} names neither rows nor method of a table of gaps")
    rows, unfinished, notes = [], list[str](), list[str]()
    for place, row in enumerate(plan["rows"]):
        found = {method: result_of(cell_of(folder, place, method)) for method in (LOWER, plan["method"], UPPER)}
        unfinished += [f"{row['name']}/{method}" for method, result in found.items() if result is None]
        notes += [note for result in found.values() if result for note in result.notes]
        rows.append(_row(row, found, plan["method"]))
    if not any(row.classes for row in rows):
        raise MissingDataError(f"no cell of {folder} is finished yet: give the command again to go on with it")
    return GapTable(folder, plan, rows, unfinished, list(dict.fromkeys(notes)))


def cell_of(folder: Path, place: int, method: str) -> Path:
    """The run folder of a method in a row."""
    return folder / "cells" / str(place) / method


def result_of(cell: Path) -> Result | None:
    """The numbers of a cell; None where it is not finished."""
    return Run.open(cell).result if (cell / "metrics.json").is_file() else None


def _row(row: Mapping[str, str], found: Mapping[str, Result | None], method: str) -> GapRow:
    def said(name: str, metric: str = "target_miou") -> float | None:
        result = found[name]
        return result.metrics.get(metric) if result else None

    classes = next((result.settings["class_set"] for result in found.values() if result), "")
    return GapRow(
        row["name"],
        row["source"],
        row["target"],
        classes,
        said(LOWER, "a_distance"),
        said(LOWER, "source_miou"),
        said(LOWER),
        said(method),
        said(UPPER),
    )
