"""A network cut in two gives what the whole gives."""

import pytest
import torch
from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.layers import evaluating
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.splitting import Split
from landbridge.nn.taps import taps


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ganin-mnist?batch_norm=true", 1),
        ("small-cnn", 2),
        ("torchvision/mobilenet_v2?size=64", 12),
        ("torchvision/resnet18?size=64", 3),
        ("timm/resnet18?size=64", 2),
    ],
)
def test_both_parts_together_are_the_whole(name: str, count: int) -> None:
    torch.manual_seed(0)
    backbone = make_backbone(name)
    split = Split(backbone, list(backbone.groups)[:count])
    x = torch.randn_like(backbone.example())
    with evaluating(backbone):
        between = taps(backbone, [split.cut], "flatten")(x)[split.cut]
        torch.testing.assert_close(split.upper(between), backbone(x))


def test_joined_has_the_trained_upper_part_and_the_old_lower_part() -> None:
    backbone = make_backbone("ganin-mnist")
    split = Split(backbone, ["stem"])
    other = Split(make_backbone("ganin-mnist"), ["stem"]).upper
    whole = split.joined(other)
    assert torch.equal(whole.network.conv1.weight, backbone.network.conv1.weight)
    assert torch.equal(whole.network.conv2.weight, other.network[1].weight)
    assert not torch.equal(whole.network.conv2.weight, backbone.network.conv2.weight)


@pytest.mark.parametrize("groups", [[], ["conv2"], ["stem", "conv2"]])
def test_what_is_no_lower_part_is_refused(groups: list[str]) -> None:
    with pytest.raises(LandbridgeError, match=r"is no lower part of 'ganin-mnist': say a number from 1 to 1"):
        Split(make_backbone("ganin-mnist"), groups)


class Around(nn.Module):
    """A network with a way around its second layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return x + self.second(x)


def test_a_network_with_a_way_around_is_refused() -> None:
    backbone = Backbone("around", Blueprint(Around(), Preprocessing((8, 8))))
    with pytest.raises(LandbridgeError, match="its layers are no plain chain"):
        Split(backbone, list(backbone.groups)[:1])
