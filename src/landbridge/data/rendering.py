"""Digits drawn in the fonts that Matplotlib ships, in any pose, stroke and colour: whole batches at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.data.kept import Array

Range = tuple[float, float]
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

# Font file -> the code point of its zero. STIXGeneral carries sans-serif and typewriter digits as mathematical letters.
_FACES: tuple[tuple[str, int], ...] = (
    *((f"DejaVu{face}.ttf", 0x30) for face in (
        "Sans", "Sans-Bold", "Sans-Oblique", "Sans-BoldOblique", "SansMono", "SansMono-Bold", "SansMono-Oblique",
        "Serif", "Serif-Bold", "Serif-Italic", "Serif-BoldItalic",
    )),
    *((f"STIXGeneral{face}.ttf", 0x30) for face in ("", "Bol", "Italic", "BolIta")),
    *(("STIXGeneral.ttf", zero) for zero in (0x1D7E2, 0x1D7EC, 0x1D7F6)),
    *((f"cm{face}10.ttf", 0x30) for face in ("b", "mi", "r", "ss", "ti", "tt")),
)  # fmt: skip
_CANVAS, _HEIGHT = 128, 64
_CHUNK = 2_000

VERSION = 2
"""Of the drawing: raised when it changes, so that no cache holds images of an older one."""


@dataclass(frozen=True)
class Recipe:
    """How digits vary; a pair is the range of a uniform draw, lengths are in pixels of the image.

    Attributes:
        size: height and width of the images.
        height: of the digit.
        rotation: degrees to either side.
        shear: sideways per height, to either side.
        stretch: width over its natural width.
        shift: of the centre, to either side of the middle.
        weight: added to the stroke on either side.
        outlined: share of digits with an outline in a third colour.
        outline: width of the outline.
        blur: width of the edge between ink and ground.
        contrast: least difference of brightness between ink and ground, of 255.
        textured: share of grounds with a gradient and clouds.
        noise: standard deviation of the camera's noise.
        neighbours: chance that another digit stands on the left, and on the right.
    """

    size: int
    height: Range
    rotation: float
    shear: float
    stretch: Range
    shift: float
    weight: Range
    outlined: float
    outline: Range
    blur: Range
    contrast: float
    textured: float
    noise: Range
    neighbours: float


def balanced_labels(count: int, seed: Sequence[int]) -> Tensor:
    """Labels 0 to 9 in equal numbers and random order, int64 [count]."""
    return torch.from_numpy(np.random.default_rng(seed).permutation(count) % 10)


def render(labels: Tensor, recipe: Recipe, seed: Sequence[int]) -> Array:
    """Images of digits, uint8 [N, 3, size, size], each drawn anew by the recipe.

    Args:
        labels: the digit in the middle of each image, int64 [N].
        recipe: how they vary.
        seed: numbers that decide on everything.
    """
    images = np.empty((len(labels), 3, recipe.size, recipe.size), np.uint8)
    for number, start in enumerate(range(0, len(labels), _CHUNK)):
        part = labels[start : start + _CHUNK].numpy()
        images[start : start + _CHUNK] = _draw(part, recipe, np.random.default_rng([*seed, number])).numpy()
    return images


def _draw(labels: Numbers, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    count = len(labels)
    depth = _depth(labels, recipe, rng) + _uniform(rng, recipe.weight, count)
    blur = _uniform(rng, recipe.blur, count)
    outline = _uniform(rng, recipe.outline, count)
    grounds, inks, edges = _colours(rng, count, recipe.contrast)
    image = _ground(rng, grounds, recipe)
    around = _covered(depth + outline, blur) * _flags(rng, recipe.outlined, count)
    image = image + around * (edges - image)
    image = image + _covered(depth, blur) * (inks - image)
    noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
    return (image + noise * _uniform(rng, recipe.noise, count)).round().clamp(0, 255).to(torch.uint8)


def _depth(labels: Numbers, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """How deep inside the ink each pixel lies, in pixels (negative outside), float32 [N, 1, size, size]."""
    atlas, widths = _glyphs()
    count, size = len(labels), recipe.size
    face = rng.integers(len(atlas), size=count)
    # An image's pixels are carried back to the glyph's own picture: the inverse of scale, stretch, shear and rotation.
    scale = rng.uniform(*recipe.height, count) / _HEIGHT
    angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation, count))
    pose = np.zeros((count, 2, 2))
    pose[:, 0, 0], pose[:, 1, 1] = rng.uniform(*recipe.stretch, count), 1
    pose[:, 0, 1] = rng.uniform(-recipe.shear, recipe.shear, count)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    back = np.linalg.inv(turn @ pose * scale[:, None, None])
    axis = np.arange(size) + 0.5 - size / 2
    pixels = np.stack(np.meshgrid(axis, axis, indexing="xy")).reshape(1, 2, -1)
    centre = rng.uniform(-recipe.shift, recipe.shift, (count, 2, 1))
    x, y = torch.from_numpy((back @ (pixels - centre)).astype(np.float32)).unbind(1)
    own = torch.from_numpy(face), torch.from_numpy(labels)
    depth = _sampled(atlas[own], x, y)
    for side in (-1, 1):
        beside = torch.from_numpy(rng.integers(10, size=count))
        gap = torch.from_numpy(rng.uniform(4, 14, count).astype(np.float32))
        away = side * ((widths[own] + widths[own[0], beside]) / 2 + gap)
        there = torch.from_numpy(rng.random(count) < recipe.neighbours).nonzero().flatten()
        if len(there):
            other = _sampled(atlas[own[0][there], beside[there]], x[there] - away[there, None], y[there])
            depth[there] = torch.maximum(depth[there], other)
    return (depth * torch.from_numpy(scale.astype(np.float32))[:, None]).reshape(count, 1, size, size)


def _sampled(pictures: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pictures [N, side, side] at points [N, P] measured from their middle; beyond the border, the border's value."""
    grid = torch.stack([x, y], dim=-1).unsqueeze(1) / (_CANVAS / 2)
    found = F.grid_sample(pictures.unsqueeze(1), grid, padding_mode="border", align_corners=False)
    return found.reshape(x.shape)


