"""The drawings of fine-tuning: which layer groups moved how far, and how several methods learned."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landbridge.core.text import percent
from landbridge.reports.drawing import canvas, ink, responsive
from landbridge.reports.plots import NARROW, WIDE, short, spread_out

ROLES = {
    "scratch": "before",
    "frozen": "source",
    "small-rate": "after",
    "full": "target",
    "gradual": "third",
    "lp-ft": "oracle",
    "l2-sp": "wrong",
    "lora": "ink",
}
"""The colours of the ways of fine-tuning, where they stand side by side."""


def layer_bars(groups: Sequence[Mapping[str, Any]]) -> Markup:
    """How far each layer group moved, from the stem at the top to the head at the bottom, and at what rate.

    Args:
        groups: `name`, `parameters`, `rate` (0: it stood still) and `moved` (relative; None: it was not copied).
    """
    rows = list(groups)[::-1]
    most = max((group["moved"] or 0.0 for group in rows), default=0.0) or 1.0

    def bar(axes: Axes, y: int, group: Mapping[str, Any], narrow: bool) -> None:
        still, middle = not group["rate"], y - 0.2 if narrow else y
        if group["moved"] is not None and not still:
            axes.barh(middle, 100 * group["moved"], 0.36 if narrow else 0.56, color=ink("after"))
        axes.plot([0, 0], [y - 0.4, y + 0.4], color=ink("line"), lw=1)
        said = "new" if group["moved"] is None else "frozen" if still else f"{100 * group['moved']:.2g} %"
        size = f"{group['parameters']:,} parameters"
        rate = "" if still else f" · rate {group['rate']:.2g}"
        beside: dict[str, Any] = {"va": "center", "fontsize": 12}
        place = 100 * (0 if still or group["moved"] is None else group["moved"]) + 1.5 * most
        axes.text(place, middle, said, color=ink("muted" if still else "ink"), weight="bold", **beside)
        if narrow:
            axes.text(0, y + 0.22, short(group["name"], 20), color=ink("ink"), **beside)
            axes.text(125 * most, y + 0.22, f"{size}{rate}", color=ink("muted"), ha="right", **beside)
        else:
            axes.text(180 * most, y, f"{size}{rate}", color=ink("muted"), ha="right", **beside)

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, (44 if narrow else 26) * len(rows) + 46)
        for y, group in enumerate(rows):
            bar(axes, y, group, narrow)
        axes.set(xlim=(0, (125 if narrow else 180) * most), ylim=(-0.6, len(rows) - 0.4))
        axes.set_yticks(
            [] if narrow else range(len(rows)), [] if narrow else [short(group["name"], 22) for group in rows]
        )
        axes.tick_params(axis="y", labelcolor=ink("ink"))
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= 100 * most])
        axes.set_xlabel("distance from the start, relative to the weights (%)", loc="left")
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        return figure

    said = "; ".join(f"{g['name']} {'new' if g['moved'] is None else percent(g['moved'])}" for g in groups)
    return responsive(draw, "layers", f"How far each layer group moved, in percent of its weights: {said}")


def layer_lines(moved: Mapping[str, Sequence[tuple[str, float]]]) -> Markup:
    """How far the layer groups moved under each method, on a logarithmic scale: method -> (group, relative way)."""
    names = [name for name, _ in max(moved.values(), key=len)]

    def draw(narrow: bool) -> Figure:
        figure, (axes,) = canvas(NARROW if narrow else WIDE, 330)
        ends = []
        for method, ways in moved.items():
            at = [(names.index(name), 100 * way) for name, way in ways if way > 0]
            if not at:
                continue
            colour = ink(ROLES[method])
            axes.plot(*zip(*at), "o-", color=colour, ms=4.5, lw=1.8)
            ends.append((at[-1][1], method, colour))
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        for value, method, colour in _apart(ends, low, high):
            axes.text(1.015, value, method, color=colour, va="center", fontsize=12, transform=axes.transAxes)
        every = max(1, -(-len(names) // (5 if narrow else 12)))
        axes.set_xticks(range(0, len(names), every), [short(name, 12) for name in names[::every]], rotation=0)
        axes.set_xlim(-0.3, len(names) - 0.7)
        axes.set_ylabel("way from the start (%)")
        axes.grid(axis="y", lw=0.6)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.spines["left"].set_visible(False)
        if len(names) > 8 or narrow:
            axes.tick_params(axis="x", labelrotation=30)
        return figure

    last = {method: max((way for _, way in ways), default=0.0) for method, ways in moved.items()}
    said = "; ".join(f"{method} at most {percent(way)}" for method, way in last.items())
    return responsive(draw, "ways", f"How far the layer groups moved under each method, in percent: {said}")


def _apart(ends: Sequence[tuple[float, str, str]], low: float, high: float) -> list[tuple[float, str, str]]:
    """Labels at the ends of lines, in shares of a logarithmic axis, moved so that none covers another."""
    from math import log

    ordered = sorted(ends)
    shares = [log(value / low) / log(high / low) for value, _, _ in ordered]
    return [(y, *rest) for y, (_, *rest) in zip(spread_out(shares, 0.065, 0.0, 1.0), ordered)]  # type: ignore[misc]
