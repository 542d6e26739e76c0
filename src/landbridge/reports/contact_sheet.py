"""A contact sheet: what the examples of a domain look like, a row a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps, font_manager
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.core.files import atomic_path
from landbridge.data.domain import View
from landbridge.data.label_maps import Colour
from landbridge.data.masks import Masks
from landbridge.data.scene_classes import overlaid
from landbridge.nn.speech import LogMel
from landbridge.reports.plots import short

PAPER, INK, MUTED = "#fbfaf6", "#1e2529", "#5d676d"
SIDE, GAP, MARGIN = 72, 6, 28
"""Smallest side of a picture, space between pictures, space around all, in pixels."""
SCENE = 240
"""Longest side of an image with its labels, in pixels."""


def write_contact_sheet(images: Tensor, labels: Sequence[str], path: Path, title: str, across: int = 12) -> None:
    """Write images as one PNG, those of a class in a row of their own with its name in front.

    Args:
        images: uint8 [n, C, H, W], grey or colour.
        labels: the class of each; all empty where nobody knows them.
        path: where to.
        title: what stands above.
        across: most pictures in a line; a class with more goes on below.

    Raises:
        BadDataError: these are no images, or there are none.

    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "sheet.png"
    >>> write_contact_sheet(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), ["a", "b", "a"], path, "toy")
    >>> Image.open(path).size[0] > 2 * SIDE
    True
    """
    if images.dim() != 4 or not len(images):
        raise BadDataError(f"'{title}': there are no images to show")
    pictures = _enlarged(images)
    lines: list[tuple[str, list[int]]] = []
    for name in dict.fromkeys(labels):
        members = [number for number, label in enumerate(labels) if label == name]
        for start in range(0, len(members), across):
            lines.append((name if start == 0 else "", members[start : start + across]))
    heading, small = _font(20), _font(14)
    names = [short(name, 24) for name, _ in lines]
    before = round(max(small.getlength(name) for name in names))
    left, top = MARGIN + before + (16 if before else 0), MARGIN + 44
    height, width = pictures.shape[1:3]
    longest = max(len(members) for _, members in lines)
    full = max(left + longest * (width + GAP) - GAP, MARGIN + round(heading.getlength(title))) + MARGIN
    sheet = Image.new("RGB", (full, top + len(lines) * (height + GAP) - GAP + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, heading)
    for row, (name, (_, members)) in enumerate(zip(names, lines)):
        y = top + row * (height + GAP)
        draw.text((left - 16, y + height / 2), name, MUTED, small, anchor="rm")
        for column, number in enumerate(members):
            sheet.paste(Image.fromarray(pictures[number]), (left + column * (width + GAP), y))
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def scenes(view: View, masks: Masks, colours: Sequence[Colour]) -> Tensor:
    """Images, and then the same images with the colours of their classes laid over them.

    Args:
        view: the images.
        masks: their labels, one an image.
        colours: of each class.

    Returns:
        uint8 [2 n, 3, H, W], no side longer than `SCENE` pixels.
    """
    height, width = view.read(torch.tensor([0])).shape[-2:] if len(view) else (1, 1)
    scale = min(1, SCENE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    images = view.read(size=size).expand(-1, 3, -1, -1)
    labels = masks.read(torch.arange(len(masks)), size)
    return torch.cat([images, overlaid(images, labels, colours)])


def spectrograms(waveforms: Tensor, rate: int) -> Tensor:
    """Recordings as pictures: time to the right, frequency upwards on the mel scale, bright where there is energy.

    Args:
        waveforms: float32 [n, samples].
        rate: samples a second.

    Returns:
        uint8 [n, 3, 40, frames].

    >>> import torch
    >>> tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)
    >>> picture = spectrograms(tone[None], 8000)[0].float().sum(0)
    >>> int(picture[:, 30].argmax())  # mel(1000) = 1000 of 2146: 19 of 41 steps up
    21
    """
    energy = LogMel(rate, 40).energies(waveforms).flip(1)
    low, high = energy.amin((1, 2), keepdim=True), energy.amax((1, 2), keepdim=True)
    colours = colormaps["magma"](((energy - low) / (high - low)).numpy(), bytes=True)[..., :3]
    return torch.from_numpy(np.ascontiguousarray(colours)).permute(0, 3, 1, 2)


def _enlarged(images: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Colour pictures [n, H, W, 3], small ones enlarged by a whole number, so that pixels stay pixels."""
    colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
    pixels = colour.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
    times = max(1, -(-SIDE // max(pixels.shape[1:3])))
    return pixels.repeat(times, 1).repeat(times, 2)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
