import pytest
import torch
from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.pyramid import maps_heard, maps_of, pyramid


def test_each_size_is_read_at_its_last_layer() -> None:
    backbone = make_backbone("tiny_nets:pyramid?size=64")
    levels = pyramid(backbone)
    assert [level.stride for level in levels] == [2, 4, 8, 16, 32]
    assert [level.width for level in levels] == [4, 4, 8, 12, 16]
    # The naive way: run the blocks one by one.
    x = torch.randn(2, 3, 64, 96)
    network = backbone.network.eval()
    assert isinstance(network, nn.Sequential)
    expected = []
    y = x
    for block in list(network)[:5]:
        y = block(y)
        expected.append(y)
    found = maps_of(backbone, [level.layer for level in levels])(x)
    for maps, right in zip(found, expected, strict=True):
        torch.testing.assert_close(maps, right)


def test_timm_networks_have_the_levels_of_features_only() -> None:
    import timm

    sizes = timm.create_model("mobilenetv2_100", features_only=True).feature_info
    levels = pyramid(make_backbone("timm/mobilenetv2_100?size=64"))
    assert [level.stride for level in levels] == sizes.reduction()
    # The last level goes on to the network's last convolution, which timm cuts off.
    assert [level.width for level in levels][:-1] == sizes.channels()[:-1]
    assert levels[-1].width == 1280


def test_tokens_are_laid_out_as_the_image_is() -> None:
    backbone = make_backbone("timm/vit_tiny_patch16_224?size=32x64&depth=2")
    (level,) = pyramid(backbone)
    assert (level.stride, level.width) == (16, 192)
    backbone.eval()
    [maps] = maps_of(backbone, [level.layer])(torch.randn(1, 3, 32, 64))
    assert maps.shape == (1, 192, 2, 4)


def test_channels_at_the_end_come_to_the_front() -> None:
    backbone = make_backbone("timm/swin_tiny_patch4_window7_224?size=64")
    assert [(level.stride, level.width) for level in pyramid(backbone)] == [(4, 96), (8, 192), (16, 384), (32, 768)]


def test_gradients_reach_every_layer_below() -> None:
    backbone = make_backbone("tiny_nets:pyramid?size=64")
    levels = pyramid(backbone)
    found = maps_of(backbone, [level.layer for level in levels])(torch.randn(2, 3, 64, 64))
    torch.stack([maps.square().sum() for maps in found]).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.parametrize(("name", "complaint"), [("mlp?inputs=4", "reads no images"), ("hog", "no maps of places")])
def test_networks_without_maps_are_refused(name: str, complaint: str) -> None:
    if name == "hog":
        pytest.importorskip("skimage")
    with pytest.raises(LandbridgeError, match=complaint):
        pyramid(make_backbone(name))


@pytest.mark.parametrize(("name", "layer"), [("small-cnn", "relu3"), ("timm/vit_tiny_patch16_224", "blocks.1")])
def test_maps_are_heard_on_the_way(name: str, layer: str) -> None:
    """As another pass would make them, with their gradient, and even where the pass ends with that layer."""
    backbone = make_backbone(name).eval()
    x = torch.randn_like(backbone.example())
    with maps_heard(backbone, layer, x) as heard:
        maps_of(backbone, [layer])(x)
        backbone(2 * x)
    for found, inputs in zip(heard, (x, 2 * x), strict=True):
        torch.testing.assert_close(found, maps_of(backbone, [layer])(inputs)[0])
        assert found.requires_grad
    backbone(x)
    assert len(heard) == 2
