"""The report of a study over shots: accuracy over labelled examples a class, the gap to what was learned below it."""

from collections.abc import Callable, Mapping
from math import ceil, floor
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, NullLocator

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.shots import Point, ShotsTable, a_few, read_shots
from landbridge.reports.drawing import canvas, hue, hue_css, responsive
from landbridge.reports.pages import write_page
from landbridge.reports.plots import NARROW, WIDE, spread_out


def write_shots_report(folder: Path) -> ShotsTable:
    """Write `table.json`, `table.md` and `report.html` into a folder of cells, from those that are finished.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    table = read_shots(folder)
    write_json(table.folder / "table.json", table.to_json())
    write_text(table.folder / "table.md", table.to_markdown())
    hues = {method: hue_css(number, len(table.rows)) for number, method in enumerate(table.rows)}
    write_page(
        table.folder,
        "shots.html.j2",
        table=table,
        plan=table.plan,
        hues=hues,
        tiles=_tiles(table),
        accuracy=accuracy_over_shots(table),
        gap=gap_over_shots(table),
        facts=_facts(table),
    )
    return table


def accuracy_over_shots(table: ShotsTable) -> Markup:
    """A line a method with the band of its 95 % interval; broken for classifiers on frozen features."""
    said = " ".join(table.verdicts())
    return _over_shots(table, lambda point: point.test.mean, "accuracy", f"{table.metric} (%)", 420, said, bands=True)


def gap_over_shots(table: ShotsTable) -> Markup:
    """How many points the examples that were learned flatter by, a line a method."""
    ends = {method: points[max(points)].gap for method, points in table.rows.items()}
    said = f"with the most labels: {'; '.join(f'{method} {percent(gap)}' for method, gap in ends.items())}"
    return _over_shots(table, lambda point: point.gap, "gap", "points above the test", 260, said)


def _over_shots(
    table: ShotsTable,
    value: Callable[[Point], float],
    name: str,
    label: str,
    height: int,
    said: str,
    *,
    bands: bool = False,
) -> Markup:
    """A value of each method over shots on a logarithmic axis, the lines named at their ends."""
    values = [100 * value(point) for points in table.rows.values() for point in points.values()]
    # Few draws have intervals of any width: the frame holds the lines, and may cut the bands.
    bottom, top = max(0, 5 * floor(min(values) / 5 - 1)), min(100, 5 * ceil(max(values) / 5 + 1))

    def line(axes: Axes, colour: str, style: Any, points: Mapping[int, Point]) -> None:
        if bands:
            ends = [point.test.interval or (point.test.mean,) * 2 for point in points.values()]
            low, high = ([100 * end for end in side] for side in zip(*ends))
            axes.fill_between(list(points), low, high, color=colour, alpha=0.14, lw=0)
        axes.plot(
            list(points), [100 * value(p) for p in points.values()], color=colour, ls=style, lw=2, marker="o", ms=5
        )

    def draw(narrow: bool) -> Canvas:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 0.8 * height if narrow else height)
        axes.set_xscale("log")
        ends = []
        for number, (method, points) in enumerate(table.rows.items()):
            colour = hue(number, len(table.rows))
            line(axes, colour, (0, (4, 2)) if method in table.plan["on_features"] else "solid", points)
            ends.append((100 * value(points[max(points)]), method, colour))
        axes.set_xticks(table.shots, list(map(str, table.shots)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlabel="labelled examples a class", ylabel=label, ylim=(bottom, top))
        axes.grid(axis="y", lw=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        ends.sort()
        places = spread_out([end for end, _, _ in ends], 20 / height * (top - bottom), bottom, top)
        for y, (_, method, colour) in zip(places, ends):
            at = (1.02, (y - bottom) / (top - bottom))
            axes.text(*at, method, color=colour, va="center", fontsize=12, transform=axes.transAxes)
        return figure

    return responsive(draw, name, f"{label} over labelled examples a class: {said}")


def _tiles(table: ShotsTable) -> list[tuple[str, str, str]]:
    """The best method for each number of labels: (what, number, remark)."""
    tiles = []
    for shots in table.shots:
        best, level = table.best(shots)
        test = table.rows[best][shots].test
        remark = f"level with {a_few(level)}" if level else "beyond chance" if len(table.rows) > 1 else ""
        tiles.append((f"{shots} a class: {best}", f"{percent(test.mean)} %", remark))
    return tiles


def _facts(table: ShotsTable) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    plan, settings = table.plan, table.plan["settings"]
    trained = [method for method in plan["methods"] if method not in plan["on_features"]]
    ways = (
        f"{settings['ways']} of {plan['classes']} classes a draw" if settings["ways"] else f"{plan['classes']} classes"
    )
    facts = [
        ("domain", plan["target"], "; ".join([ways, *plan["notes"]])),
        ("network", plan["backbone"], f"trained on {plan['source']} first" if plan["source"] else ""),
        ("weights", settings["weights"] or "none", "where the network starts from"),
        (
            "draws",
            f"by seeds from {settings['seed']} on",
            "the same labels shown and the same others tested on for all",
        ),
        (
            "on frozen features",
            ", ".join(plan["on_features"]),
            "settings by cross-validation on the first draw's labels",
        ),
        (
            "trained",
            ", ".join(trained),
            f"{settings['steps']} steps of {settings['batch_size']}, rate {settings['rate']:g}, "
            f"augmentation {settings['augment']}",
        ),
        ("weights kept", "those of the last step", "test labels had no say; they are opened once, to measure"),
    ]
    return [fact for fact in facts if fact[1]]
