"""Low-rank additions to linear layers, through peft."""

import copy
import re
from collections import Counter

from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone


def add_adapters(backbone: Backbone, rank: int) -> list[nn.Parameter]:
    """Add B A of a rank to every linear layer's weights, in place: W x + 2 B A x, with W frozen and B at 0 first.

    Hu et al., ICLR 2022, section 4.1, with alpha twice the rank. Layers that share their weights with others, and
    attention that keeps its projections in one parameter (`nn.MultiheadAttention`), stay as they are.

    Args:
        backbone: the network; none of its own parameters has a gradient any more.
        rank: of the additions, >= 1.

    Returns:
        The added parameters.

    Raises:
        LandbridgeError: peft is missing, or the network has no such layers.
    """
    network = backbone.network
    owners = Counter(id(parameter) for _, parameter in network.named_parameters(remove_duplicate=False))
    linear = [(name, part) for name, part in network.named_modules() if name and type(part) is nn.Linear]
    layers = [name for name, part in linear if owners[id(part.weight)] == 1]
    if not layers:
        raise LandbridgeError(
            f"'{backbone.name}' has no linear layers inside, so there is nothing to add LoRA to: take a transformer, "
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


def merged(backbone: Backbone) -> Backbone:
    """A copy of a backbone with the additions added to the weights, so that it is a plain network again."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy.deepcopy(backbone)
    for name, module in list(plain.network.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(plain.network.get_submodule(parent), child, module.get_base_layer())
    return plain
