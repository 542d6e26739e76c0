"""A network cut in two between its layer groups: a lower part that stays as it is, and an upper part that trains."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.layers import evaluating
from landbridge.nn.pooling import pooled
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.taps import taps


class Split:
    """A backbone cut above some of its layer groups.

    Attributes:
        whole: the backbone.
        cut: the name of the last layer below the cut.
        upper: what is above, a backbone of its own; it reads the lower part's outputs, flattened, [N, D], and shares
            its weights with `whole`.

    Args:
        backbone: the network; its layers must follow one another without a way around.
        lower: names of the groups below the cut, from the stem up, neither none nor all.

    Raises:
        LandbridgeError: these groups are no lower part, or the network is no chain of its layers.

    >>> from landbridge.nn.backbones import make_backbone
    >>> split = Split(make_backbone("ganin-mnist"), ["stem"])
    >>> split.cut, split.upper(torch.zeros(2, 32 * 12 * 12)).shape
    ('pool1', torch.Size([2, 768]))
    """

    def __init__(self, backbone: Backbone, lower: Sequence[str]) -> None:
        groups = list(backbone.groups)
        if not 0 < len(lower) < len(groups) or list(lower) != groups[: len(lower)]:
            raise LandbridgeError(
                f"'{', '.join(lower) or 'none'}' is no lower part of '{backbone.name}': say a number from 1 to "
                f"{len(groups) - 1}, from the stem up, of {', '.join(groups)}"
            )
        below = sum(len(backbone.groups[group]) for group in lower)
        self.whole, self.cut, self._above = backbone, backbone.layers[below - 1], backbone.layers[below:]
        example = torch.rand_like(backbone.example())
        network = backbone.network
        with evaluating(network):
            between = _chained(network, backbone.layers[:below], example)
            through = _chained(network, self._above, between)
            alike = between.dim() == 4 and _equal(pooled(through, network=network), backbone(example))
            alike &= _equal(between.flatten(1), taps(backbone, [self.cut], "flatten")(example)[self.cut])
        if not alike:
            raise LandbridgeError(
                f"'{backbone.name}' cannot be cut above '{self.cut}': its layers are no plain chain; freeze none"
            )
        parts = [_Places(between.shape[1:]), *(network.get_submodule(layer) for layer in self._above)]
        blueprint = Blueprint(
            nn.Sequential(*parts),
            Preprocessing(),
            backbone.head_hidden,
            backbone.discriminator_hidden,
            inputs=between[0].numel(),
        )
        self.upper = Backbone(f"{backbone.name} above {self.cut}", blueprint)

    def joined(self, upper: Backbone) -> Backbone:
        """The whole backbone with the weights of an upper part, `self.upper` or a copy of it that was trained."""
        whole = copy.deepcopy(self.whole)
        for layer, part in zip(self._above, list(upper.network.children())[1:]):
            whole.network.get_submodule(layer).load_state_dict(part.state_dict())
        return whole


class _Places(nn.Module):
    """Flattened maps as maps again."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = x.unflatten(1, self.shape)
        return maps.contiguous(memory_format=torch.channels_last)


def _chained(network: nn.Module, layers: Sequence[str], x: Tensor) -> Tensor:
    for layer in layers:
        try:
            x = network.get_submodule(layer)(x.clone())
        except (RuntimeError, TypeError):
            return x.new_zeros(len(x), 0)
    return x


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
