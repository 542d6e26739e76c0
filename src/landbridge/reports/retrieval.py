"""The report of a search: the query, a picture or a sentence, and what was found, as a page of pictures."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from landbridge.reports.pages import write_page

LARGE, SMALL = 640, 300
"""Longest side of the query's picture and of a hit's, in pixels: twice what the page shows, for sharp screens."""

FEW_PIXELS = 64
"""Pictures up to this side keep their pixels and are shown as squares of one colour; larger ones become JPEG."""


@dataclass(frozen=True)
class Shown:
    """One picture on the page, with what is written below it.

    Attributes:
        path: where it lies.
        picture: as a `data:` address; None where it is no longer to be had.
        pixelated: whether its pixels shall be seen.
        label: its class, where that is known.
        score: how near it is to the query; None for the query itself.
        fits: whether it is of the query's class; None where one of the two is not known.
        itself: whether it is the very image that was looked for.
    """

    path: str
    picture: str | None
    pixelated: bool
    label: str | None = None
    score: float | None = None
    fits: bool | None = None
    itself: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return Path(self.path).name

    @property
    def mark(self) -> str:
        """A symbol, so that nobody needs to tell colours apart."""
        return {True: "✓", False: "✗", None: ""}[self.fits]


def shown(
    path: str,
    image: Tensor | None,
    side: int = SMALL,
    *,
    label: str | None = None,
    score: float | None = None,
    fits: bool | None = None,
    itself: bool = False,
) -> Shown:
    """An image ready for the page.

    Args:
        path: where it lies.
        image: uint8 [1 or 3, H, W]; None where it is no longer to be had.
        side: longest side in pixels; larger ones are made smaller.
        label: its class.
        score: how near it is to the query.
        fits: whether it is of the query's class.
        itself: whether it is the very image that was looked for.

    >>> import torch
    >>> card = shown("a/b.png", torch.zeros(1, 8, 8, dtype=torch.uint8), score=0.5)
    >>> card.name, card.pixelated, card.picture[:22]
    ('b.png', True, 'data:image/png;base64,')
    """
    if image is None:
        return Shown(path, None, False, label, score, fits, itself)
    pixelated = max(image.shape[1:]) <= FEW_PIXELS
    return Shown(path, _address(image, side, "PNG" if pixelated else "JPEG"), pixelated, label, score, fits, itself)


def write_search_report(
    folder: Path, query: Shown | str, hits: Sequence[Shown], facts: Sequence[tuple[str, str]], command: str = ""
) -> Path:
    """Write `report.html`: one file with all pictures in it.

    Args:
        folder: where to.
        query: what was looked for: a picture, or a sentence.
        hits: what was found, the nearest first.
        facts: what was searched and how: (what, which).
        command: the command line that does it again.

    Returns:
        The path of the report.
    """
    judged = [hit for hit in hits if hit.fits is not None]
    picture = query if isinstance(query, Shown) else None
    return write_page(
        folder,
        "search.html.j2",
        query=picture,
        sentence=None if isinstance(query, Shown) else query,
        name=picture.name if picture else f"“{query}”",
        hits=hits,
        facts=facts,
        command=command,
        same=sum(hit.fits is True for hit in judged),
        judged=len(judged),
    )


def _address(image: Tensor, side: int, kind: str) -> str:
    """The image as a `data:` address, no side of it longer than `side`."""
    colour = image.expand(3, -1, -1) if image.shape[0] == 1 else image[:3]
    picture = Image.fromarray(colour.permute(1, 2, 0).contiguous().numpy())
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, format=kind, optimize=True, **({"quality": 86} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64," + base64.b64encode(out.getvalue()).decode()
