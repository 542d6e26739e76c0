"""Augmentations of whole batches: uint8 images in, uint8 images out, on whatever device they are."""

from collections.abc import Callable
from functools import cache

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
    return _resampled(images, maps, outside="zeros")


def crop_flip(images: Tensor, least: float = 0.5, ratio: float = 4 / 3) -> Tensor:
    """Cut a random part out of each image, resize it to the whole, and mirror half of them: for photographs.

    The share of the area, the place and the ratio of the sides are drawn as in Szegedy et al., CVPR 2015, section 6,
    which begin at 8 % of the area: too little where labels are few.

    Args:
        images: uint8 [N, C, H, W].
        least: smallest share of the area, in (0, 1].
        ratio: largest stretch of the sides against each other, >= 1.
    """
    return _resampled(images, crop_flip_maps(len(images), images.device, least, ratio), outside="border")


def crop_flip_maps(count: int, device: torch.device, least: float, ratio: float) -> Tensor:
    """What `crop_flip` draws, as maps from new places to old ones, [count, 2, 3]."""
    area = torch.empty(count, device=device).uniform_(least, 1)
    stretch = ratio ** torch.empty(count, device=device).uniform_(-1, 1)
    sides = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], 1).clamp_(max=1)
    move = (1 - sides) * torch.empty(count, 2, device=device).uniform_(-1, 1)
    mirror = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    maps = torch.zeros(count, 2, 3, device=device)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, :, 2] = mirror * sides[:, 0], sides[:, 1], move
    return maps


def _resampled(images: Tensor, maps: Tensor, outside: str) -> Tensor:
    """The images as seen through maps from their new places to their old ones, [N, 2, 3]; see `F.grid_sample`."""
    places = F.affine_grid(maps, list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), places, padding_mode=outside, align_corners=False)
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


def rand(images: Tensor) -> Tensor:
    """Two random operations of RandAugment's fourteen on each image, at magnitude 9 of 30.

    Cubuk et al., CVPR Workshops 2020; N and M as in their section 4.4 for ImageNet. Some operations change colours,
    turn, shear or move; what comes in from outside is black.
    """
    change = _rand_augment()
    # torchvision draws once for a whole batch.
    return torch.cat([change(image) for image in images.split(1)])


def rand_flip(images: Tensor) -> Tensor:
    """A random shift and mirroring, then RandAugment: for photographs."""
    return rand(weak_flip(images))


@cache
def _rand_augment() -> Augmentation:
    # Late, since it takes a second to import.
    from torchvision.transforms import InterpolationMode, v2

    change: Augmentation = v2.RandAugment(num_ops=2, magnitude=9, interpolation=InterpolationMode.BILINEAR)
    return change


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": none,
    "shift": shift,
    "flip": flip,
    "affine": affine,
    "crop-flip": crop_flip,
    "weak": weak,
    "weak-flip": weak_flip,
    "strong": strong,
    "rand": rand,
    "rand-flip": rand_flip,
}


def views(*names: str) -> tuple[str, ...]:
    """Names for views of a batch by these augmentations, each drawn by itself: a further one of a name is `NAME#2`, ...

    Raises:
        UnknownNameError: no such augmentation.

    >>> views("weak", "strong", "weak")
    ('weak', 'strong', 'weak#2')
    """
    for name in names:
        augmentation(name)
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return tuple(name if count == 1 else f"{name}#{count}" for name, count in zip(names, counts))


def augmentation(name: str) -> Augmentation:
    """The augmentation of that name; feature vectors and waveforms pass through any of them unchanged.

    Raises:
        UnknownNameError: no such name.
    """
    if name not in AUGMENTATIONS:
        hint = nearest(name, AUGMENTATIONS) or f"; known: {', '.join(AUGMENTATIONS)}"
        raise UnknownNameError(f"unknown augmentation '{name}'{hint}")
    change = AUGMENTATIONS[name]
    return lambda inputs: change(inputs) if inputs.dim() == 4 else inputs
