"""Discriminators: networks that tell the source from the target."""

from collections.abc import Sequence

import torch
from torch import nn

from landbridge.nn.heads import Head


def domain_discriminator(width: int, hidden: Sequence[int] = (1024, 1024)) -> Head:
    """Features [N, width] to one logit an example [N, 1]: positive means "from the source".

    Ganin and Lempitsky (ICML 2015, figure 4) use one hidden layer of 100 on digits, two of 1024 elsewhere.

    Args:
        width: width of the features.
        hidden: widths of the hidden layers.
    """
    return Head(width, hidden, 1)


def map_discriminator(channels: int, width: int = 64) -> nn.Sequential:
    """Maps of what a segmenter says [n, channels, H, W] to one logit for each patch, [n, 1, h, w], h about H / 32.

    Five 4 x 4 convolutions of stride 2, with leaky ReLUs of slope 0.2 between them (Tsai et al., "AdaptSegNet", CVPR
    2018, section 4.3; Vu et al., "ADVENT", CVPR 2019, section 4.2): 64, 128, 256, 512 channels, then 1. Maps that are
    smaller than 32 pixels need to be enlarged first. `domain_classification` takes its logits flat, those of the source
    first.

    Args:
        channels: of the maps: the number of classes.
        width: channels of the first convolution.

    >>> map_discriminator(11)(torch.zeros(2, 11, 180, 240)).shape
    torch.Size([2, 1, 5, 7])
    """
    layers: list[nn.Module] = []
    for before, after in zip((channels, width, 2 * width, 4 * width), (width, 2 * width, 4 * width, 8 * width)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 2, 1)).to(memory_format=torch.channels_last)
