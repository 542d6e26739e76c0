"""Scenes as a report shows them: images beside what segmenters call their pixels, in the benchmark's palette."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from landbridge.evaluation.scene_snapshot import has_truth
from landbridge.evaluation.snapshot import Snapshot
from landbridge.reports.drawing import picture

MOST = 4
"""How many scenes are shown."""


@dataclass(frozen=True)
class Tile:
    """A picture, and what a reader who cannot see it should know."""

    image: str
    alt: str


@dataclass(frozen=True)
class Panel:
    """Rows of pictures under common headings.

    Attributes:
        name: of the block in the page.
        heads: heading of each column.
        rows: as many pictures as there are heads in each.
    """

    name: str
    heads: list[str]
    rows: list[list[Tile]]


def colour_css(colour: Sequence[int]) -> str:
    """A colour in the page's words.

    >>> colour_css((128, 64, 128))
    'rgb(128 64 128)'
    """
    return f"rgb({' '.join(str(int(part)) for part in colour)})"


def legend(taken: Snapshot, classes: Sequence[str]) -> list[tuple[str, str]]:
    """Name and colour of each class, and of pixels without one."""
    every = [(name, colour_css(colour)) for name, colour in zip(classes, taken["colours"])]
    return [*every, ("no class", colour_css((0, 0, 0)))]


def painting(labels: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Class numbers [H, W] in their colours, [H, W, 3]; other numbers, void among them, are black.

    >>> painting(np.array([[1, 255]], np.uint8), np.array([[1, 1, 1], [9, 8, 7]], np.uint8)).tolist()
    [[[9, 8, 7], [0, 0, 0]]]
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    painted: NDArray[np.uint8] = table[labels]
    return painted


def heat(entropy: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shares of the largest entropy, 0 to 255 [H, W], from dark to bright, [H, W, 3]."""
    return np.ascontiguousarray(colormaps["magma"](entropy, bytes=True)[..., :3])


def answers(models: Sequence[tuple[str, Snapshot]], most: int = MOST) -> Panel:
    """Target images, what each model calls their pixels, and the truth where it is known.

    Args:
        models: heading and snapshot of each, earlier first; one that shows other images than the last is left out.
        most: how many images.
    """
    shown = _alike(models)
    last = shown[-1][1]
    known = has_truth(last)
    heads = ["input", *(name for name, _ in shown), *(["truth"] if known else [])]
    rows = []
    for i, image in enumerate(last["target_images"][:most]):
        row = [Tile(picture(image), f"target image {i + 1}")]
        for name, taken in shown:
            painted = painting(taken["target_called"][i], last["colours"])
            row.append(Tile(picture(painted), f"the classes of its pixels, {name}"))
        if known:
            row.append(Tile(picture(painting(last["target_truth"][i], last["colours"])), "their true classes"))
        rows.append(row)
    return Panel("answers", heads, rows)


def doubts(models: Sequence[tuple[str, Snapshot]], most: int = 2) -> Panel:
    """Target images and how unsure each model is of their pixels; arguments as for `answers`."""
    shown = _alike(models)
    last = shown[-1][1]
    rows = []
    for i, image in enumerate(last["target_images"][:most]):
        maps = [
            Tile(picture(heat(taken["target_entropy"][i])), f"entropy of its pixels, {name}") for name, taken in shown
        ]
        rows.append([Tile(picture(image), f"target image {i + 1}"), *maps])
    return Panel("doubts", ["input", *(name for name, _ in shown)], rows)


def samples(taken: Snapshot, sides: tuple[str, str], most: int = 1) -> Panel:
    """Images of both domains, each beside its labels where they are known.

    Args:
        taken: of any model.
        sides: names of source and target.
        most: how many of each.
    """
    rows = []
    for i in range(min(most, len(taken["source_images"]), len(taken["target_images"]))):
        row = []
        for side, name in zip(("source", "target"), sides):
            row.append(Tile(picture(taken[f"{side}_images"][i]), f"an image of {name}"))
            truth = taken[f"{side}_truth"][i]
            row.append(Tile(picture(painting(truth, taken["colours"])), "the classes of its pixels"))
        rows.append(row)
    return Panel("samples", [sides[0], "its labels", sides[1], "its labels"], rows)


def _alike(models: Sequence[tuple[str, Snapshot]]) -> list[tuple[str, Snapshot]]:
    """The models whose snapshots show the same images as the last one's."""
    images = models[-1][1]["target_images"]
    return [(name, taken) for name, taken in models if np.array_equal(taken["target_images"], images)]
