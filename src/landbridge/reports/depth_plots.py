"""The drawing of curves over copied layers, of one pair of domains or of several side by side."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from landbridge.core.text import percent
from landbridge.evaluation.study import Estimate
from landbridge.evaluation.table import METRICS
from landbridge.finetuning.depth import DepthTable
from landbridge.reports.drawing import canvas, ink, svg
from landbridge.reports.plots import NARROW, WIDE, short
from landbridge.reports.probing_plots import frame

ROLES = {"first": "source", "last": "target"}
"""The colour of an end."""

STYLES: dict[str, dict[str, Any]] = {
    "frozen": {"ls": (0, (4, 2)), "mfc": ink("paper")},
    "tuned": {"ls": "-"},
}
"""How a mode is drawn."""


def curves(tables: Sequence[DepthTable], name: str) -> Markup:
    """Accuracy over copied groups with 95 % intervals, a panel a table; on a phone one below the other."""
    alt = "; ".join(map(_said, tables))
    figure, every = canvas(WIDE, 400 if len(tables) < 3 else 360, len(tables))
    _panels(every, tables)
    wide = svg(figure, f"{name}-w", alt, "wide")
    narrow = Markup()
    for number, table in enumerate(tables):
        figure, every = canvas(NARROW, 300)
        _panels(every, [table], titled=len(tables) > 1)
        narrow += svg(figure, f"{name}-n{number}", _said(table), "narrow")
    return wide + narrow


def _panels(every: Sequence[Axes], tables: Sequence[DepthTable], *, titled: bool = False) -> None:
    """Each table on its axes, all with the same height, so that panels compare."""
    for axes, table in zip(every, tables):
        _panel(axes, table)
        frame(axes, f"{METRICS[table.metric]} (%)" if axes is every[0] else "")
        if titled or len(tables) > 1:
            origin = short(table.plan["source"] or "given weights", 28)
            axes.set_title(f"{origin}\nto {short(table.plan['target'], 26)}", loc="left", fontsize=12, color=ink("ink"))
    low, high = min(axes.get_ylim()[0] for axes in every), max(axes.get_ylim()[1] for axes in every)
    for axes in every:
        axes.set_ylim(low, high)


def _panel(axes: Axes, table: DepthTable) -> None:
    total, scratch = len(table.groups), table.scratch
    if scratch:
        axes.axhline(100 * scratch.mean, color=ink("before"), lw=1.6, ls=(0, (1, 2)))
    for number, (end, mode) in enumerate(table.lines):
        # A little to the side, so that bars do not hide each other.
        aside = 0.008 * total * (number - (len(table.lines) - 1) / 2)
        curve = table.curve(end, mode)
        colour = ink(ROLES[end])
        axes.errorbar(
            [count + aside for count in curve], [100 * figure.mean for figure in curve.values()], _bars(curve.values()),
            color=colour, lw=2.2, marker="o", ms=6, mec=colour, elinewidth=1.2, capsize=3, **STYLES[mode],
        )  # fmt: skip
    axes.set_xticks(table.depths, [str(count) for count in table.depths])
    axes.set_xlim(-0.05 * total, 1.05 * total)
    axes.set_xlabel(f"copied of {total} layer groups")


def _bars(figures: Any) -> list[list[float]]:
    """How far the 95 % intervals reach down and up, in percent; nothing of one seed."""
    ends = [figure.interval or (figure.mean, figure.mean) for figure in figures]
    down = [100 * (figure.mean - max(low, 0.0)) for figure, (low, _) in zip(figures, ends)]
    return [down, [100 * (min(high, 1.0) - figure.mean) for figure, (_, high) in zip(figures, ends)]]


def _said(table: DepthTable) -> str:
    lines = []
    for end, mode in table.lines:
        curve: dict[int, Estimate] = table.curve(end, mode)
        points = ", ".join(f"{count}: {percent(figure.mean)}" for count, figure in curve.items())
        lines.append(f"{end} {mode} {points}")
    return f"{METRICS[table.metric]} in percent over copied layer groups, {table.title}: {'; '.join(lines)}"
