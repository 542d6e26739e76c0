"""The maps that a backbone makes on its way: which sizes there are, and where to read them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone
from landbridge.nn.layers import evaluating
from landbridge.nn.pooling import as_maps
from landbridge.nn.taps import outputs


class Level(NamedTuple):
    """Maps of one size.

    Attributes:
        layer: the last layer that makes maps of this size.
        stride: how many pixels of the image one place stands for, in each direction.
        width: channels.
    """

    layer: str
    stride: int
    width: int


def pyramid(backbone: Backbone) -> tuple[Level, ...]:
    """The sizes of maps that a network makes, from the finest to the coarsest, each read at its last layer.

    Args:
        backbone: any network on images. Tokens are laid out as maps.

    Raises:
        LandbridgeError: it makes no maps.

    >>> from landbridge.nn.backbones import make_backbone
    >>> pyramid(make_backbone("small-cnn"))[-1]
    Level(layer='relu3', stride=4, width=128)
    """
    example = backbone.example()
    if example.dim() != 4:
        raise LandbridgeError(f"backbone '{backbone.name}' reads no images: a segmenter needs one that does")
    height = example.shape[2]
    with evaluating(backbone.network):
        made = outputs(backbone.network, backbone.layers, lambda output: _maps(output, example, backbone))(example)
    levels: list[Level] = []
    smallest = height + 1
    for layer, maps in made.items():
        if maps is None or max(maps.shape[2:]) == 1 or maps.shape[2] > smallest:
            continue
        if maps.shape[2] == smallest:
            levels.pop()
        smallest = maps.shape[2]
        levels.append(Level(layer, round(height / smallest), maps.shape[1]))
    if not levels:
        raise LandbridgeError(
            f"backbone '{backbone.name}' makes no maps of places to tell pixels apart by: name a convolutional network "
            "or a vision transformer"
        )
    return tuple(levels)


def maps_of(backbone: Backbone, layers: Sequence[str]) -> Callable[[Tensor], list[Tensor]]:
    """A function from preprocessed images [N, 3, H, W] to the maps of some layers, found in one forward pass.

    Args:
        backbone: the network.
        layers: whose maps, by name.

    Returns:
        A function to maps [N, C, h, w], one a layer, in the order given. What lies behind the last one does not run.
    """

    def read(x: Tensor) -> list[Tensor]:
        found = outputs(backbone.network, layers, lambda output: _maps(output, x, backbone))(x)
        return [maps for maps in found.values() if maps is not None]

    return read


@contextmanager
def maps_heard(backbone: Backbone, layer: str, like: Tensor) -> Iterator[list[Tensor]]:
    """Inside, the maps that a layer makes in any pass through the backbone are kept on the way, and need no other pass.

    Args:
        backbone: the network.
        layer: whose maps; what comes next must not work in place, as after the last layer of a size.
        like: inputs [N, 3, H, W] of the size that will pass.

    Yields:
        A list of maps [N, C, h, w], one a pass.
    """
    heard: list[Tensor] = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        maps = _maps(output, like, backbone)
        assert maps is not None
        heard.append(maps)

    # Before the hooks of `maps_of`, one of which ends the pass.
    handle = backbone.network.get_submodule(layer).register_forward_hook(hook, prepend=True)
    try:
        yield heard
    finally:
        handle.remove()


def _maps(output: Any, x: Tensor, backbone: Backbone) -> Tensor | None:
    tensor = output[0] if isinstance(output, tuple) else output
    return as_maps(tensor, (x.shape[2], x.shape[3]), backbone.network)
