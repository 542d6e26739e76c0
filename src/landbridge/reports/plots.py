"""The drawings of a report. Each returns markup that stands in the page and takes its colours."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from landbridge.core.text import percent
from landbridge.evaluation.table import LOWER, REFERENCES, Row, Table, spread
from landbridge.reports.drawing import canvas, hue, ink, responsive, svg
from landbridge.reports.evidence import Curve

WIDE, NARROW, HALF = 940, 350, 440
"""Widths in pixels: of the page's column, of a phone, of half the column."""


_ASIDE: dict[str, Any] = {"color": ink("muted"), "fontsize": 12}
_BESIDE: dict[str, Any] = {"color": ink("ink"), "va": "center", "fontsize": 12}


def short(name: str, most: int = 16) -> str:
    """A name cut to fit.

    >>> short("a very long name of a class")
    'a very long nam…'
    """
    return name if len(name) <= most else name[: most - 1] + "…"


def role_of(row: Row, table: Table) -> str:
    """The colour of a method: of an oracle, of what is to be beaten, of adaptation, and of fine-tuning beside that."""
    if row.oracle or row.method == LOWER:
        return "oracle" if row.oracle else "before"
    if table.mixed:
        return "third" if row.tuned else "after"
    return "before" if row.method in REFERENCES else "after"


def label_of(row: Row, table: Table) -> str:
    """What a method is called where not all have seen as many labels."""
    return f"{row.label} ({row.labels} seen)" if table.mixed and row.tuned else row.label


def bars(table: Table) -> Markup:
    """Each method's headline metric, the gap between source-only and oracle shaded, intervals and seeds marked."""
    low = table.lower.mean if table.lower else None
    high = table.oracle.mean if table.oracle else None

    def draw(narrow: bool) -> Figure:
        rows = table.rows[::-1]
        figure, (axes,) = canvas(NARROW if narrow else WIDE, (58 if narrow else 50) * len(rows) + 52)
        if low is not None and high is not None and high > low:
            axes.axvspan(100 * low, 100 * high, color=ink("oracle"), alpha=0.13, lw=0)
            text = f"the gap: {100 * (high - low):.1f} points"
            axes.text(50 * (low + high), len(rows) - 0.38, text, ha="center", va="bottom", **_ASIDE)
        for y, row in enumerate(rows):
            _bar(axes, y, row, table, narrow)
        axes.set(xlim=(0, 100), ylim=(-0.55, len(rows) - (0.4 if narrow else 0.45)))
        axes.set_yticks([] if narrow else range(len(rows)), [] if narrow else [label_of(row, table) for row in rows])
        axes.tick_params(axis="y", labelcolor=ink("ink"), pad=8)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(f"{table.measure} (%)")
        axes.spines["left"].set_visible(False)
        return figure

    said = "; ".join(f"{label_of(row, table)} {spread(row)} %" for row in table.rows)
    return responsive(draw, "bars", f"Bars of {table.measure}: {said}")


def _bar(axes: Axes, y: int, row: Row, table: Table, narrow: bool) -> None:
    colour = ink(role_of(row, table))
    height, bottom = (0.34, y - 0.34) if narrow else (0.5, y - 0.25)
    middle = bottom + height / 2
    if row.mean is not None:
        style = {"facecolor": "none", "linestyle": (0, (4, 3))} if row.oracle else {"facecolor": colour}
        axes.add_patch(Rectangle((0, bottom), 100 * row.mean, height, edgecolor=colour, lw=1.4, **style))
        if row.interval:
            ends = [100 * min(max(end, 0.0), 1.0) for end in row.interval]
            axes.plot(ends, [middle] * 2, color=ink("ink"), lw=1.6)
            for end in ends:
                axes.plot([end] * 2, [middle - 0.07, middle + 0.07], color=ink("ink"), lw=1.6)
        known = [100 * value for value in row.values if value is not None]
        if len(known) > 1:
            axes.plot(known, [middle] * len(known), "o", ms=5, mfc=ink("paper"), mec=ink("ink"), mew=1, zorder=5)
    if narrow:
        axes.text(0, y + 0.2, label_of(row, table), **_BESIDE)
        axes.text(100, y + 0.2, spread(row), ha="right", weight="bold", **_BESIDE)
    else:
        axes.text(102, y, spread(row), weight="bold", **_BESIDE)


