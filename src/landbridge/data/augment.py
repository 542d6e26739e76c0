"""Augmentations of whole batches: uint8 images in, uint8 images out, on whatever device they are."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest

Augmentation = Callable[[Tensor], Tensor]


def none(images: Tensor) -> Tensor:
    """Leave them as they are."""
    return images


def shift(images: Tensor, share: float = 1 / 8) -> Tensor:
    """Move each image by up to `share` of its size in both directions; edges are repeated.

    Args:
        images: uint8 [N, C, H, W].
        share: largest move as a share of height and width.
    """
    count, channels, height, width = images.shape
    down, right = int(height * share), int(width * share)
    top = torch.randint(-down, down + 1, (count, 1, 1), device=images.device)
    left = torch.randint(-right, right + 1, (count, 1, 1), device=images.device)
    rows = (top + torch.arange(height, device=images.device).view(-1, 1)).clamp_(0, height - 1)
    columns = (left + torch.arange(width, device=images.device)).clamp_(0, width - 1)
    pixels = (rows * width + columns).view(count, 1, -1).expand(-1, channels, -1)
    return images.flatten(2).gather(2, pixels).view_as(images)


def flip(images: Tensor) -> Tensor:
    """Mirror a random half of the images left to right. Not for digits or signs."""
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    columns = torch.arange(images.shape[-1], device=images.device)
    return images.gather(3, torch.where(mirrored, columns.flip(0), columns).expand_as(images))


def affine(images: Tensor, degrees: float = 15.0, scale: float = 1.4, share: float = 1 / 8) -> Tensor:
    """Turn, scale and move each image at random; what comes in from outside is black.

    Args:
        images: uint8 [N, C, H, W].
        degrees: largest turn to either side.
        scale: largest factor by which an image is made larger or smaller, >= 1.
        share: largest move as a share of height and width.
    """
    count, device = len(images), images.device
    angle = torch.empty(count, device=device).uniform_(-degrees, degrees).deg2rad()
    zoom = scale ** torch.empty(count, device=device).uniform_(-1, 1)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    # From places of the new image to places of the old one, both from -1 to 1: a share of the width counts twice.
    move = torch.empty(count, 2, device=device).uniform_(-2 * share, 2 * share)
    maps = torch.stack([torch.stack([cosine, -sine, move[:, 0]], 1), torch.stack([sine, cosine, move[:, 1]], 1)], 1)
    places = F.affine_grid(maps, list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), places, align_corners=False)
    return moved.round_().to(images.dtype)


def weak(images: Tensor) -> Tensor:
    """A random shift: what leaves nearly every picture's class as it was."""
    return shift(images)


def weak_flip(images: Tensor) -> Tensor:
    """A random shift and a random mirroring: for photographs."""
    return flip(shift(images))


def strong(images: Tensor) -> Tensor:
    """A random shift, then random contrast, brightness and inversion, and a grey square that hides a part."""
    moved = shift(images).float()
    count, device = len(images), images.device
    contrast = torch.empty(count, 1, 1, 1, device=device).uniform_(0.4, 1.6)
    contrast *= torch.where(torch.rand(count, 1, 1, 1, device=device) < 0.5, -1.0, 1.0)
    brightness = torch.empty(count, 1, 1, 1, device=device).uniform_(-48, 48)
    changed = ((moved - 127.5) * contrast + 127.5 + brightness).clamp_(0, 255)
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=device).view(1, 1, -1, 1) - torch.randint(
        height, (count, 1, 1, 1), device=device
    )
    columns = torch.arange(width, device=device).view(1, 1, 1, -1) - torch.randint(
        width, (count, 1, 1, 1), device=device
    )
    hidden = (rows.abs() < height // 8) & (columns.abs() < width // 8)
    return torch.where(hidden, 127.5, changed).to(images.dtype)


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": none,
    "shift": shift,
    "flip": flip,
    "affine": affine,
    "weak": weak,
    "weak-flip": weak_flip,
    "strong": strong,
}


def augmentation(name: str) -> Augmentation:
    """The augmentation of that name; feature vectors pass through any of them unchanged.

    Raises:
        UnknownNameError: no such name.
    """
    if name not in AUGMENTATIONS:
        hint = nearest(name, AUGMENTATIONS) or f"; known: {', '.join(AUGMENTATIONS)}"
        raise UnknownNameError(f"unknown augmentation '{name}'{hint}")
    change = AUGMENTATIONS[name]
    return lambda inputs: change(inputs) if inputs.dim() == 4 else inputs
