"""Two small networks of one's own: what `--backbone nets.py:normed` would name."""

from collections import OrderedDict

import torch
from torch import Tensor, nn


def normed(plain: bool = False) -> nn.Module:
    """Three convolutions; unless `plain`, BatchNorm of all kinds and dropout. Its groups: stem, conv2.0, conv3.0."""

    def conv(before: int, after: int) -> nn.Module:
        norm = nn.Identity() if plain else nn.BatchNorm2d(after)
        return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), norm, nn.ReLU())

    layers = OrderedDict(conv1=conv(3, 8))
    if not plain:
        layers |= {"bare": nn.BatchNorm2d(8, affine=False), "drop": nn.Dropout(0.1)}
    layers |= {"pool1": nn.MaxPool2d(2), "conv2": conv(8, 16), "conv3": conv(16, 32)}
    return nn.Sequential(layers | {"pool3": nn.AdaptiveMaxPool2d(2), "flatten": nn.Flatten()})


class Block(nn.Module):
    """Attention and a perceptron, each beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        attention = (query @ key.mT / key.shape[-1] ** 0.5).softmax(-1)
        x = x + self.out(attention @ value)
        return x + self.perceptron(self.norm2(x))


class Tokens(nn.Module):
    """A transformer on patches of three pixels, BatchNorm before it unless `plain`."""

    def __init__(self, plain: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 3, stride=3)
        self.norm = nn.Identity() if plain else nn.BatchNorm2d(32)
        self.bare = nn.Identity() if plain else nn.BatchNorm2d(32, affine=False)
        self.places = nn.Parameter(0.1 * torch.randn(1, 16, 32))
        self.blocks = nn.Sequential(Block(32), Block(32))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.bare(self.norm(self.patches(x)))
        return self.blocks(patches.flatten(2).mT + self.places).mean(1)


def tokens(plain: bool = False) -> nn.Module:
    """A small transformer. Its groups: stem, blocks.0, blocks.1."""
    return Tokens(plain)


def same(seed: int = 0) -> nn.Module:
    """A factory that reads weights: each network that it makes has the same."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return normed(plain=True)
