"""A small world of coloured shapes, drawn on the spot: each class is a combination of attributes."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.signatures import Signatures

SIZES = {"small": (5.0, 6.5), "large": (8.5, 10.5)}
"""Radius of the disc with as much area, in pixels."""

TEXTURES = ("plain", "striped", "dotted")

COLOURS = {"red": 0.0, "yellow": 1 / 6, "green": 1 / 3, "blue": 0.63}
"""Hue, of 1."""

SHAPES = {"circle": (48, 1.0), "square": (4, 2**-0.5), "triangle": (3, 0.5), "star": (5, 0.42)}
"""Points, and the radius of the corners between them over that of the points."""

ATTRIBUTES = (*SIZES, *TEXTURES, *COLOURS, *SHAPES)

_COMBINATIONS = tuple(itertools.product(SIZES, TEXTURES, COLOURS, SHAPES))
CLASSES = tuple(" ".join(combination) for combination in _COMBINATIONS)
"""`large striped red circle` and so on, 96 of them."""

_SIDE = 32
_SEED = 7
_EACH = {"train": 40, "test": 10}
"""Images a class."""


def load(variant: str | None, root: Path | None) -> Domain:
    """96 kinds of shapes, 32x32 RGB, 40 + 10 images each: two sizes x three textures x four colours x four shapes.

    Place, turn, hue, light, the phase of the texture, the ground and the camera's noise vary; each image is the same
    everywhere and always. No file is needed.
    """
    splits = {}
    for number, (split, each) in enumerate(_EACH.items()):
        labels = torch.arange(len(CLASSES)).repeat_interleave(each)
        splits[split] = Examples(_drawn(labels, [_SEED, number]), labels)
    return Domain("shapes", CLASSES, splits, backbone="small-cnn")


def _drawn(labels: Tensor, seed: Sequence[int]) -> Arrays:
    return Arrays(lambda: render(labels, seed), len(labels))


def signatures(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """Which attributes each class has, 0 or 1."""
    rows = [[float(name in combination) for name in ATTRIBUTES] for combination in _COMBINATIONS]
    return Signatures(CLASSES, ATTRIBUTES, torch.tensor(rows), "attributes", "attributes of shapes")


def unseen(root: Path | None) -> tuple[str, ...]:
    """The 24 combinations that zero-shot learning holds out: a quarter of those with any one attribute.

    The places of size, texture, colour and shape in their lists add up to a multiple of four. So no two attributes are
    held out together throughout: of each pair that goes together, two thirds of the combinations or more are seen.
    """
    tables = (tuple(SIZES), TEXTURES, tuple(COLOURS), tuple(SHAPES))
    places = [sum(table.index(name) for table, name in zip(tables, names)) for names in _COMBINATIONS]
    return tuple(name for name, place in zip(CLASSES, places) if place % 4 == 0)


def render(labels: Tensor, seed: Sequence[int]) -> Tensor:
    """Images of shapes, uint8 [N, 3, 32, 32].

    Args:
        labels: the class of each, int64 [N].
        seed: numbers that decide on everything else.
    """
    rng = np.random.default_rng(seed)
    count = len(labels)
    chosen = [_COMBINATIONS[label] for label in labels.tolist()]
    size, texture, colour, shape = zip(*chosen)

    def uniform(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1)).astype(np.float32))

    def each(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32)[:, None, None]

    radius = each([rng.uniform(*SIZES[name]) for name in size])
    points, inner = each([SHAPES[name][0] for name in shape]), each([SHAPES[name][1] for name in shape])
    # Outlines of all shapes enclose the area of a disc of that radius: size tells nothing of the shape.
    outer = radius * (np.pi / (points * inner * torch.sin(np.pi / points))).sqrt()
    room = (_SIDE / 2 - outer - 0.5).clamp(min=0)
    axis = torch.arange(_SIDE) + 0.5 - _SIDE / 2
    x, y = axis[None, None, :] - uniform(-1, 1) * room, axis[None, :, None] - uniform(-1, 1) * room
    inside = (0.5 + _depth(x, y, outer, inner, points, uniform(-np.pi, np.pi))).clamp(0, 1)
    dark = _textured(texture, x, y, uniform(0, np.pi), uniform(0, 1))
    hue = each([COLOURS[name] for name in colour]) + uniform(-0.02, 0.02)
    ink = _rgb(hue, uniform(0.75, 1.0), uniform(0.75, 1.0)) * (1 - 0.75 * dark[:, None])
    grey = uniform(0.25, 0.75) + uniform(-0.15, 0.15) * (axis / _SIDE) + uniform(-0.15, 0.15) * (axis[:, None] / _SIDE)
    image = grey[:, None] + inside[:, None] * (ink - grey[:, None])
    noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32)) * uniform(0, 0.04)[:, None]
    return ((image + noise) * 255).round().clamp(0, 255).to(torch.uint8)


def _depth(x: Tensor, y: Tensor, outer: Tensor, inner: Tensor, points: Tensor, turn: Tensor) -> Tensor:
    """How deep inside the outline each pixel lies, in pixels [N, side, side]; negative outside.

    An outline of n points repeats itself, mirrored, every pi / n. Folded into the first such sector it is one line,
    from the point (outer, 0) to the corner at the radius inner * outer and the angle pi / n.
    """
    half = np.pi / points
    angle = (torch.atan2(y, x) - turn).remainder(2 * half)
    angle = torch.minimum(angle, 2 * half - angle)
    distance = (x.square() + y.square()).sqrt()
    along, across = distance * angle.cos(), distance * angle.sin()
    corner_x, corner_y = inner * outer * half.cos() - outer, inner * outer * half.sin()
    return ((along - outer) * -corner_y + across * corner_x) / (corner_x.square() + corner_y.square()).sqrt()


def _textured(textures: Sequence[str], x: Tensor, y: Tensor, turn: Tensor, phase: Tensor) -> Tensor:
    """How dark the texture makes each pixel, 0 to 1 [N, side, side]: waves in one direction, or in both."""
    period = 4.5
    along = torch.cos(2 * np.pi * ((x * turn.cos() + y * turn.sin()) / period + phase))
    across = torch.cos(2 * np.pi * ((y * turn.cos() - x * turn.sin()) / period + phase))
    striped, dotted = (torch.tensor([name == wanted for name in textures])[:, None, None] for wanted in TEXTURES[1:])
    return striped * (0.5 + 2 * along).clamp(0, 1) + dotted * (0.5 + 2 * (along + across - 0.6)).clamp(0, 1)


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Red, green and blue, 0 to 1 [N, 3, 1, 1], of a colour in HSV."""
    distance = (hue[:, None] * 6 + torch.tensor([5.0, 3.0, 1.0])[:, None, None]).remainder(6)
    fade = torch.minimum(distance, 4 - distance).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * fade)
