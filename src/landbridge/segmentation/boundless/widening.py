"""A network of more classes, from one of fewer."""

import copy

import torch
from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.segmentation_networks import SegmentationNetwork


def widened(network: SegmentationNetwork, more: int) -> SegmentationNetwork:
    """A copy of a network that tells `more` classes besides: its classifiers' last convolutions have rows for them.

    Rows of the old classes are copied, those of the new ones begin at random.

    Raises:
        LandbridgeError: no convolution of its head makes a number a class.

    >>> from landbridge.nn.segmenters import make_segmenter
    >>> widened(make_segmenter("small-cnn", 3), 2)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 5, 32, 32])
    """
    wide = copy.deepcopy(network)
    heads = [wide.head, *(part for name, part in wide.named_children() if name == "auxiliary")]
    inside = {id(part) for head in heads for part in head.modules()}
    places = [
        (name, part)
        for name, part in wide.named_modules()
        if id(part) in inside and isinstance(part, nn.Conv2d) and part.out_channels == network.classes
    ]
    if not places:
        raise LandbridgeError(
            f"segmenter '{network.name}': no convolution at its end makes a number a class, so none can be added"
        )
    for name, part in places:
        parent, _, own = name.rpartition(".")
        setattr(wide.get_submodule(parent), own, _with_rows(part, more))
    wide.classes = network.classes + more
    return wide


def take_over(wide: SegmentationNetwork, network: SegmentationNetwork) -> None:
    """Give a widened network the weights of the one it was widened from; rows of its further classes stay."""
    theirs = dict(network.state_dict())
    with torch.no_grad():
        for name, value in wide.state_dict().items():
            given = theirs[name]
            (value if value.shape == given.shape else value[: len(given)]).copy_(given)


def _with_rows(convolution: nn.Conv2d, more: int) -> nn.Conv2d:
    made = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels + more,
        convolution.kernel_size,  # type: ignore[arg-type]
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        convolution.dilation,  # type: ignore[arg-type]
        bias=convolution.bias is not None,
    )
    with torch.no_grad():
        made.weight[: convolution.out_channels] = convolution.weight
        if made.bias is not None and convolution.bias is not None:
            made.bias[: convolution.out_channels] = convolution.bias
    return made.to(convolution.weight.device)
