import sys

import pytest
import torch
from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.lora import add_adapters, merged
from landbridge.nn.preprocessing import Preprocessing

TINY_VIT = "timm/vit_tiny_patch16_224?size=32&depth=2&embed_dim=32&num_heads=2"


def shaken(parameters: list[nn.Parameter]) -> None:
    with torch.no_grad():
        for parameter in parameters:
            parameter.normal_(std=0.1)


def test_begins_where_the_network_is_and_moves_nothing_else() -> None:
    backbone, x = make_backbone(TINY_VIT).eval(), torch.randn(2, 3, 32, 32)
    before = backbone(x)
    added = add_adapters(backbone.network, 4, backbone.name)
    assert torch.equal(backbone(x), before)
    assert [p for p in backbone.parameters() if p.requires_grad] == added
    assert len(added) == 2 * 2 * 4, "two matrices for each of the four linear layers of two blocks"


def test_equals_the_equation() -> None:
    """W x + b + 2 B A x, layer by layer, in float64."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x = torch.randn(7, 5, dtype=torch.float64)
    backbone = make_backbone("mlp?inputs=5")
    backbone.network = network
    first, second = network[0].weight.detach().clone(), network[2].weight.detach().clone()
    added = add_adapters(backbone.network, 2, backbone.name)
    shaken(added)
    down1, up1, down2, up2 = added
    hidden = torch.tanh(x @ (first + 2 * up1 @ down1).T + network[0].bias)
    torch.testing.assert_close(network(x), hidden @ (second + 2 * up2 @ down2).T + network[2].bias)


def test_merged_is_the_plain_network_that_says_the_same() -> None:
    backbone, x = make_backbone(TINY_VIT).eval(), torch.randn(2, 3, 32, 32)
    names = set(backbone.state_dict())
    shaken(add_adapters(backbone.network, 4, backbone.name))
    with_additions = backbone(x)
    plain = merged(backbone)
    assert set(plain.state_dict()) == names
    torch.testing.assert_close(plain(x), with_additions, rtol=1e-4, atol=1e-5)
    assert torch.equal(backbone(x), with_additions), "the original is left as it was"
    assert tuple(plain.groups) == ("stem", "blocks.0", "blocks.1")


class Tied(nn.Module):
    """A layer whose weights another uses too, and a convolution whose name ends like a linear layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.fc = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight
        self.stem = nn.ModuleDict({"fc": nn.Conv2d(3, 4, 3)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.two(self.one(self.stem["fc"](x).mean((2, 3)))))


def test_shared_weights_stay_as_they_are_and_names_are_whole() -> None:
    backbone = Backbone("tied", Blueprint(Tied(), Preprocessing((8, 8))))
    x = torch.randn(2, 3, 8, 8)
    added = add_adapters(backbone.network, 2, backbone.name)
    assert {name.split(".")[1] for name, p in backbone.named_parameters() if p.requires_grad} == {"fc"}
    shaken(added)
    torch.testing.assert_close(merged(backbone)(x), backbone(x))


@pytest.mark.parametrize("name", ["ganin-mnist", "identity?inputs=3"])
def test_a_network_without_linear_layers_is_refused(name: str) -> None:
    with pytest.raises(LandbridgeError, match=r"has no linear layers inside.*take a transformer, or another method"):
        add_adapters(make_backbone(name).network, 2, name)


def test_without_peft_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(LandbridgeError, match=r"LoRA needs peft: pip install 'landbridge\[lora\]'"):
        add_adapters(make_backbone("mlp?inputs=3").network, 2, "mlp")
