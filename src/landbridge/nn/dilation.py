"""Networks that keep their maps large: strides given up, and convolutions spread out in their place."""

from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone
from landbridge.nn.layers import evaluating
from landbridge.nn.pyramid import pyramid

Strided = nn.Conv2d | nn.MaxPool2d


def dilate(backbone: Backbone, stride: int) -> None:
    """Let a network's maps shrink to 1 / `stride` of the image and no further, in place; its weights stay as they are.

    A layer that would shrink them further is applied at every place instead, and those behind it reach for places that
    lie as far apart as before: with the same weights, each place of the old maps is found again among the new ones
    ("atrous" convolution, Chen et al., "DeepLab", IEEE TPAMI 2018, section 3.1).

    Args:
        backbone: a convolutional network.
        stride: pixels of the image for one place of its last maps.

    Raises:
        LandbridgeError: its maps shrink otherwise than by convolution and max-pooling.
    """
    example = backbone.example()
    network = backbone.network
    sides: dict[nn.Module, tuple[int, int]] = {}

    def remember(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sides.setdefault(module, (inputs[0].shape[2], output.shape[2]))

    strided = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    hooks = [module.register_forward_hook(remember) for module in strided]
    try:
        with evaluating(network):
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    height = example.shape[2]
    for module, (entering, leaving) in sides.items():
        _spread(module, height / entering, height / leaving, stride)
    reached = pyramid(backbone)[-1].stride
    if reached > stride:
        raise LandbridgeError(
            f"the maps of '{backbone.name}' still shrink to 1/{reached}, by other layers than convolution and "
            f"max-pooling, so that no stride of {stride} can be made of it: use light/{backbone.name}, or another"
        )


def _spread(layer: nn.Module, before: float, after: float, stride: int) -> None:
    """Change one layer, which stands between maps of these strides, for maps of at most `stride`."""
    assert isinstance(layer, nn.Conv2d | nn.MaxPool2d)
    apart = max(1, round(before / stride))
    if after > max(before, stride):
        layer.stride = _pair(max(1, round(stride / before)))
    if apart > 1:
        kernel, spacing = _both(layer.kernel_size), _both(layer.dilation)
        layer.dilation = (apart * spacing[0], apart * spacing[1])
        if not isinstance(layer.padding, str):
            padding = _both(layer.padding)
            layer.padding = (apart * padding[0] if kernel[0] > 1 else 0, apart * padding[1] if kernel[1] > 1 else 0)


def _both(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


def _pair(side: int) -> tuple[int, int]:
    return side, side
