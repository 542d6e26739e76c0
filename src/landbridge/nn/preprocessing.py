"""From raw images to what a network reads: resized, scaled, normalised, in the memory format that convolutions like."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its inputs.

    Attributes:
        size: (height, width) in pixels; None leaves images as they are.
        mean: what is subtracted from images in [0, 1]: one number, or one a channel.
        std: what they are divided by after that, likewise.
        instance_norm: whether each channel of each image is then brought to mean 0 and variance 1 by itself, which
            takes out brightness and contrast (Ulyanov et al., arXiv:1607.08022).

    >>> black = torch.zeros(2, 1, 14, 14, dtype=torch.uint8)
    >>> ready = Preprocessing(size=(28, 28))(black)
    >>> ready.shape, ready.dtype, ready.max().item()
    (torch.Size([2, 3, 28, 28]), torch.float32, -1.0)
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    instance_norm: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Raw inputs to the network's inputs.

        Args:
            images: uint8 [N, C, H, W], C 1 (grey) or 3 (RGB); or floating-point features [N, D].

        Returns:
            float32 [N, 3, h, w] in channels_last; features come back as they are, as float32.

        Raises:
            BadDataError: the tensor is neither.
        """
        if images.dim() == 2 and images.is_floating_point():
            return images.float()
        if images.dim() != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
            raise BadDataError(
                f"inputs of shape {tuple(images.shape)} and type {images.dtype} are neither images "
                "(uint8 [N, 1 or 3, H, W]) nor features (float [N, D])"
            )
        normalised = self._normalise(self._resize(images))
        if self.instance_norm:
            variance, mean = torch.var_mean(normalised, (2, 3), correction=0, keepdim=True)
            normalised.sub_(mean).mul_((variance + 1e-5).rsqrt_())
        return normalised

    def _resize(self, images: Tensor) -> Tensor:
        if self.size is None or tuple(images.shape[-2:]) == self.size:
            return images
        # Only the CPU resizes bytes.
        resizable = images if images.device.type == "cpu" else images.float()
        return F.interpolate(resizable, self.size, mode="bilinear", antialias=True, align_corners=False)

    def _normalise(self, images: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        out = torch.empty(
            (count, 3, height, width), dtype=torch.float32, device=images.device, memory_format=torch.channels_last
        )
        # Plane by plane is twice as fast as one transposing copy, and turns grey to RGB on the way.
        for channel in range(3):
            out[:, channel].copy_(images[:, channel % channels])
        # Whole rows of pixels at once, since a multiply-add over three channels cannot use wide registers.
        rows = out.permute(0, 2, 3, 1).view(count * height, width * 3)
        scale, shift = _scale_and_shift(self.mean, self.std, width, images.device).unbind()
        torch.addcmul(shift, rows, scale, out=rows)
        return out

    def restored(self, ready: Tensor) -> Tensor:
        """The network's inputs as raw images again, for people to look at; their size stays.

        Args:
            ready: as the network wants them [N, 3, h, w].

        Returns:
            uint8 [N, 3, h, w]; what lies outside the range of images becomes black or white.
        """
        means, stds = (ready.new_tensor(values).expand(3)[:, None, None] for values in (self.mean, self.std))
        return (255 * (ready * stds + means)).round().clamp(0, 255).to(torch.uint8)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "size": None if self.size is None else list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            **({"instance_norm": True} if self.instance_norm else {}),
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "Preprocessing":
        """What `to_json` described.

        >>> Preprocessing.from_json(Preprocessing((32, 32)).to_json()) == Preprocessing((32, 32))
        True
        """
        size = described["size"]
        return cls(
            None if size is None else (size[0], size[1]),
            tuple(described["mean"]),
            tuple(described["std"]),
            described.get("instance_norm", False),
        )


@lru_cache(maxsize=32)
def _scale_and_shift(mean: tuple[float, ...], std: tuple[float, ...], width: int, device: torch.device) -> Tensor:
    """The a and b of (byte / 255 - mean) / std = a byte + b, [2, 3 width]: for each value in a row of RGB pixels."""
    means, stds = (torch.tensor(values, dtype=torch.float64).expand(3) for values in (mean, std))
    return torch.stack([1 / (255 * stds), -means / stds]).repeat(1, width).to(device, torch.float32)
