"""The drawings of a table of layers: accuracy over depth and over shots, confusions, the best layer on a plane."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from landbridge.core.text import percent
from landbridge.evaluation.snapshot import Snapshot
from landbridge.probing.published import LAYERS
from landbridge.probing.table import CLASSIFIER_NAMES, METRICS, Figure, LayerTable, Row
from landbridge.reports.drawing import canvas, hue, ink, responsive, svg
from landbridge.reports.embedding import embed
from landbridge.reports.plots import HALF, NARROW, WIDE, short, spread_out

ROLES = {"svm": "after", "softmax": "source", "knn": "third", "prototype": "target", "deep": "oracle", "ncm": "wrong"}
"""The colour of a classifier."""

LINES = ("after", "target", "source", "third", "oracle", "wrong")
"""The colours of domains side by side."""

SMALL = 20
"""Up to so many classes a confusion matrix can be read; above, the commonest confusions are listed."""

PAIRS = 12
"""How many confusions are listed."""

Counts = NDArray[np.float64]


def depth(table: LayerTable, name: str) -> Markup:
    """Accuracy over depth, a line a classifier with deviations, hand-crafted features and the published beside."""
    metric, rows = table.metric, [row for row in table.rows if table.most in row.figures]
    learned = [row for row in rows if not row.handcrafted]
    layers = list(dict.fromkeys(row.layer for row in learned))
    at = {layer: number for number, layer in enumerate(layers, 1)}

    def draw(narrow: bool) -> Canvas:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 300 if narrow else 400)
        ends: list[tuple[float, str, str]] = []
        for classifier in dict.fromkeys(row.classifier for row in learned):
            own = [row for row in learned if row.classifier == classifier]
            figures = [row.figures[table.most][metric] for row in own]
            _line(axes, [at[row.layer] for row in own], figures, ink(ROLES[classifier]))
            ends.append((100 * figures[-1].mean, CLASSIFIER_NAMES[classifier], ROLES[classifier]))
        for row in rows:
            if row.handcrafted:
                level = 100 * row.figures[table.most][metric].mean
                axes.axhline(level, color=ink("before"), lw=1.6, ls=(0, (2, 3)))
                ends.append((level, "HOG", "before"))
        theirs = sorted((layer, figure) for (kind, layer), figure in table.published.items() if kind == "svm")
        if theirs and table.whole:
            stretch = (len(layers) - 1) / (LAYERS - 1)
            places = [1 + (layer - 1) * stretch for layer, _ in theirs]
            means = [100 * figure.mean for _, figure in theirs]
            axes.errorbar(
                places, means, [100 * figure.deviation for _, figure in theirs], color=ink("muted"), lw=1.4, ls="--",
                marker="s", ms=4, elinewidth=1, zorder=1,
            )  # fmt: skip
            ends.append((means[-1], "published", "muted"))
        frame(axes, f"{METRICS[metric]} (%)")
        ticks = list(range(1, len(layers) + 1))
        step = max(1, round(len(ticks) / (8 if narrow else 20)))
        shown = [i for i in ticks if (i - 1) % step == 0 or layers[i - 1].number is None]
        axes.set_xticks(shown, [str(layers[i - 1].number or short(layers[i - 1].name, 9)) for i in shown])
        axes.set_xlim(0.6, len(layers) + 0.4)
        axes.set_xlabel("layer, as numbered in the table")
        _name_ends(axes, ends)
        return figure

    best = table.best
    said = f"{best.name} is best with {best.figures[table.most][metric].text} %"
    return responsive(draw, name, f"{METRICS[metric]} over depth on {table.domain}: {said}")


def over_shots(lines: Sequence[tuple[str, str, Row, str]], name: str) -> Markup:
    """Accuracy over labelled examples a class: (label, colour role, row, metric) a line."""

    def draw(narrow: bool) -> Canvas:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 300 if narrow else 400)
        every: set[int] = set()
        for _, role, row, metric in lines:
            shots = sorted(number for number in row.figures if number is not None)
            _line(axes, shots, [row.figures[number][metric] for number in shots], ink(role))
            every |= set(shots)
        axes.set_xscale("log")
        axes.set_xticks(sorted(every), [str(number) for number in sorted(every)])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("labelled examples a class")
        frame(axes, f"{METRICS[lines[0][3]]} (%)")
        return figure

    said = "; ".join(
        f"{label} from {percent(min(f[metric].mean for f in row.figures.values()))} "
        f"to {percent(max(f[metric].mean for f in row.figures.values()))} %"
        for label, _, row, metric in lines
    )
    return responsive(draw, name, f"Accuracy over labelled examples a class: {said}")


def _line(axes: Axes, places: Sequence[float], figures: Sequence[Figure], colour: str) -> None:
    means = [100 * figure.mean for figure in figures]
    spans = [100 * (figure.deviation or 0.0) for figure in figures]
    axes.errorbar(places, means, spans, color=colour, lw=2.2, marker="o", ms=6, elinewidth=1.4, capsize=3, capthick=1.4)


def frame(axes: Axes, label: str) -> None:
    """A percentage axis that begins where the lines do, so that what differs can be seen."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, 10 * np.floor(low / 10)), min(100.0, 10 * np.ceil(high / 10)))
    axes.set_ylabel(label)
    axes.grid(axis="y", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def _name_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    bottom, top = axes.get_ylim()
    ends.sort()
    places = spread_out([value for value, _, _ in ends], 0.07 * (top - bottom), bottom, top)
    for y, (_, text, role) in zip(places, ends):
        at = (1.02, (y - bottom) / (top - bottom))
        axes.text(*at, text, color=ink(role), va="center", fontsize=12, transform=axes.transAxes)


def counts_of(table: LayerTable) -> Counts:
    """Examples of class i called class j by the best layer, added up over draws; empty where nothing is called."""
    n = len(table.classes)
    counts = np.zeros((n, n))
    for result in table.best.results[table.most]:
        for truth, called, count in result["confused"]:
            counts[truth, called] += count
    return counts


def pairs(counts: Counts, classes: Sequence[str], most: int = PAIRS) -> list[tuple[int, int, float]]:
    """The commonest confusions: (truth, called, share of the class).

    >>> pairs(np.array([[8.0, 2.0], [0.0, 4.0]]), ["cat", "dog"])
    [(0, 1, 0.2)]
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, shares.shape))
    return [(int(i), int(j), float(shares[i, j])) for i, j in places if shares[i, j] > 0]


def confused(found: Sequence[tuple[int, int, float]], classes: Sequence[str], name: str, title: str) -> Markup:
    """The commonest confusions as bars, each with truth and call above it."""
    figure, (axes,) = canvas(HALF, 36 * len(found) + 20)
    longest = max(share for _, _, share in found)
    for y, (truth, called, share) in enumerate(reversed(found)):
        axes.plot([0, 1], [y, y], color=ink("line"), lw=5, solid_capstyle="butt")
        axes.plot([0, share / longest], [y, y], color=ink("wrong"), lw=5, solid_capstyle="butt")
        text = f"{short(classes[truth], 22)} called {short(classes[called], 22)}"
        axes.text(0, y + 0.24, text, va="bottom", fontsize=12, color=ink("ink"))
        axes.text(
            1, y + 0.24, f"{100 * share:.0f} %", ha="right", va="bottom", fontsize=12, weight="bold", color=ink("ink")
        )
    axes.set(xlim=(0, 1.001), ylim=(-0.3, len(found) - 0.1))
    axes.set_axis_off()
    said = "; ".join(f"{classes[i]} called {classes[j]} {100 * share:.0f} %" for i, j, share in found)
    return svg(figure, name, f"Commonest confusions of {title}: {said}")


def plane(taken: Snapshot, classes: Sequence[str], shown: Sequence[int], name: str, title: str) -> Markup:
    """Test examples by t-SNE of their features: some classes in colour, dots called rightly, rings wrongly."""
    points, _ = embed(taken["features"], taken["features"][:0])
    labels, right = taken["label"], taken["label"] == taken["predicted"]
    figure, (axes,) = canvas(HALF, HALF)
    others = ~np.isin(labels, shown)
    _dots(axes, points[others & right], ink("line"), filled=True)
    _dots(axes, points[others & ~right], ink("before"), filled=False)
    for place, number in enumerate(shown):
        mine = labels == number
        _dots(axes, points[mine & right], hue(place, len(shown)), filled=True)
        _dots(axes, points[mine & ~right], hue(place, len(shown)), filled=False)
    axes.set(xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
    axes.set_axis_off()
    named = ", ".join(classes[number] for number in shown)
    return svg(figure, name, f"t-SNE of the features of {title}; in colour: {named}", "plane")


def _dots(axes: Axes, points: NDArray[np.float64], colour: str, *, filled: bool) -> None:
    style: dict[str, Any] = {"mfc": colour, "mec": "none"} if filled else {"mfc": "none", "mec": colour, "mew": 1.3}
    axes.plot(*points.T, "o", ms=5, alpha=0.85, **style)
