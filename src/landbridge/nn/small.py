"""A small network of our own, for pictures as small as the embedded ones."""

from collections import OrderedDict

from torch import nn

from landbridge.nn.blueprint import Blueprint
from landbridge.nn.preprocessing import Preprocessing


def small_cnn(width: int = 128) -> Blueprint:
    """Three convolutions with BatchNorm, and the mean over all places: 32x32 to `width` features.

    What is averaged over places says which colours, edges and corners there are and how much of each, not where.

    Args:
        width: features, and channels of the last convolution.

    >>> import torch
    >>> small_cnn().network(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 128])
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 32, 5, padding=2, stride=2, bias=False),
            norm1=nn.BatchNorm2d(32),
            relu1=nn.ReLU(inplace=True),
            conv2=nn.Conv2d(32, 64, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(64),
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(64, width, 3, padding=1, bias=False),
            norm3=nn.BatchNorm2d(width),
            relu3=nn.ReLU(inplace=True),
            mean=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
        )
    )
    return Blueprint(network, Preprocessing((32, 32)))
