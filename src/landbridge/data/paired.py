"""Augmentations of images together with their masks: whole batches, uint8 in and out, on whatever device they are.

A name is a change of geometry, which images and masks go through alike, or of colour, which only images do, or both:
`crop-flip`, `jitter`, `geometric+jitter`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.augment import Augmentation, crop_flip_maps
from landbridge.data.augment import flip as flip_images
from landbridge.data.augment import none as same_images
from landbridge.data.label_maps import VOID

Geometry = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]


def none(images: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Leave them as they are."""
    return images, masks


def flip(images: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Mirror a random half of them left to right.

    Args:
        images: uint8 [N, C, H, W].
        masks: uint8 [N, H, W], or None where the labels are sealed.
    """
    if masks is None:
        return flip_images(images), None
    both = flip_images(torch.cat([images, masks[:, None]], 1))
    return both[:, :-1], both[:, -1]


def crop_flip(
    images: Tensor, masks: Tensor | None, least: float = 0.5, ratio: float = 4 / 3
) -> tuple[Tensor, Tensor | None]:
    """Cut a random part out of each, resize it to the whole, and mirror half of them; see `augment.crop_flip`.

    Args:
        images: uint8 [N, C, H, W].
        masks: uint8 [N, H, W], or None.
        least: smallest share of the area, in (0, 1].
        ratio: largest stretch of the sides against each other, >= 1.
    """
    maps = crop_flip_maps(len(images), images.device, least, ratio)
    return moved(images, masks, maps, outside="border")


def geometric(
    images: Tensor, masks: Tensor | None, smallest: float = 0.75, largest: float = 2.0
) -> tuple[Tensor, Tensor | None]:
    """Scale each by a random factor, cut the old size out of it at a random place, and mirror half of them.

    Where a scaled image is smaller than the cut, the rest is black and void. Segmenters are usually
    trained on crops of rescaled images; the factors are spread evenly in their logarithm.

    Args:
        images: uint8 [N, C, H, W].
        masks: uint8 [N, H, W], or None.
        smallest: smallest factor, > 0.
        largest: largest factor.
    """
    count, device = len(images), images.device
    powers = torch.rand(count, 1, device=device)
    side = 1 / (smallest * (largest / smallest) ** powers)
    # The cut lies inside the scaled image, or, where it is the larger one, the image inside the cut.
    move = (1 - side).abs() * torch.empty(count, 2, device=device).uniform_(-1, 1)
    mirror = torch.where(torch.rand(count, 1, device=device) < 0.5, -1.0, 1.0)
    maps = torch.zeros(count, 2, 3, device=device)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, :, 2] = (mirror * side)[:, 0], side[:, 0], move
    return moved(images, masks, maps, outside="zeros")


def moved(images: Tensor, masks: Tensor | None, maps: Tensor, outside: str) -> tuple[Tensor, Tensor | None]:
    """Images and masks as seen through maps from their new places to their old ones.

    Args:
        images: uint8 [N, C, H, W]; mixed from their four nearest pixels.
        masks: uint8 [N, H, W], or None; the nearest pixel, void outside unless the border is repeated.
        maps: affine maps of places from -1 to 1, float32 [N, 2, 3].
        outside: what comes in from outside, `border` or `zeros`; see `F.grid_sample`.
    """
    places = F.affine_grid(maps, list(images.shape), align_corners=False)

    def seen(values: Tensor, mode: str) -> Tensor:
        found = F.grid_sample(values.float(), places, mode, outside, align_corners=False)
        return found.round_().to(torch.uint8)

    # Zeros come in from outside, and void is the zero of what counts down from it.
    return seen(images, "bilinear"), None if masks is None else VOID - seen(VOID - masks[:, None], "nearest")[:, 0]


LUMA = (0.299, 0.587, 0.114)
"""How much red, green and blue add to brightness."""


def jitter(
    images: Tensor, brightness: float = 0.5, contrast: float = 0.5, saturation: float = 0.5, hue: float = 0.05
) -> Tensor:
    """Random brightness, contrast, saturation and hue, one draw an image.

    All four are one affine map of colours: x' = H S (c b x + (1 - c) b m), m the image's mean brightness; S mixes with
    grey, H turns colours about the grey axis.

    Args:
        images: uint8 [N, 3, H, W].
        brightness: factors are drawn from [1 - brightness, 1 + brightness]; in [0, 1].
        contrast: likewise, about the image's mean.
        saturation: likewise, about grey.
        hue: largest turn to either side, in whole turns, in [0, 0.5].
    """
    count, device = len(images), images.device

    def drawn(spread: float) -> Tensor:
        return torch.empty(count, 1, 1, device=device).uniform_(1 - spread, 1 + spread)

    light, strength, colour = drawn(brightness), drawn(contrast), drawn(saturation)
    angle = 2 * torch.pi * torch.empty(count, 1, 1, device=device).uniform_(-hue, hue)
    luma, pixels = torch.tensor(LUMA, device=device), images.flatten(2).float()
    mean = light * (luma @ pixels.mean(2, keepdim=True))[:, None]
    mixed = colour * torch.eye(3, device=device) + (1 - colour) * luma.expand(3, 3)
    maps = turned(angle) @ mixed
    # Brightness alone moves no grey axis, so what is added is grey until it is turned.
    added = maps @ ((1 - strength) * mean).expand(-1, 3, 1)
    changed = torch.baddbmm(added, maps * (strength * light), pixels)
    return changed.round_().clamp_(0, 255).to(images.dtype).view_as(images)


def turned(angle: Tensor) -> Tensor:
    """The rotation of RGB about the grey axis by an angle in radians [n, 1, 1], as matrices [n, 3, 3] (Rodrigues)."""
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device) / 3**0.5
    return angle.cos() * torch.eye(3, device=angle.device) + angle.sin() * cross + (1 - angle.cos()) * axis


def brightness(images: Tensor, spread: float = 0.5) -> Tensor:
    """Random brightness alone: each image times one factor from [1 - spread, 1 + spread]."""
    factor = torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(1 - spread, 1 + spread)
    return (images * factor).round_().clamp_(0, 255).to(images.dtype)


def blur(images: Tensor, smallest: float = 0.15, largest: float = 1.15) -> Tensor:
    """Blur each image by a Gaussian of random width.

    Args:
        images: uint8 [N, C, H, W].
        smallest: smallest standard deviation, in pixels.
        largest: largest one; 7 pixels are looked at in a row.
    """
    count, channels, height, width = images.shape
    sigma = torch.empty(count, 1, device=images.device).uniform_(smallest, largest)
    kernels = (-(torch.arange(-3, 4, device=images.device) ** 2) / (2 * sigma**2)).exp()
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    rows = F.pad(images.float().view(1, count * channels, height, width), (3, 3, 3, 3), mode="replicate")
    across = F.conv2d(rows, kernels[:, :, None], groups=count * channels)
    both = F.conv2d(across, kernels[..., None], groups=count * channels)
    return both.round_().clamp_(0, 255).to(images.dtype).view_as(images)


def strong(images: Tensor) -> Tensor:
    """Jitter, then blur: what a student sees whose teacher looks at the plain image."""
    return blur(jitter(images))


GEOMETRY: dict[str, Geometry] = {"none": none, "flip": flip, "crop-flip": crop_flip, "geometric": geometric}

COLOUR: dict[str, Augmentation] = {"jitter": jitter, "brightness": brightness, "blur": blur, "strong": strong}


def recolouring(name: str) -> Augmentation:
    """The change of colour of that name, `none` included, for further views of the same pixels.

    Raises:
        UnknownNameError: no such name, or one that moves pixels.
    """
    if name != "none" and name not in COLOUR:
        hint = nearest(name, COLOUR) or f"; known: none, {', '.join(COLOUR)}"
        raise UnknownNameError(f"a view of pixels changes colours only, and '{name}' is no such augmentation{hint}")
    return COLOUR.get(name, same_images)


class Paired(NamedTuple):
    """What a name of a paired augmentation means: first a change of geometry, then one of colour."""

    geometry: Geometry
    colour: Augmentation


def paired(name: str) -> Paired:
    """The paired augmentation of that name.

    Raises:
        UnknownNameError: no such name.

    >>> paired("flip+jitter") == Paired(flip, jitter), paired("geometric") == Paired(geometric, same_images)
    (True, True)
    >>> paired("geometric+jiter")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: unknown augmentation 'geometric+jiter': no 'jiter'; did you mean 'jitter'?
    """
    parts = name.split("+")
    for part in parts:
        if part not in GEOMETRY and part not in COLOUR:
            hint = nearest(part, [*GEOMETRY, *COLOUR]) or f"; known: {', '.join([*GEOMETRY, *COLOUR])}"
            what = f"no '{part}'" if len(parts) > 1 else "none such for masks"
            raise UnknownNameError(f"unknown augmentation '{name}': {what}{hint}")
    geometries, colours = ([part for part in parts if part in kind] for kind in (GEOMETRY, COLOUR))
    if len(geometries) > 1 or len(colours) > 1:
        raise UnknownNameError(
            f"unknown augmentation '{name}': join one change of geometry ({', '.join(GEOMETRY)}) and one of colour "
            f"({', '.join(COLOUR)})"
        )
    return Paired(GEOMETRY[geometries[0]] if geometries else none, COLOUR[colours[0]] if colours else same_images)
