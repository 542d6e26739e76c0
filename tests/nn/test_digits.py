import pytest
import torch
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError
from landbridge.nn import BACKBONES
from landbridge.nn.backbones import make_backbone
from landbridge.nn.digits import ganin_mnist, identity, lenet, mlp

EXPECTED = {
    # name: size, width, head, discriminator, parameters of the feature extractor
    "ganin-mnist": (28, 768, (100, 100), (100,), 32 * 3 * 25 + 32 + 48 * 32 * 25 + 48),
    "ganin-svhn": (32, 8192, (3072, 2048), (1024, 1024), 64 * 75 + 64 + 64 * 64 * 25 + 64 + 128 * 64 * 25 + 128),
    "ganin-signs": (40, 1024, (512,), (1024, 1024), 96 * 75 + 96 + 144 * 96 * 9 + 144 + 256 * 144 * 25 + 256),
    "lenet": (28, 800, (500,), (500, 500), 20 * 75 + 20 + 50 * 20 * 25 + 50),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_sizes_are_those_of_the_papers(name):
    size, width, head, discriminator, count = EXPECTED[name]
    backbone = make_backbone(name)
    assert backbone.preprocessing.size == (size, size)
    assert backbone.preprocessing.mean == backbone.preprocessing.std == (0.5, 0.5, 0.5)
    assert (backbone.width, backbone.head_hidden, backbone.discriminator_hidden) == (width, head, discriminator)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == count


@pytest.mark.parametrize("name", EXPECTED)
def test_gradients_reach_every_parameter(name):
    torch.manual_seed(0)
    backbone = make_backbone(name)
    images = torch.randint(0, 256, (4, 3, 28, 28), dtype=torch.uint8)
    backbone(backbone.preprocessing(images)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in backbone.parameters())


def test_ganin_mnist_is_the_figure_step_by_step():
    torch.manual_seed(0)
    network = ganin_mnist().network.double()
    x = torch.randn(2, 3, 28, 28, dtype=torch.float64)
    y = F.max_pool2d(F.conv2d(x, network.conv1.weight, network.conv1.bias).relu(), 2, 2)
    y = F.max_pool2d(F.conv2d(y, network.conv2.weight, network.conv2.bias).relu(), 2, 2)
    torch.testing.assert_close(network(x), y.flatten(1))


def test_lenet_has_no_activation_between_its_convolutions():
    network = lenet().network
    x = torch.randn(2, 3, 28, 28)
    y = F.max_pool2d(F.conv2d(x, network.conv1.weight, network.conv1.bias), 2)
    y = F.max_pool2d(F.conv2d(y, network.conv2.weight, network.conv2.bias), 2)
    torch.testing.assert_close(network(x), y.flatten(1))


def test_feature_backbones():
    x = torch.randn(3, 5)
    made = mlp(5, hidden=4)
    layer = made.network.fc1
    torch.testing.assert_close(made.network(x), (x @ layer.weight.T + layer.bias).relu())
    assert torch.equal(identity(5).network(x), x)
    assert make_backbone("mlp?inputs=5").width == 256
    kept = make_backbone("identity?inputs=5")
    assert (kept.width, kept.layers, kept.groups) == (5, ("",), {"stem": ("",)})
    assert torch.equal(kept(kept.preprocessing(x)), x)


def test_feature_backbones_ask_for_their_width():
    with pytest.raises(LandbridgeError, match=r"'mlp': missing a required argument: 'inputs'; it takes \(inputs: int"):
        make_backbone("mlp")


def test_every_registered_backbone_is_made():
    for name in BACKBONES:
        needs_width = name in ("mlp", "identity")
        assert make_backbone(f"{name}?inputs=4" if needs_width else name).width > 0