def training(
    curves: dict[str, list[Curve]], roles: dict[str, str], name: str, *, limits: tuple[float, float] | None = None
) -> Markup:
    """Curves over training steps, each seed faintly and their smoothed mean on top, labelled at their ends.

    Args:
        curves: what is shown -> one curve a seed.
        roles: what is shown -> colour role.
        name: of the drawing.
        limits: of the vertical axis; by default what the curves need.
    """
    figure, (axes,) = canvas(400, 250)
    if limits:
        axes.axhline(0.5, color=ink("line"), lw=1, ls=(0, (2, 3)))
    ends = []
    for what, seeds in curves.items():
        colour, dashed = ink(roles[what]), (0, (5, 3)) if what == "lambda" else "solid"
        calm = [smooth(values) for _, values in seeds]
        for steps, values in seeds:
            if what != "lambda":
                axes.plot(steps, values, color=colour, lw=0.8, alpha=0.25)
        steps = min((steps for steps, _ in seeds), key=len)
        mean = [fmean(values) for values in zip(*(calm if what != "lambda" else [v for _, v in seeds]))]
        axes.plot(steps, mean, color=colour, lw=2.2, ls=dashed)
        ends.append((mean[-1], what, colour))
    if limits:
        axes.set_ylim(*limits)
    else:
        highest = [np.percentile(values, 98) for seeds in curves.values() for _, values in seeds]
        lowest = [min(values) for seeds in curves.values() for _, values in seeds]
        axes.set_ylim(min(0.0, *lowest) if len(lowest) > 1 else min(0.0, lowest[0]), max(1e-3, 1.08 * max(highest)))
    bottom, top = axes.get_ylim()
    ends.sort()
    places = spread_out([value for value, _, _ in ends], 0.075 * (top - bottom), bottom, top)
    for y, (_, what, colour) in zip(places, ends):
        at = (1.02, (y - bottom) / (top - bottom))
        axes.text(*at, what, color=colour, va="center", fontsize=12, transform=axes.transAxes)
    axes.set_xlabel("step")
    axes.set_xlim(left=0)
    axes.grid(axis="y", lw=0.6)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    said = "; ".join(f"{what} ends at {value:.2f}" for value, what, _ in ends)
    return svg(figure, name, f"Curves over training steps: {said}")


