"""Low-rank additions to linear layers, through peft."""

import copy
import re
from collections import Counter
from typing import TypeVar

from torch import nn

from landbridge.core.errors import LandbridgeError

M = TypeVar("M", bound=nn.Module)


def add_adapters(network: nn.Module, rank: int, name: str) -> list[nn.Parameter]:
    """Add B A of a rank to every linear layer's weights, in place: W x + 2 B A x, with W frozen and B at 0 first.

    Hu et al., ICLR 2022, section 4.1, with alpha twice the rank. Layers that share their weights with others, and
    attention that keeps its projections in one parameter (`nn.MultiheadAttention`), stay as they are.

    Args:
        network: what to add to; none of its own parameters has a gradient any more.
        rank: of the additions, >= 1.
        name: what the network is called, for messages.

    Returns:
        The added parameters.

    Raises:
        LandbridgeError: peft is missing, or the network has no such layers.

    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> [tuple(parameter.shape) for parameter in add_adapters(network, 1, "an example")]
    [(1, 3), (4, 1), (1, 4), (2, 1)]
    """
    owners = Counter(id(parameter) for _, parameter in network.named_parameters(remove_duplicate=False))
    linear = [(path, part) for path, part in network.named_modules() if path and type(part) is nn.Linear]
    layers = [path for path, part in linear if owners[id(part.weight)] == 1]
    if not layers:
        raise LandbridgeError(
            f"'{name}' has no linear layers inside, so there is nothing to add LoRA to: take a transformer, "
            "or another method"
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise LandbridgeError("LoRA needs peft: pip install 'landbridge[lora]'") from None
    # A list of names would also mean all layers whose names end like one of them.
    wanted = "|".join(map(re.escape, layers))
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=wanted), network)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def merged(module: M) -> M:
    """A copy of a module with the additions added to the weights, so that its networks are plain again."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy.deepcopy(module)
    for path, part in list(plain.named_modules()):
        if isinstance(part, BaseTunerLayer):
            part.merge()
            parent, _, child = path.rpartition(".")
            setattr(plain.get_submodule(parent), child, part.get_base_layer())
    return plain
