"""Tuning without forgetting: what holds still, and a way back towards the start."""

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import AdamW

from landbridge.nn.backbones import Backbone
from landbridge.nn.dual_encoder import DualEncoder

M = TypeVar("M", bound=nn.Module)


def interpolated(start: nn.Module, tuned: M, alpha: float) -> M:
    """A network between two of one kind: (1 - alpha) start + alpha tuned, weight by weight (WiSE-FT).

    Tuned weights know the new data and forget some of the old; those half way often keep both (Wortsman et al., CVPR
    2022). It takes a start that knew something, and a tuned network that came from that very start. What counts
    in whole numbers is as in the tuned one.

    Args:
        start: the network before tuning.
        tuned: the network after it.
        alpha: how far to go, in [0, 1]: 0 is the start, 1 the tuned network.

    Returns:
        A copy of the tuned network with the weights in between, and its statistics likewise.

    >>> start, tuned = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(start.weight, 1.0), nn.init.constant_(tuned.weight, 2.0)
    >>> interpolated(start, tuned, 0.25).weight.item()
    1.25
    """
    between, before = copy.deepcopy(tuned), start.state_dict()
    mixed = {
        name: torch.lerp(before[name].to(value), value, alpha) if value.is_floating_point() else value
        for name, value in between.state_dict().items()
    }
    between.load_state_dict(mixed)
    return between


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """The BatchNorms of a network, with weights of their own or without."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def adamw(parameters: Sequence[nn.Parameter], rate: float, weight_decay: float) -> AdamW:
    """AdamW whose decay draws matrices and kernels towards 0, and neither gains nor biases.

    beta 0.9 and 0.98, as CLIP is trained (Radford et al., ICML 2021).

    Args:
        parameters: what it moves.
        rate: learning rate, > 0.
        weight_decay: >= 0.

    >>> parts = adamw(list(nn.Linear(2, 2).parameters()), 1e-3, 0.1).param_groups
    >>> [(part["weight_decay"], len(part["params"])) for part in parts]
    [(0.1, 1), (0.0, 1)]
    """
    parts: list[dict[str, object]] = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return AdamW([part for part in parts if part["params"]], rate, (0.9, 0.98))


def with_tower(model: DualEncoder, image: Backbone) -> DualEncoder:
    """The same dual encoder, heads and text tower shared with it, but another image tower.

    With `identity?inputs=WIDTH` it reads the features of a locked tower in place of images; with that tower, images.

    Args:
        model: the dual encoder; it keeps its own tower.
        image: a tower of the same width.
    """
    other = copy.copy(model)
    other._modules = {**model._modules, "image": image}
    return other
