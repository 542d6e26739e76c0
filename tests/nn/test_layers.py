import pytest
import torch
from torch import nn

from landbridge.core.errors import UnknownNameError
from landbridge.nn.backbones import group_parameters, make_backbone
from landbridge.nn.layers import evaluating, layer_groups, ordered_layers, parameter_groups


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, x):
        return x + self.inner(x)


class Shuffled(nn.Module):
    """Defined in another order than it runs, with a part that never runs and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Residual(4), Residual(4))
        self.unused = nn.Linear(2, 2)
        self.early = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(torch.ones(()))
        self.none = nn.Identity()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.none(self.blocks(self.norm(self.early(x * self.scale)))))


IMAGES = torch.zeros(2, 3, 8, 8)


def test_layers_come_in_the_order_in_which_they_run():
    assert ordered_layers(Shuffled(), IMAGES) == ("early", "norm", "blocks.0", "blocks.1")


def test_groups_hold_each_layer_and_each_parameter_once():
    network = Shuffled()
    groups = layer_groups(network, ordered_layers(network, IMAGES))
    assert groups == {"stem": ("early", "norm"), "blocks.0": ("blocks.0",), "blocks.1": ("blocks.1",)}
    parameters = parameter_groups(network, groups)
    assert {id(p) for p in parameters["blocks.1"]} == {id(p) for p in network.blocks[1].parameters()}
    found = [id(p) for members in parameters.values() for p in members]
    assert sorted(found) == sorted(id(p) for p in network.parameters())


def test_several_stages_are_one_group_each():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.Sequential(Residual(4), Residual(4)),
        nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)),
        nn.Sequential(Residual(4)),
        nn.AdaptiveAvgPool2d(1),
    )
    groups = layer_groups(network, ordered_layers(network, IMAGES))
    assert groups == {"stem": ("0",), "1": ("1.0", "1.1"), "2": ("2.0", "2.1"), "3": ("3.0", "4")}


def test_a_stem_that_begins_with_a_normalisation_reaches_to_the_first_kernel():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    assert layer_groups(network, ("0", "1", "2", "3")) == {"stem": ("0", "1", "2"), "3": ("3",)}


def test_a_wrapped_network_is_opened():
    wrapped = nn.Module()
    wrapped.body = Shuffled()
    wrapped.forward = lambda x: wrapped.body(x)
    assert ordered_layers(wrapped, IMAGES) == ("body.early", "body.norm", "body.blocks.0", "body.blocks.1")


def test_looking_leaves_no_trace():
    network = Shuffled().train()
    network.blocks[0].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    ordered_layers(network, IMAGES)
    assert network.training
    assert not network.blocks[0].training
    assert network.blocks[1].inner[1].training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(part._forward_pre_hooks for part in network.modules())


def test_evaluating_restores_modes_after_an_error():
    network = Shuffled().train()
    with evaluating(network):
        assert not network.training
        assert not torch.is_grad_enabled()
    with pytest.raises(RuntimeError), evaluating(network):
        network(torch.zeros(1))
    assert network.training
    assert torch.is_grad_enabled()


STAGES = {
    "torchvision/resnet18": ["stem", "layer1", "layer2", "layer3", "layer4"],
    "timm/resnet18": ["stem", "layer1", "layer2", "layer3", "layer4"],
    "torchvision/mobilenet_v2": ["stem", *(f"features.{i}" for i in range(1, 19))],
    "timm/mobilenetv2_100": ["stem", *(f"blocks.{i}" for i in range(7)), "conv_head"],
    "torchvision/squeezenet1_1": ["stem", *(f"features.{i}" for i in (3, 4, 6, 7, 9, 10, 11, 12))],
    "timm/efficientnet_b0": ["stem", *(f"blocks.{i}" for i in range(7)), "conv_head"],
    "timm/convnext_atto": ["stem", *(f"stages.{i}" for i in range(4))],
    "timm/vit_tiny_patch16_224": ["stem", *(f"blocks.{i}" for i in range(12))],
    "timm/regnety_002": ["stem", "s1", "s2", "s3", "s4"],
    "torchvision/regnet_y_400mf": ["stem", *(f"trunk_output.block{i}" for i in (1, 2, 3, 4))],
    "torchvision/mnasnet0_5": ["stem", *(f"layers.{i}" for i in (3, 6, 8, 9, 10, 11, 12, 13, 14))],
}
HEAVY_STAGES = {
    "torchvision/alexnet": ["stem", *(f"features.{i}" for i in (3, 6, 8, 10)), "classifier.1", "classifier.4"],
    "torchvision/vgg11": [
        "stem",
        *(f"features.{i}" for i in (3, 6, 8, 11, 13, 16, 18)),
        *("classifier.0", "classifier.3"),
    ],
    "torchvision/densenet121": [
        "stem",
        *("features.denseblock1", "features.transition1", "features.denseblock2", "features.transition2"),
        *("features.denseblock3", "features.transition3", "features.denseblock4"),
    ],
    "torchvision/convnext_tiny": ["stem", *(f"features.{i}" for i in range(1, 8))],
    "torchvision/swin_t": ["stem", *(f"features.{i}" for i in range(1, 8))],
    "torchvision/vit_b_32": ["stem", *(f"encoder.layers.encoder_layer_{i}" for i in range(12))],
    "torchvision/maxvit_t": ["stem", *(f"blocks.{i}" for i in range(4)), "classifier"],
    "timm/swin_tiny_patch4_window7_224": ["stem", *(f"layers.{i}" for i in range(4))],
    "timm/densenet121": [
        "stem",
        *("features.denseblock1", "features.transition1", "features.denseblock2", "features.transition2"),
        *("features.denseblock3", "features.transition3", "features.denseblock4"),
    ],
}


def check_map(name: str, stages: list[str]) -> None:
    backbone = make_backbone(name)
    assert list(backbone.groups) == stages
    assert tuple(layer for layers in backbone.groups.values() for layer in layers) == backbone.layers
    members = [id(p) for group in backbone.groups for p in group_parameters(backbone, group)]
    assert len(members) == len(set(members))
    assert set(members) == {id(p) for p in backbone.parameters()}
    assert all(group_parameters(backbone, group) for group in backbone.groups)


@pytest.mark.parametrize("name", STAGES)
def test_the_map_of_known_networks(name):
    check_map(name, STAGES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY_STAGES)
def test_the_map_of_heavier_networks(name):
    check_map(name, HEAVY_STAGES[name])


def test_unknown_groups_are_named():
    backbone = make_backbone("ganin-mnist")
    with pytest.raises(UnknownNameError, match="'ganin-mnist' has no layer group 'conv3'; did you mean 'conv2'"):
        group_parameters(backbone, "conv3")
    with pytest.raises(UnknownNameError, match="its groups: stem, conv2"):
        group_parameters(backbone, "xyz")
