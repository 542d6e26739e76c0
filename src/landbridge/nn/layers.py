"""The one map of a network: its layers in the order in which they run, and the groups that they form.

Probing, freezing, layer-wise learning rates and copying all read this map.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
TRUNKS = ("blocks", "layers", "layer", "layer1", "resblocks", "stages", "features")
"""Names under which the libraries keep the chain of blocks of a network, a stage or an encoder."""
IDLE = (nn.Identity, nn.Dropout, nn.Dropout2d)
"""What changes nothing in evaluation."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every part has its own mode back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def ordered_layers(module: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Names of a network's layers in the order in which they run.

    Chains (`nn.Sequential`, the stages of timm and torchvision) are opened; a block, with whatever runs side by side in
    it, is one layer. The order is that of a forward pass, not that of the definition; what the pass does not call is
    left out, and so are `nn.Identity` and dropout.

    Args:
        module: the network.
        example: inputs for one forward pass in evaluation mode.

    Returns:
        Names for `module.get_submodule`; a network without parts is one layer, named "".

    >>> network = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 2)))
    >>> ordered_layers(network, torch.zeros(1, 4))
    ('0', '1.0', '1.1')
    """
    ran: dict[str, None] = {}

    def remember(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda part, inputs: ran.setdefault(name)

    hooks = [
        module.get_submodule(name).register_forward_pre_hook(remember(name))
        for name in _leaves(module, "")
        if name == "" or not isinstance(module.get_submodule(name), IDLE)
    ]
    try:
        with evaluating(module):
            module(example)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(ran)


def layer_groups(module: nn.Module, layers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The layers in groups, from the stem up.

    One group is one stage (`layer1` of a ResNet, `blocks.0` of an EfficientNet), or one block where the network has no
    stages (a layer of VGG, a block of a vision transformer). Layers without weight matrices, such as normalisations,
    activations and pooling, belong to the group before them. The first group is `stem`; the others have their names
    in the network.

    Args:
        module: the network.
        layers: its layers in the order in which they run, from `ordered_layers`.

    Returns:
        Group name -> names of its layers; each layer in exactly one group.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
    >>> layer_groups(network, ("0", "1", "2", "3", "4"))
    {'stem': ('0', '1', '2'), '3': ('3', '4')}
    """
    units = list(_units(module, ""))
    groups: dict[str, list[str]] = {}
    group_of: dict[str, str] = {}
    current, stem_is_full = "stem", False
    for layer in layers:
        unit = next((unit for unit in units if _within(layer, unit)), layer)
        if unit not in group_of:
            weighty = is_weighty(module.get_submodule(unit))
            if weighty and stem_is_full:
                current = unit
            stem_is_full |= weighty
            group_of[unit] = current
        groups.setdefault(group_of[unit], []).append(layer)
    return {name: tuple(members) for name, members in groups.items()}


def parameter_groups(module: nn.Module, groups: Mapping[str, Sequence[str]]) -> dict[str, list[nn.Parameter]]:
    """The parameters by layer group: each parameter of the network in exactly one.

    A parameter outside all layers (the class token of a vision transformer) goes with the first layer of the part that
    holds it.

    Args:
        module: the network.
        groups: its groups, from `layer_groups`.
    """
    found: dict[str, list[nn.Parameter]] = {group: [] for group in groups}
    for name, parameter in module.named_parameters():
        found[group_of(name, groups)].append(parameter)
    return found


def group_of(name: str, groups: Mapping[str, Sequence[str]]) -> str:
    """The layer group of a parameter or buffer, by its name in the network.

    >>> group_of("2.weight", {"stem": ("0", "1"), "2": ("2",)})
    '2'
    """
    layers = {layer: group for group, members in groups.items() for layer in members}
    place = name
    while place := place.rpartition(".")[0]:
        for layer, group in layers.items():
            if _within(layer, place):
                return group
    return next(iter(layers.values()))


def is_weighty(module: nn.Module) -> bool:
    """Whether a module has weight matrices or kernels, and not only what scales and shifts channels."""
    return any(parameter.dim() > 1 for parameter in module.parameters())


def _leaves(module: nn.Module, name: str) -> Iterator[str]:
    """Names of the layers below a chain, in the order of definition."""
    children = list(module.named_children())
    if not children or (name and not _is_chain(module)):
        yield name
        return
    for child_name, child in children:
        yield from _leaves(child, _join(name, child_name))


def _units(chain: nn.Module, name: str) -> Iterator[str]:
    """Names of the parts of a chain that are worth a group: stages if there are several side by side, else blocks."""
    children = [(_join(name, child_name), child) for child_name, child in chain.named_children()]
    heights = {child_name: _height(child) for child_name, child in children if _is_chain(child)}
    tallest = [child_name for child_name, height in heights.items() if 0 < height == max(heights.values())]
    for child_name, child in children:
        if child_name in heights and tallest in ([], [child_name]):
            yield from _units(child, child_name)
        else:
            yield child_name


def _is_chain(module: nn.Module) -> bool:
    """Whether a module does no more than run its children one after another, so that their layers are its layers."""
    if type(module) in CONTAINERS:
        return True
    if isinstance(module, nn.Sequential):
        # A class of its own may be a stage of equal blocks, or a block of convolution, normalisation and activation.
        kinds = {type(child) for child in module.children()}
        return len(kinds) == 1 and all(_is_block(child) for child in module.children())
    trunks = (child for name, child in module.named_children() if name in TRUNKS)
    return any(type(trunk) in CONTAINERS and _height(trunk) > 0 for trunk in trunks)


def _is_block(module: nn.Module) -> bool:
    return any(True for _ in module.children()) and any(True for _ in module.parameters())


def _height(module: nn.Module) -> int:
    """1 for a block, 2 for a chain of blocks, 3 for a chain of those; 0 where there are only single layers."""
    if not _is_chain(module):
        return int(_is_block(module))
    below = max((_height(child) for child in module.children()), default=0)
    return below + 1 if below else 0


def _within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def _join(parent: str, child: str) -> str:
    return f"{parent}.{child}" if parent else child
