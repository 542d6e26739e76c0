"""The report of a table of gaps: which kind of shift costs how much, and what of it adaptation closes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.gaps import LOWER, UPPER, GapRow, GapTable, cell_of, read_gaps, result_of
from landbridge.evaluation.snapshot import Snapshot, load
from landbridge.reports.drawing import canvas, ink, responsive
from landbridge.reports.pages import write_page
from landbridge.reports.plots import NARROW, WIDE
from landbridge.reports.scenes import Panel, legend, samples
from landbridge.reports.verdicts import Verdict

SMALL_GAP = 0.02
"""A gap of fewer points than this is none that one seed could show."""


class Shown(NamedTuple):
    """A row of the page: its numbers, what they say, and a pair of pictures."""

    row: GapRow
    verdict: Verdict
    panel: Panel | None


def write_gap_report(folder: Path) -> GapTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Args:
        folder: holds `gap.json` and `cells/`.

    Returns:
        The table.

    Raises:
        MissingDataError: there is no such table, or none of its cells is finished.
        BadDataError: the plan cannot be read.
    """
    table = read_gaps(Path(folder))
    write_json(table.folder / "table.json", table.to_json())
    write_text(table.folder / "table.md", table.to_markdown())
    shown = [Shown(row, verdict(row, table.method), _pair(table, place)) for place, row in enumerate(table.rows)]
    page = write_page(
        table.folder,
        "gap.html.j2",
        {},
        table=table,
        lead=lead(table).text,
        columns=table.cells(),
        picture=lines(table.rows, table.method),
        shown=shown,
        keys=_keys(table),
        oracle=UPPER,
        facts=_facts(table),
    )
    return replace(table, report=str(page))


def lead(table: GapTable) -> Verdict:
    """Which shift costs most, and how much of the whole is closed."""
    known = [row for row in table.rows if row.gap is not None]
    if not known:
        return Verdict("unknown", "No gap is measured yet: the oracle of no row is finished.")
    largest = max(known, key=lambda row: row.gap or 0.0)
    assert largest.gap is not None
    if len(known) == 1:
        return verdict(largest, table.method)
    text = f"The largest gap is that of {largest.name}: {100 * largest.gap:.1f} points of mIoU. "
    last = table.rows[-1]
    return Verdict("unknown", text + verdict(last, table.method).text)


def verdict(row: GapRow, method: str) -> Verdict:
    """What a row says.

    >>> row = GapRow("light=night", "a", "b", lower=0.2, adapted=0.3, oracle=0.4)
    >>> print(verdict(row, "advent").text)
    light=night: source-only reaches 20.0 %, the oracle 40.0 %; advent reaches 30.0 %, 50 % of that gap.
    """
    if row.gap is None:
        return Verdict("unknown", f"{row.name}: not finished.")
    ends = f"{row.name}: {LOWER} reaches {percent(row.lower)} %, the oracle {percent(row.oracle)} %"
    if row.adapted is None:
        return Verdict("unknown", f"{ends}; {method} is not finished.")
    reached = f"{method} reaches {percent(row.adapted)} %"
    if row.gap < SMALL_GAP:
        return Verdict("mixed", f"{ends}: no gap to speak of; {reached}.")
    assert row.closed is not None
    if row.closed < 0:
        return Verdict("bad", f"{ends}; {reached}: worse than doing nothing.")
    return Verdict(
        "good" if row.closed >= 0.25 else "mixed", f"{ends}; {reached}, {percent(row.closed, 0)} % of that gap."
    )


def lines(rows: Sequence[GapRow], method: str) -> Markup | None:
    """One line a row, from source-only to the oracle, with adaptation between; None where nothing is known."""
    if all(row.lower is None and row.oracle is None for row in rows):
        return None
    values = [value for row in rows for value in (row.lower, row.adapted, row.oracle) if value is not None]
    top = 100 * min(1.0, max(values) + 0.06)

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 44 * len(rows) + 56)
        for y, row in enumerate(rows):
            if row.lower is not None and row.oracle is not None:
                axes.plot([100 * row.lower, 100 * row.oracle], [y, y], color=ink("line"), lw=5)
            for value, role, fill in (
                (row.lower, "before", "paper"),
                (row.oracle, "oracle", "paper"),
                (row.adapted, "after", "after"),
            ):
                if value is not None:
                    axes.plot([100 * value], [y], "o", ms=10, mfc=ink(fill), mec=ink(role), mew=2.2)
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.tick_params(axis="y", labelcolor=ink("ink"))
        axes.set(xlim=(0, top), ylim=(len(rows) - 0.5, -0.5), xlabel="target mIoU (%)")
        axes.grid(axis="x", lw=0.6)
        axes.spines["left"].set_visible(False)
        return figure

    said = "; ".join(
        f"{row.name} {percent(row.lower)}, {method} {percent(row.adapted)}, oracle {percent(row.oracle)}"
        for row in rows
    )
    return responsive(draw, "gaps", f"mIoU on the target by kind of shift, source-only first, in percent: {said}")


def _snapshot(table: GapTable, place: int) -> Snapshot | None:
    """What any finished run of a row kept."""
    for method in (LOWER, table.method, UPPER):
        file = cell_of(table.folder, place, method) / "snapshot.npz"
        if file.is_file():
            return load(file)
    return None


def _pair(table: GapTable, place: int) -> Panel | None:
    taken = _snapshot(table, place)
    row = table.rows[place]
    return None if taken is None else samples(taken, (row.source, row.target))


def _keys(table: GapTable) -> list[tuple[str, str]]:
    """Name and colour of each class of the first row that has them."""
    for place in range(len(table.rows)):
        taken = _snapshot(table, place)
        results = (result_of(cell_of(table.folder, place, name)) for name in (LOWER, table.method, UPPER))
        result = next((result for result in results if result), None)
        if taken is not None and result is not None:
            return legend(taken, result.settings["classes"])
    return []


def _facts(table: GapTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    settings = table.plan["settings"]
    return [
        ("measured", table.classes, "mean IoU over these classes, on the target's test part"),
        ("network", table.plan["backbone"], f"from weights: {settings['weights'] or 'none'}"),
        (
            "pictures",
            settings["size"] or "of their own size",
            f"{settings['steps']:,} steps of {settings['batch_size']}",
        ),
        ("augmentation", settings["augment"], "the same for all three networks of a row"),
        ("protocol", settings["protocol"], f"weights chosen by: {settings['select']}; target labels had no say"),
        ("seed", str(table.plan["seed"]), "one: what chance contributes is unknown"),
        ("oracle", UPPER, "saw target labels that the setting does not give"),
        (
            "proxy A-distance",
            "features of places in the images, under source-only",
            "0 cannot be told apart, 2 told apart perfectly",
        ),
        *(("note", note, "") for note in table.notes),
    ]
