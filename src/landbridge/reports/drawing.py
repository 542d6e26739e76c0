"""From a Matplotlib figure to a drawing that lives in a page and takes its colours, light or dark, and its type."""

import base64
import io
import re
from collections.abc import Callable

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image

ROLES = ("ink", "muted", "line", "before", "after", "oracle", "source", "target", "paper", "wrong", "third")
"""What colours are used for. The style sheet gives each a value, `--ink` and so on, for light and for dark."""

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "landbridge",
    "text.parse_math": False,
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.solid_capstyle": "round",
}


def ink(role: str) -> str:
    """The stand-in for a colour role: Matplotlib draws with it, and `svg` puts the page's colour in its place.

    >>> ink("source")
    '#a10006'
    """
    return f"#a1{ROLES.index(role):04x}"


def hue(number: int, count: int) -> str:
    """The stand-in for the colour of a class: `count` hues around the circle."""
    return f"#b1{round(360 * number / max(count, 1)) % 360:04x}"


def hue_css(number: int, count: int) -> str:
    """The colour of a class in the page's own words.

    >>> hue_css(1, 4)
    'oklch(var(--class) 90)'
    """
    return _in_page(hue(number, count))


def canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of so many pixels, and its axes side by side, drawn in the page's manner."""
    with matplotlib.rc_context(_STYLE | _colours()):
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
        figure = Figure(figsize=(width / 72, height / 72), layout=layout)
        return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def svg(figure: Figure, name: str, alt: str, shape: str = "") -> Markup:
    """The figure as an SVG element to stand inside HTML.

    Args:
        figure: what `canvas` made.
        name: unique in the page; ids begin with it.
        alt: what a reader who cannot see it should know.
        shape: a class of the style sheet (`wide` or `narrow`: shown on one kind of screen only).
    """
    out = io.StringIO()
    with matplotlib.rc_context(_STYLE | _colours()):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = text.replace("xlink:href", "href")
    text = _ids(text, name)
    text = re.sub(r"<g([^>]*)>\s*((?:<use [^>]*/>\s*)+)</g>", _share_style, text)
    text = re.sub(r'transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    text = _in_page(text)
    text = re.sub(r">\s+<", "><", text)
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    opening = f'<svg class="drawing {escape(shape)}" role="img" aria-label="{escape(alt)}" {box[0]}>'
    return Markup(opening + text[text.index(">") + 1 :])


def responsive(draw: Callable[[bool], Figure], name: str, alt: str) -> Markup:
    """A drawing in two shapes, of which the screen shows the one that fits; `draw(True)` makes the narrow one."""
    wide, narrow = svg(draw(False), f"{name}-w", alt, "wide"), svg(draw(True), f"{name}-n", alt, "narrow")
    return wide + narrow


def picture(pixels: NDArray[np.uint8]) -> str:
    """An image [H, W, 3] as a `data:` address, without loss."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _colours() -> dict[str, str]:
    names = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {name: ink("muted") for name in names} | {"axes.edgecolor": ink("line"), "grid.color": ink("line")}


def _in_page(text: str) -> str:
    """The page's colours in place of their stand-ins."""
    text = re.sub(r"#a1([0-9a-f]{4})", lambda found: f"var(--{ROLES[int(found[1], 16)]})", text)
    return re.sub(r"#b1([0-9a-f]{4})", lambda found: f"oklch(var(--class) {int(found[1], 16)})", text)


def _share_style(found: re.Match[str]) -> str:
    """Say once, on the group, what many markers of one kind repeat."""
    styles = set(re.findall(r'style="([^"]*)"', found[2]))
    if len(styles) != 1:
        return found[0]
    bare = re.sub(r' style="[^"]*"', "", found[2])
    return f'<g{found[1]} style="{styles.pop()}">{bare}</g>'


def _ids(text: str, name: str) -> str:
    """Keep the ids that something refers to, with the drawing's name in front, and drop all others."""
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', text))
    text = re.sub(r' id="([\w.-]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    return re.sub(r'(href="|url\()#([\w.-]+)', rf"\1#{name}-\2", text)