def _covered(depth: Tensor, blur: Tensor) -> Tensor:
    """How much of a pixel the ink covers, where its edge is `blur` pixels wide."""
    ramp = (0.5 + depth / blur).clamp(0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _colours(rng: np.random.Generator, count: int, contrast: float) -> tuple[Tensor, Tensor, Tensor]:
    """Ground, ink and outline, float32 [N, 3, 1, 1] each; ink and ground are `contrast` apart in brightness."""
    luma = np.array([0.299, 0.587, 0.114])
    ground, ink, edge = rng.uniform(0, 255, (3, count, 3))
    while len(close := np.flatnonzero(np.abs((ground - ink) @ luma) < contrast)):
        ground[close], ink[close] = rng.uniform(0, 255, (2, len(close), 3))
    first, second, third = (torch.from_numpy(c.astype(np.float32))[..., None, None] for c in (ground, ink, edge))
    return first, second, third


def _ground(rng: np.random.Generator, colour: Tensor, recipe: Recipe) -> Tensor:
    """The ground: one colour, or with a gradient and clouds that stay well within the contrast."""
    count, size = len(colour), (recipe.size, recipe.size)
    strength = _uniform(rng, (0.0, recipe.contrast), count) * _flags(rng, recipe.textured, count)
    slope = torch.from_numpy(rng.uniform(-1, 1, (count, 3, 2, 2)).astype(np.float32))
    clouds = torch.from_numpy(rng.uniform(-1, 1, (count, 3, 5, 5)).astype(np.float32))
    gradient = F.interpolate(slope, size, mode="bilinear", align_corners=True)
    texture = F.interpolate(clouds, size, mode="bilinear", align_corners=True)
    return colour + strength * (gradient + texture) / 2


def _uniform(rng: np.random.Generator, limits: Range, count: int) -> Tensor:
    return torch.from_numpy(rng.uniform(*limits, count).astype(np.float32))[:, None, None, None]


def _flags(rng: np.random.Generator, share: float, count: int) -> Tensor:
    return torch.from_numpy((rng.random(count) < share).astype(np.float32))[:, None, None, None]


@lru_cache(maxsize=1)
def _glyphs() -> tuple[Tensor, Tensor]:
    """Every digit in every face as a signed distance to its outline, and how wide it is, in the atlas' pixels.

    From distances, a stroke of any weight, with or without outline, sharp or blurred, costs one comparison.

    Returns:
        float32 [faces, 10, side, side] (positive inside), float32 [faces, 10].
    """
    import matplotlib
    from PIL import Image, ImageChops, ImageDraw, ImageFont
    from scipy.ndimage import distance_transform_edt

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    atlas = np.empty((len(_FACES), 10, _CANVAS, _CANVAS), np.float32)
    widths = np.empty((len(_FACES), 10), np.float32)
    for face, (name, zero) in enumerate(_FACES):
        digits = [chr(zero + digit) for digit in range(10)]
        # The tallest digit of each face is as tall as that of any other; they all stand on one line.
        trial = ImageFont.truetype(folder / name, 200)
        boxes = [trial.getbbox(digit, anchor="ls") for digit in digits]
        font = ImageFont.truetype(folder / name, round(200 * _HEIGHT / max(box[3] - box[1] for box in boxes)))
        boxes = [font.getbbox(digit, anchor="ls") for digit in digits]
        middle = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
        for digit, text in enumerate(digits):
            picture = Image.new("L", (_CANVAS, _CANVAS))
            ImageDraw.Draw(picture).text((_CANVAS / 4, _CANVAS / 2 - middle), text, font=font, fill=255, anchor="ls")
            # Fonts leave unequal room at a digit's sides; here the ink itself stands in the middle.
            left, _, right, _ = picture.getbbox() or (0, 0, 0, 0)
            picture = ImageChops.offset(picture, (_CANVAS - left - right) // 2, 0)
            inside = np.asarray(picture) > 127
            atlas[face, digit] = distance_transform_edt(inside) - distance_transform_edt(~inside)
            widths[face, digit] = right - left
    return torch.from_numpy(atlas), torch.from_numpy(widths)
