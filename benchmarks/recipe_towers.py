"""Two frozen networks side by side as one image encoder, for recipes.

    TOWERS="benchmarks/recipe_towers.py:joined?size=224&mean=0&std=1&folder=WEIGHTS"
    landbridge align recipes --image-encoder "$TOWERS" --image-rate-ratio 0 --text-encoder recipe --begin correlations

WEIGHTS is the folder with `mobilenetv2_100.timm.safetensors`, `mobilenet_v2_gluon.features.safetensors` and `nets.py`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.taps import OUTPUT, taps

LATE = {OUTPUT: 1.0, "features.17": 0.6, "features.16": 0.6, "features.13": 0.4}
"""Layers of the second network that are read, and how much each counts."""


class Joined(nn.Module):
    """MobileNetV2 of timm, in the mean over an image and its mirror image, and four layers of Gluon's.

    The features of each layer become length 1, and are weighted and joined.

    Args:
        first: the one.
        second: the other.
    """

    def __init__(self, first: Backbone, second: Backbone) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Images in [0, 1] [n, 3, h, w] to features [n, 1280 + 1280 + 320 + 160 + 96]."""
        one, other = (_normalised(x, tower) for tower in (self.first, self.second))
        both_ways = (self.first(one) + self.first(one.flip(-1))) / 2
        read = taps(self.second, list(LATE))(other)
        layers = [weight * F.normalize(read[name]) for name, weight in LATE.items()]
        return torch.cat([F.normalize(both_ways), *layers], 1)


def _normalised(x: Tensor, tower: Backbone) -> Tensor:
    mean, std = (x.new_tensor(values).view(-1, 1, 1) for values in (tower.preprocessing.mean, tower.preprocessing.std))
    return (x - mean) / std


def joined(folder: str) -> nn.Module:
    """The network that `--image-encoder` makes.

    Args:
        folder: with both weights and `nets.py`.
    """
    at = Path(folder)
    return Joined(
        make_backbone(
            "timm/mobilenetv2_100?pad_type=same&mean=0.5&std=0.5&size=224", at / "mobilenetv2_100.timm.safetensors"
        ),
        make_backbone(f"{at / 'nets.py'}:mobilenet_v2_gluon?size=224", at / "mobilenet_v2_gluon.features.safetensors"),
    ).eval()
