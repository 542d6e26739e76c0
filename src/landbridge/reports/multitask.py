"""The report of several tasks: mode beside mode, what weights and gradients did, how the numbers came about."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.multitask.table import MODES, MultitaskTable, Row, cells_of, read_table, said
from landbridge.reports import plots
from landbridge.reports.drawing import canvas, ink, responsive
from landbridge.reports.evidence import Curve
from landbridge.reports.pages import write_page
from landbridge.runs import Run

ROLES = {"joint": "after", "separate": "before", "sequential": "source"}
"""The colour of a mode."""

LINES = ("after", "target", "source", "third", "oracle", "wrong")
"""The colours of tasks."""


class Drawing(NamedTuple):
    """A drawing with a heading and what to see in it."""

    title: str
    drawing: Markup
    caption: str


def write_multitask_report(folder: Path) -> MultitaskTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    table = read_table(folder)
    write_json(table.folder / "table.json", table.to_json())
    write_text(table.folder / "table.md", table.to_markdown())
    write_page(
        table.folder,
        "multitask.html.j2",
        {"said": said},
        table=table,
        plan=table.plan,
        modes=MODES,
        roles=ROLES,
        verdicts=[(_tone(row, other), text) for row in table.rows for other in MODES if (text := _against(row, other))],
        tiles=_tiles(table),
        bars=bars(table),
        drawings=_drawings(table),
        facts=_facts(table),
    )
    return table


def bars(table: MultitaskTable) -> Markup:
    """Each task's metric by mode, with the 95 % interval and the seeds."""
    lines = [(row, mode) for row in table.rows for mode in table.modes if mode in row.figures]
    lowest = 100 * min(0.0, *(value for row, mode in lines for value in row.figures[mode].values.values()))

    def draw(narrow: bool) -> Canvas:
        gaps = len(table.rows) - 1
        height = (46 if narrow else 34) * len(lines) + 26 * gaps + 52
        figure, (axes,) = canvas(plots.NARROW if narrow else plots.WIDE, height)
        y, places = 0.0, list[float]()
        for number, (row, mode) in enumerate(lines):
            y -= 1.0 if number == 0 or lines[number - 1][0] is row else 1.7
            places.append(y)
            found, colour = row.figures[mode], ink(ROLES[mode])
            bottom, thick = (y - 0.4, 0.36) if narrow else (y - 0.32, 0.64)
            axes.add_patch(Rectangle((0, bottom), 100 * found.mean, thick, facecolor=colour, edgecolor=colour))
            middle = bottom + thick / 2
            if found.interval:
                ends = [min(max(100 * end, lowest), 100) for end in found.interval]
                axes.plot(ends, [middle] * 2, color=ink("ink"), lw=1.6)
            values = [100 * value for value in found.values.values()]
            axes.plot(values, [middle] * len(values), "o", ms=4.5, mfc=ink("paper"), mec=ink("ink"), mew=1, zorder=5)
            beside: dict[str, Any] = {"color": ink("ink"), "va": "center", "fontsize": 12}
            shown = percent(found.mean) + (f" ± {percent(found.deviation)}" if found.deviation is not None else "")
            if narrow:
                axes.text(lowest, y + 0.2, f"{plots.short(row.name)}, {mode}", **beside)
            axes.text(100 if narrow else 102, y + (0.2 if narrow else 0), shown, weight="bold",
                      ha="right" if narrow else "left", **beside)  # fmt: skip
        names = [f"{plots.short(row.name)}, {mode}" for row, mode in lines]
        axes.set_yticks([] if narrow else places, [] if narrow else names)
        axes.tick_params(axis="y", labelcolor=ink("ink"), pad=8)
        axes.set(xlim=(lowest, 100), ylim=(places[-1] - 0.6, -0.3))
        axes.set_xlabel(f"{' · '.join(dict.fromkeys(row.metric for row in table.rows))} (%)")
        axes.spines["left"].set_visible(False)
        return figure

    words = "; ".join(f"{row.name}, {mode}: {row.figures[mode].text} %" for row, mode in lines)
    return responsive(draw, "bars", f"Bars by task and mode: {words}")


