import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.taps import OUTPUT, tap_points, taps


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 3), nn.ReLU(inplace=True), nn.Conv2d(5, 4, 3)
    ).eval()


X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def test_alexnet_has_the_seven_layers_of_the_literature():
    points = tap_points(make_backbone("torchvision/alexnet"))
    assert list(points) == [*(f"features.{i}" for i in (0, 3, 6, 8, 10)), "classifier.1", "classifier.4"]
    assert list(points.values())[-2:] == ["classifier.2", "classifier.5"]  # after the ReLU


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("timm/mobilenetv2_100?size=32", 19),
        ("torchvision/squeezenet1_1?size=32", 9),
        ("timm/resnet18?size=32", 9),
        ("timm/vit_tiny_patch16_224?size=32", 13),
        ("torchvision/swin_t?size=32", 16),
        ("ganin-mnist", 2),
    ],
)
def test_a_layer_is_a_block(spec, count):
    backbone = make_backbone(spec)
    points = tap_points(backbone)
    assert len(points) == count
    assert list(points.values())[-1] == backbone.layers[-1]


@pytest.mark.parametrize("pool", ["mean", "max", "grid", "flatten"])
def test_every_layer_at_once_is_every_layer_alone(pool):
    network, x = chain(), X
    wanted = {}
    for name, layer in network.named_children():
        x = layer(x)
        maps = x.clone()
        wanted[name] = {
            "mean": maps.mean((2, 3)),
            "max": maps.flatten(2).max(2).values,
            "grid": torch.stack(
                [
                    maps[:, :, i : i + maps.shape[2] // 2, j : j + maps.shape[3] // 2].mean((2, 3))
                    for i in (0, maps.shape[2] // 2)
                    for j in (0, maps.shape[3] // 2)
                ],
                2,
            ).flatten(1),
            "flatten": maps.flatten(1),
        }[pool]
    with torch.no_grad():
        found = taps(network, list(wanted), pool)(X)
    assert list(found) == list(wanted)
    for name, features in found.items():
        torch.testing.assert_close(features, wanted[name])


@given(st.permutations(["0", "2", "3", OUTPUT]), st.integers(1, 4))
def test_any_set_of_layers_in_any_order(layers, count):
    network = chain()
    together = taps(network, layers[:count])(X)
    assert list(together) == layers[:count]
    for name, features in together.items():
        assert torch.equal(features, taps(network, [name])(X)[name])


def test_the_pass_ends_with_the_last_layer():
    network, ran = chain(), []
    network[4].register_forward_hook(lambda *_: ran.append(True))
    taps(network, ["0", "3"])(X)
    assert not ran
    taps(network, [OUTPUT])(X)
    assert ran


def test_hooks_are_gone_afterwards_and_gradients_flow():
    network = chain()
    taps(network, ["2"])(X)["2"].sum().backward()
    assert network[2].weight.grad is not None
    assert network[4].weight.grad is None
    assert not any(part._forward_hooks for part in network.modules())


def test_a_layer_that_runs_twice_is_read_the_first_time():
    shared = nn.Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared)
    x = torch.randn(3, 4)
    assert torch.equal(taps(network, ["0", OUTPUT])(x)["0"], shared(x))


def test_the_output_of_a_backbone_is_what_it_returns():
    for spec in ("timm/vit_tiny_patch16_224?size=32", "timm/resnet18?size=32", "torchvision/swin_t?size=32"):
        backbone = make_backbone(spec).eval()
        x = torch.randn_like(backbone.example())
        with torch.no_grad():
            assert torch.equal(taps(backbone, [OUTPUT])(x)[OUTPUT], backbone(x))


def test_channels_of_swin_are_channels():
    backbone = make_backbone("torchvision/swin_t?size=64").eval()
    with torch.no_grad():
        found = taps(backbone, ["features.1.0", "features.2"])(backbone.example())
    assert [features.shape[1] for features in found.values()] == [96, 192]


def test_places_of_a_transformer():
    backbone = make_backbone("timm/vit_tiny_patch16_224?size=64").eval()
    x = torch.randn_like(backbone.example())
    with torch.no_grad():
        tokens = backbone.network.forward_intermediates(x, indices=[0], output_fmt="NLC", intermediates_only=True)[0]
        for pool, wanted in {
            "max": tokens.max(1).values,
            "grid": nn.functional.adaptive_avg_pool2d(tokens.transpose(1, 2).reshape(2, -1, 4, 4), 2).flatten(1),
        }.items():
            torch.testing.assert_close(taps(backbone, ["blocks.0"], pool)(x)["blocks.0"], wanted)


def test_errors():
    network = chain()
    network.spare = nn.Linear(2, 2)
    with pytest.raises(UnknownNameError, match=r"no layer 'spar'; did you mean 'spare'\?"):
        taps(network, ["spar"])
    with pytest.raises(UnknownNameError, match=r"unknown pooling 'meen'; did you mean 'mean'\?"):
        taps(network, ["0"], "meen")

    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(LandbridgeError, match="the layer 'unused' does not run"):
        taps(Lazy(), ["unused"])(torch.zeros(1, 2))
