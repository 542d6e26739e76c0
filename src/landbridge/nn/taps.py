"""Features from any layers of a network, in one forward pass that ends with the last layer asked for."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn.backbones import Backbone
from landbridge.nn.layers import is_weighty
from landbridge.nn.pooling import check_pool, pooled

Kept = TypeVar("Kept")

OUTPUT = "output"
"""The name under which `taps` returns what the whole network puts out."""


class _LastLayerError(Exception):
    """Ends a forward pass early."""


def tap_points(backbone: Backbone) -> dict[str, str]:
    """The layers of the tables of the literature: those with weights, each read after what follows it without any.

    A convolution is read after its normalisation, activation and pooling, so that AlexNet has seven layers, five
    convolutional and two fully connected ones (Krizhevsky et al., NeurIPS 2012; Zeiler and Fergus, ECCV 2014, table 7).
    A block is one layer.

    Args:
        backbone: the network.

    Returns:
        Name of the layer with weights -> name of the layer after which to read; in the order in which they run.

    >>> from landbridge.nn.backbones import make_backbone
    >>> tap_points(make_backbone("torchvision/alexnet"))["features.0"]
    'features.2'
    """
    points: dict[str, str] = {}
    current = ""
    for layer in backbone.layers:
        if not current or is_weighty(backbone.network.get_submodule(layer)):
            current = layer
        points[current] = layer
    return points


def taps(
    model: Backbone | nn.Module, layers: Sequence[str], pool: str = "mean"
) -> Callable[[Tensor], dict[str, Tensor]]:
    """A function from inputs to the features of several layers, found in one forward pass.

    The pass ends with the last of the layers; pooling happens on the way, so that no map is kept. A layer that runs
    several times is read the first time. Gradients flow as usual; put the network into evaluation mode yourself.

    Args:
        model: a backbone, or any network.
        layers: names of layers, as in `Backbone.layers`; `output` is the output of the whole.
        pool: how places become one vector, see `landbridge.nn.pooling.pooled`.

    Returns:
        A function from preprocessed inputs [N, ...] to features [N, D] by the name of the layer, in the order given.

    Raises:
        UnknownNameError: the network has no such layer, or there is no such pooling.
        LandbridgeError: when called: a layer does not run in a forward pass.

    >>> import torch
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Conv2d(8, 4, 3), nn.Flatten())
    >>> read = taps(network, ["0", "2"])
    >>> {name: tuple(features.shape) for name, features in read(torch.zeros(2, 3, 9, 9)).items()}
    {'0': (2, 8), '2': (2, 4)}
    """
    network = model.network if isinstance(model, Backbone) else model
    check_pool(pool)
    return outputs(network, layers, lambda output: _features(output, pool, network))


def outputs(
    network: nn.Module, layers: Sequence[str], keep: Callable[[Any], Kept]
) -> Callable[[Tensor], dict[str, Kept]]:
    """A function from inputs to what several layers put out, found in one forward pass that ends with the last of them.

    Args:
        network: any network.
        layers: names of its modules; `output` is the output of the whole.
        keep: what is kept of an output, made while the pass goes on: what comes next may work in place.

    Returns:
        A function from inputs to what is kept by the name of the layer, in the order given. A layer that runs several
        times is read the first time.

    Raises:
        UnknownNameError: the network has no such layer.
        LandbridgeError: when called: a layer does not run in a forward pass.
    """
    known = dict(network.named_modules())
    for name in layers:
        if name != OUTPUT and name not in known:
            raise UnknownNameError(f"the network has no layer '{name}'{nearest(name, known) or ''}")

    def read(x: Tensor) -> dict[str, Kept]:
        found: dict[str, Kept] = {}

        def hook_of(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                if name in found:
                    return
                found[name] = keep(output)
                if len(found) == len(set(layers)):
                    raise _LastLayerError

            return hook

        hooks = [known[name].register_forward_hook(hook_of(name)) for name in set(layers) if name != OUTPUT]
        try:
            output = network(x)
            if OUTPUT in layers:
                found[OUTPUT] = keep(output)
        except _LastLayerError:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        missing = [name for name in layers if name not in found]
        if missing:
            raise LandbridgeError(f"the layer '{missing[0]}' does not run in a forward pass: name another")
        return {name: found[name] for name in layers}

    return read


def _features(output: Any, pool: str, network: nn.Module) -> Tensor:
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    features = pooled(tensor, pool, network=network)
    # What comes next may work in place, as activations do.
    shared = features.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
    return features.clone() if shared else features
