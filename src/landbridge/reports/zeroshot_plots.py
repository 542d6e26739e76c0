"""The drawings of zero-shot learning: methods, seen classes against unseen ones, images and names in one space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from landbridge.core.text import percent
from landbridge.reports.drawing import canvas, hue, ink, responsive, svg
from landbridge.reports.embedding import embed
from landbridge.reports.plots import NARROW, WIDE, short
from landbridge.zeroshot.base import unit_rows
from landbridge.zeroshot.table import ZeroShotTable

LINES = ("after", "source", "target", "third", "oracle", "wrong")
"""The colours of methods in the curve; more cannot be told apart."""

NAMED = 24
"""Up to so many classes in the plane have a colour of their own."""

Array = NDArray[Any]


def bars(table: ZeroShotTable) -> Markup:
    """T1 and H of each method, with 95 % intervals over seeds, and a line where guessing is."""
    shown = {"T1": "after", "H": "source"}

    def draw(narrow: bool) -> Canvas:
        rows = table.rows[::-1]
        figure, (axes,) = canvas(NARROW if narrow else WIDE, (64 if narrow else 44) * len(rows) + 66)
        for y, row in enumerate(rows):
            for place, (key, role) in enumerate(shown.items()):
                figures = row.figures[key]
                thick = 0.24 if narrow else 0.33
                bottom = y - 0.04 - thick * place if narrow else y + 0.02 - thick * place
                axes.add_patch(Rectangle((0, bottom), 100 * figures.mean, thick - 0.04, color=ink(role), lw=0))
                middle = bottom + (thick - 0.04) / 2
                if figures.interval:
                    ends = [100 * min(max(end, 0.0), 1.0) for end in figures.interval]
                    axes.plot(ends, [middle] * 2, color=ink("ink"), lw=1.4)
                axes.text(102, middle, percent(figures.mean), va="center", fontsize=12, color=ink(role), weight="bold")
            if narrow:
                axes.text(0, y + 0.36, row.method, va="center", fontsize=12, color=ink("ink"))
        axes.plot([100 * table.chance] * 2, [-0.5, len(rows) - 0.45], color=ink("muted"), lw=1.4, ls=(0, (3, 3)))
        axes.text(
            100 * table.chance + 0.8, len(rows) - 0.48, "chance, T1", va="bottom", fontsize=12, color=ink("muted")
        )
        axes.set(xlim=(0, 100), ylim=(-0.55, len(rows) - 0.2))
        axes.set_yticks([] if narrow else range(len(rows)), [] if narrow else [row.method for row in rows])
        axes.tick_params(axis="y", labelcolor=ink("ink"), pad=8)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("class-averaged (%)")
        axes.spines["left"].set_visible(False)
        return figure

    said = "; ".join(f"{row.method} T1 {row.figures['T1'].text}, H {row.figures['H'].text}" for row in table.rows)
    return responsive(draw, "bars", f"Bars by method, in percent: {said}; chance {percent(table.chance)}")


def leaders(table: ZeroShotTable) -> list[tuple[str, str]]:
    """(method, colour role) of those in the curve: the largest areas first."""
    rows = sorted(table.rows, key=lambda row: -row.figures["AUSUC"].mean)
    return [(row.method, role) for row, role in zip(rows, LINES)]


def curve(table: ZeroShotTable) -> Markup:
    """S over U while gamma grows: a dot where validation classes put it, a ring where nothing is calibrated."""
    lines = [(table.row(method), role) for method, role in leaders(table)]

    def draw(narrow: bool) -> Canvas:
        figure, (axes,) = canvas(NARROW if narrow else 560, 330 if narrow else 440)
        ends = []
        for row, role in reversed(lines):
            cell, colour = row.first, ink(role)
            seen, unseen = (100 * np.array(cell["curve"][side]) for side in ("seen", "unseen"))
            axes.plot(unseen, seen, color=colour, lw=2)
            for place, fill in (("0", ink("paper")), ("", colour)):
                at = [100 * cell["metrics"][f"{side}{place}"] for side in ("U", "S")]
                axes.plot(*([value] for value in at), "o", ms=8, mfc=fill, mec=colour, mew=2, zorder=5)
            ends.append((seen[0], row.method, role))
        top = 1.04 * max(max(axes.get_ylim()), max(axes.get_xlim()))
        limit = min(100.0, top)
        axes.set(xlim=(0, limit), ylim=(0, limit), xlabel="unseen classes, U (%)", ylabel="seen classes, S (%)")
        axes.grid(lw=0.6)
        axes.set_axisbelow(True)
        return figure

    said = "; ".join(f"{row.method} {percent(row.first['metrics']['AUSUC'])}" for row, _ in lines)
    return responsive(draw, "curve", f"Accuracy on seen over unseen classes; area under it: {said}")


def plane(points: Array, labels: Array, names: Array, classes: Sequence[str], unseen: Sequence[bool]) -> Markup:
    """Images and the descriptions of their classes on one plane by t-SNE; unseen classes are named in bold.

    Both are centred first, each by itself: what all images share, or all descriptions, would set the two apart and says
    nothing of classes.

    Args:
        points: images in the space of the descriptions [n, A].
        labels: their classes, as rows of `names` [n].
        names: descriptions of the classes in that space [C, A].
        classes: what the classes are called [C].
        unseen: which of them were never seen [C].
    """
    images, places = embed(unit_rows(points - points.mean(0)), unit_rows(names - names.mean(0)))
    figure, (axes,) = canvas(WIDE, 620)
    coloured = [c for c, new in enumerate(unseen) if new][:NAMED]
    others = ~np.isin(labels, coloured)
    axes.plot(*images[others].T, "o", ms=4, mfc=ink("line"), mec="none")
    for place, c in enumerate(coloured):
        axes.plot(*images[labels == c].T, "o", ms=5, mfc=hue(place, len(coloured)), mec="none", alpha=0.75)
    for c, (x, y) in enumerate(places):
        style: dict[str, Any]
        if c in coloured:
            style = {"color": hue(coloured.index(c), len(coloured)), "weight": "bold", "fontsize": 14, "zorder": 6}
        else:
            style = {"color": ink("muted"), "fontsize": 10, "zorder": 3}
        axes.plot([x], [y], "s", ms=7 if c in coloured else 4, color=style["color"], zorder=style["zorder"])
        axes.text(x + 0.018, y, short(classes[c], 22), va="center", **style)
    axes.set(xlim=(-1.04, 1.16), ylim=(-1.04, 1.04))
    axes.set_axis_off()
    told = ", ".join(classes[c] for c in coloured)
    return svg(figure, "space", f"Images and class names by t-SNE in one space; in colour the unseen ones: {told}")


def confusable(table: ZeroShotTable, cell: dict[str, Any]) -> Array:
    """Counts of unseen classes called one another [unseen, unseen]."""
    counts = np.zeros((len(table.unseen), len(table.unseen)))
    for truth, called, count in cell["confused"]:
        counts[truth, called] = count
    return counts