def smooth(values: Sequence[float]) -> list[float]:
    """The mean over a window of about a fifteenth of the curve that ends at each point, for the eye.

    >>> smooth([1.0, 2.0, 3.0])
    [1.0, 2.0, 3.0]
    """
    width = max(1, len(values) // 15)
    return [fmean(values[max(0, i + 1 - width) : i + 1]) for i in range(len(values))]


def spread_out(values: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Ascending places moved as little as needed to stand `distance` apart between `low` and `high`.

    >>> spread_out([0.9, 0.95, 1.0], 0.2, 0.0, 1.0)
    [0.6, 0.8, 1.0]
    """
    places = [min(max(value, low), high) for value in values]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + distance)
    ceiling = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - distance
    return [round(place, 6) for place in places]


def distances(rows: Sequence[tuple[str, float, str]]) -> Markup:
    """Proxy A-distances on a line from 0 (indistinguishable) to 2 (told apart perfectly): (name, value, role)."""

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 40 * len(rows) + 54)
        for y, (name, value, role) in enumerate(rows[::-1]):
            axes.plot([0, 2], [y, y], color=ink("line"), lw=1)
            axes.plot([0, value], [y, y], color=ink(role), lw=2.4)
            axes.plot([value], [y], "o", ms=10, mfc=ink(role), mec=ink("paper"), mew=1.5)
            axes.text(0, y + 0.32, short(name, 34), **_BESIDE)
            axes.text(2, y + 0.32, f"{value:.2f}", ha="right", weight="bold", **_BESIDE)
        axes.set(xlim=(0, 2.04), ylim=(-0.45, len(rows) - 0.45), yticks=[])
        axes.set_xticks([0, 0.5, 1, 1.5, 2])
        axes.set_xlabel("0 cannot be told apart · 2 told apart perfectly")
        axes.spines["left"].set_visible(False)
        return figure

    said = "; ".join(f"{name} {value:.2f}" for name, value, _ in rows)
    return responsive(draw, "distance", f"Proxy A-distance: {said}")


def paired(
    classes: Sequence[str],
    before: Sequence[float | None] | None,
    after: Sequence[float | None],
    name: str,
    what: str,
    highest: float | None = None,
) -> Markup:
    """One line a class, from a hollow ring (before) to a dot (after); in two columns where classes are many."""
    earlier = list(before) if before else [None] * len(after)
    top = highest or 1.05 * max((v for v in (*earlier, *after) if v is not None), default=1.0) or 1.0

    def lines(axes: Axes, part: range) -> None:
        for y, i in enumerate(reversed(part)):
            old, new = earlier[i], after[i]
            axes.plot([0, 100 * top], [y, y], color=ink("line"), lw=0.7, zorder=0)
            if old is not None and new is not None:
                worse = new < old and what != "share"
                axes.plot([100 * old, 100 * new], [y, y], color=ink("wrong" if worse else "after"), lw=2, alpha=0.55)
            if old is not None:
                axes.plot([100 * old], [y], "o", ms=8, mfc=ink("paper"), mec=ink("before"), mew=2)
            if new is None:
                axes.text(0, y, " no examples", va="center", **_ASIDE)
            else:
                axes.plot([100 * new], [y], "o", ms=8, mfc=ink("after"), mec=ink("after"))
        axes.set_yticks(range(len(part)), [short(classes[i]) for i in reversed(part)])
        axes.tick_params(axis="y", labelcolor=ink("ink"))
        axes.set_xlim(-2 * top, 102 * top)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"{what} (%)")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)

    def draw(narrow: bool) -> Figure:
        columns = 1 if narrow or len(after) < 12 else 2
        length = math.ceil(len(after) / columns)
        figure, every = canvas(NARROW if narrow else WIDE, 24 * length + 46, columns)
        parts = [range(start, min(start + length, len(after))) for start in range(0, len(after), length)]
        for axes, part in zip(every, parts):
            lines(axes, part)
            axes.set_ylim(len(part) - length - 0.7, len(part) - 0.3)
        return figure

    said = "; ".join(f"{name} {percent(a)} to {percent(b)}" for name, a, b in zip(classes, earlier, after))
    return responsive(draw, name, f"{what} by class, before to after, in percent: {said}")


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], name: str, title: str) -> Markup:
    """Truth in rows, prediction in columns, each row in shares; errors in another colour than what is right."""
    counts = np.asarray(matrix, dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n = len(shares)
    figure, (axes,) = canvas(HALF, HALF)
    for i, j in zip(*np.nonzero(shares > 0.004)):
        colour, alpha = ink("after" if i == j else "wrong"), round(0.08 + 0.92 * shares[i, j], 3)
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=colour, alpha=alpha, lw=0))
        if n <= 12 and shares[i, j] >= 0.015:
            tone = ink("paper" if shares[i, j] > 0.7 else "ink")
            axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center_baseline", fontsize=10, color=tone)
    every = 1 if n <= 26 else 5
    ticks = list(range(0, n, every))
    size = 12 if n <= 14 else 10
    upright = max((len(name) for name in classes), default=0) <= 3 and n <= 26
    axes.set_xticks(ticks, [short(classes[i], 10) for i in ticks], rotation=0 if upright else 90, fontsize=size)
    axes.set_yticks(ticks, [short(classes[i], 10) for i in ticks], fontsize=size)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), xlabel="called", ylabel="truth", aspect="equal")
    for side in axes.spines.values():
        side.set_visible(True)
    right = float(np.trace(counts) / max(counts.sum(), 1))
    return svg(figure, name, f"Confusion matrix of {title}: {percent(right)} % of the examples lie on the diagonal")


def mistakes(matrix: Sequence[Sequence[int]], classes: Sequence[str], most: int = 3) -> list[str]:
    """The commonest errors in words: truth, what it was called, and the share of that class.

    >>> mistakes([[8, 2], [0, 4]], ["cat", "dog"])
    ['cat called dog (20 %)']
    """
    counts = np.asarray(matrix, dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:most]
    found = [(i, j, shares[i, j]) for i, j in zip(*np.unravel_index(order, shares.shape))]
    return [f"{classes[i]} called {classes[j]} ({100 * share:.0f} %)" for i, j, share in found if share > 0]


Points = NDArray[np.float64]
Labels = NDArray[np.int64]


def by_domain(source: Points, target: Points, name: str, alt: str) -> Markup:
    """Points of two domains: source as dots, target as rings, in their colours."""

    def draw(axes: Axes) -> None:
        axes.plot(*source.T, "o", ms=5, mfc=ink("source"), mec="none", alpha=0.6)
        axes.plot(*target.T, "o", ms=4.6, mfc="none", mec=ink("target"), mew=1.2, alpha=0.85)

    return _plane(draw, name, alt)


def by_class(
    source: Points, target: Points, labels: tuple[Labels, Labels], classes: Sequence[str], name: str, alt: str
) -> Markup:
    """The same points coloured by class, the classes named where their source examples lie."""

    def draw(axes: Axes) -> None:
        for number in range(len(classes)):
            colour = hue(number, len(classes))
            axes.plot(*source[labels[0] == number].T, "o", ms=5, mfc=colour, mec="none", alpha=0.6)
            axes.plot(*target[labels[1] == number].T, "o", ms=4.6, mfc="none", mec=colour, mew=1.2, alpha=0.85)
        taken: list[Points] = []
        for number in range(len(classes) if len(classes) <= 20 else 0):
            place = _thick(source[labels[0] == number])
            if place is not None and all(np.abs(place - other).max() > 0.13 for other in taken):
                taken.append(place)
                text = short(classes[number], 9)
                axes.text(
                    float(place[0]), float(place[1]), text, ha="center", va="center", color=ink("ink"), fontsize=14
                )

    return _plane(draw, name, alt)


def _thick(points: Points) -> Points | None:
    """Where the points of a class lie thickest: the one nearest to its eighth neighbour."""
    if len(points) < 3:
        return None
    apart = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)
    place: Points = points[apart[:, min(8, len(points) - 1)].argmin()]
    return place


def _plane(draw: Callable[[Axes], None], name: str, alt: str) -> Markup:
    figure, (axes,) = canvas(320, 320)
    draw(axes)
    axes.set(xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
    axes.set_axis_off()
    return svg(figure, name, alt, "plane")