def _drawings(table: MultitaskTable) -> list[Drawing]:
    """What the joint runs logged: weights over time, conflicts of gradients, accuracies on batches."""
    runs = [path for path, mode, _, _ in cells_of(table.folder, table.plan) if mode == "joint"]
    logs = [Run.open(path).read_log() for path in runs if (path / "metrics.json").is_file()]
    names = [row.name for row in table.rows]

    def curves(endings: Sequence[str]) -> dict[str, list[Curve]]:
        found: dict[str, list[Curve]] = {}
        for label, key in ((name or "conflicts", f"{name}{ending}") for ending in endings for name in names):
            for log in logs:
                rows = [(line["step"], line["value"]) for line in log if line["name"] == key]
                if rows:
                    found.setdefault(label, []).append(([step for step, _ in rows], [value for _, value in rows]))
        return found

    roles = {name: LINES[number % len(LINES)] for number, name in enumerate(names)}
    seeds = "Thin lines are seeds." if len(logs) > 1 else ""
    drawings = []
    if weights := curves(["_weight"]):
        text = f"How much each task's loss counts in the joint runs, as {table.plan['settings']['weighting']} chose."
        drawings.append(Drawing("Weights of the tasks", plots.training(weights, roles, "weights"), f"{text} {seeds}"))
    fights = [[(line["step"], line["value"]) for line in log if line["name"] == "conflict"] for log in logs]
    if any(fights):
        found = {"conflicts": [([s for s, _ in rows], [v for _, v in rows]) for rows in fights if rows]}
        drawing = plots.training(found, {"conflicts": "wrong"}, "conflicts", limits=(0.0, 1.04))
        text = "The share of pairs of tasks whose gradients in the shared layers pointed against each other."
        drawings.append(Drawing("Conflicts of gradients", drawing, f"{text} {seeds}"))
    if learned := curves(["_accuracy"]):
        drawing = plots.training(learned, roles, "learned", limits=(0.0, 1.04))
        drawings.append(Drawing("Learning", drawing, f"Accuracy on the training batches of the joint runs. {seeds}"))
    return drawings


def _against(row: Row, other: str) -> str:
    return row.verdict("joint", other) if other != "joint" else ""


def _tone(row: Row, other: str) -> str:
    """`good` or `bad` where the interval of the difference leaves 0 out."""
    found = row.difference("joint", other)
    if found is None or found.interval is None:
        return "unknown"
    low, high = found.interval
    return "good" if low > 0 else "bad" if high < 0 else "mixed"


def _tiles(table: MultitaskTable) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    tiles = []
    for row in table.rows:
        mode = "joint" if "joint" in row.figures else next(iter(row.figures))
        found = row.difference("joint", "separate")
        remark = f"{100 * found.mean:+.1f} points against separate" if found else row.metric
        tiles.append((f"{plots.short(row.name, 24)}, {mode}", f"{percent(row.figures[mode].mean)} %", remark))
    return tiles


def _facts(table: MultitaskTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    settings, seeds = table.plan["settings"], table.plan["seeds"]
    tasks = [
        (row.name, str(row.about["domain"]), f"{said(row)}; tested on {row.about['test']:,}" + _note(row))
        for row in table.rows
    ]
    networks = ", ".join(dict.fromkeys(table.plan["networks"].values()))
    joined = len(set(table.plan["networks"].values())) > 1
    return [
        *tasks,
        ("network", networks, f"joined in layers of {settings['width']}" if joined else "shared by all tasks"),
        ("weights", settings["weights"] or "none", "where the networks start from"),
        ("weighting", settings["weighting"], f"heads: {settings['head']}"),
        (
            "batches",
            f"{settings['steps']} of {settings['batch_size']}",
            "of each task, in each phase; data sets go round at their own pace",
        ),
        (
            "seeds",
            ", ".join(map(str, seeds)),
            "each draws the labels shown and the weights at the start, for all modes",
        ),
        ("weights kept", "those of the last step", "test labels had no say; they are opened once, to measure"),
    ]


def _note(row: Row) -> str:
    return f"; {row.about['note']}" if row.about["note"] else ""
