"""Low-rank additions to linear layers, through peft."""

import copy

from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone


def add_adapters(network: nn.Module, rank: int, name: str) -> frozenset[str]:
    """Add B A of a rank to every linear layer's weights, in place: W x + 2 B A x, with W frozen and B at 0 first.

    Hu et al., ICLR 2022, section 4.1, with alpha twice the rank.

    Args:
        network: the network.
        rank: of the additions, >= 1.
        name: of the network, for messages.

    Returns:
        Names of the added parameters, as a backbone that holds the network spells them.

    Raises:
        LandbridgeError: peft is missing, or the network has no linear layers.
    """
    layers = [layer for layer, module in network.named_modules() if type(module) is nn.Linear]
    if not layers:
        raise LandbridgeError(
            f"'{name}' has no linear layers inside, so there is nothing to add LoRA to: take a transformer, "
            "or another method"
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise LandbridgeError("LoRA needs peft: pip install 'landbridge[lora]'") from None
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers), network)
    return frozenset(f"network.{key}" for key, value in network.named_parameters() if ".lora_" in key)


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
