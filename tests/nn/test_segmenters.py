import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.nn.backbones import group_parameters, make_backbone
from landbridge.nn.deeplab import AtrousPyramid, DeepLabV2
from landbridge.nn.segmentation_networks import Light, SegmentationNetwork
from landbridge.nn.segmenters import make_segmenter
from landbridge.nn.whole_networks import Whole

TINY = "tiny_nets:pyramid"
NAMES = [
    f"light/{TINY}?head.width=8",
    f"light/{TINY}?head.width=8&head.auxiliary=true&head.strides=4,16,32",
    f"deeplabv2/{TINY}?head.rates=1,2",
    f"deeplabv2/{TINY}?head.rates=1,2&head.stride=16&head.auxiliary=false",
    "whole/tiny_nets:mapping?num_classes=5",
]


@pytest.mark.parametrize("name", NAMES)
def test_logits_have_the_size_of_the_image_and_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    network = make_segmenter(name, 5)
    x = torch.randn(2, 3, 45, 70)
    logits = network(x)
    assert logits.shape == (2, 5, 45, 70)
    levels = network.levels(x)
    assert all(level.shape == logits.shape for level in levels)
    loss = torch.stack([F.cross_entropy(level, torch.randint(5, (2, 45, 70))) for level in levels]).sum()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_the_head_reads_the_features(name: str) -> None:
    network = make_segmenter(name, 5).eval()
    x = torch.randn(1, 3, 64, 64)
    features = network.features(x)
    assert features.shape[1] == network.width
    told = F.interpolate(network.head(features), (64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(told, network(x))
    torch.testing.assert_close(network.levels(x)[0], network(x))


@pytest.mark.parametrize("name", NAMES)
def test_groups_hold_each_parameter_once(name: str) -> None:
    network = make_segmenter(name, 5)
    found = [id(parameter) for group in network.groups().values() for parameter in group]
    assert len(found) == len(set(found))
    assert set(found) == {id(parameter) for parameter in network.parameters()}
    assert all(network.groups().values())
    assert "head" in network.groups()


def test_layer_groups_are_those_of_the_backbone() -> None:
    network = make_segmenter(f"light/{TINY}", 5)
    assert isinstance(network.backbone, nn.Module)
    assert list(network.groups()) == [*network.backbone.groups, "fusion", "head"]
    for name in network.backbone.groups:
        ours, theirs = network.groups()[name], group_parameters(network.backbone, name)
        assert [id(each) for each in ours] == [id(each) for each in theirs]


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_a_network_of_its_own(name: str) -> None:
    network = make_segmenter(name, 5).eval()
    twin = copy.deepcopy(network)
    x = torch.randn(1, 3, 64, 64)
    before = twin(x)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert torch.equal(twin(x), before)
    assert not network(x).any()


def test_the_light_head_equals_its_parts() -> None:
    network = make_segmenter(f"light/{TINY}?head.width=6&head.strides=4,32", 3).eval()
    assert isinstance(network, Light)
    x = torch.randn(2, 3, 64, 96)
    y = x
    kept = []
    assert isinstance(network.backbone.network, nn.Sequential)
    for place, block in enumerate(list(network.backbone.network)[:5]):
        y = block(y)
        if place in (1, 4):
            kept.append(y)
    entered = [entry(maps) for entry, maps in zip(network.fusion.entries, kept)]
    joined = torch.cat([entered[0], F.interpolate(entered[1], (16, 24), mode="bilinear")], 1)
    fused = network.fusion.fuse(joined)
    torch.testing.assert_close(network.features(x), fused)


def test_the_atrous_pyramid_is_a_sum() -> None:
    pyramid = AtrousPyramid(4, 3, (1, 2, 5))
    maps = torch.randn(2, 4, 9, 7)
    expected = sum(
        F.conv2d(maps, conv.weight, conv.bias, padding=rate, dilation=rate)  # type: ignore[union-attr, arg-type]
        for conv, rate in zip(pyramid.rates, (1, 2, 5))
    )
    torch.testing.assert_close(pyramid(maps), expected)
    assert 0.005 < float(pyramid.rates[0].weight.detach().std()) < 0.015  # type: ignore[operator, union-attr, arg-type]


def test_deeplab_keeps_its_maps_large() -> None:
    network = make_segmenter(f"deeplabv2/{TINY}?head.rates=1,2", 3)
    assert isinstance(network, DeepLabV2)
    assert network.features(torch.zeros(1, 3, 64, 80)).shape == (1, 16, 8, 10)
    assert len(network.levels(torch.zeros(2, 3, 64, 80))) == 2


def test_images_keep_their_size_unless_one_is_named_or_needed() -> None:
    assert make_segmenter(f"light/{TINY}", 3).preprocessing.size is None
    assert make_segmenter(f"light/{TINY}?size=48x64", 3).preprocessing.size == (48, 64)
    fixed = make_segmenter("light/timm/vit_tiny_patch16_224?depth=1", 3)
    assert fixed.preprocessing.size == (224, 224)
    assert fixed(torch.zeros(1, 3, 224, 224)).shape == (1, 3, 224, 224)


def test_a_backbone_and_a_module_are_taken_too() -> None:
    backbone = make_backbone(TINY)
    network = make_segmenter(backbone, ("a", "b", "c"))
    assert network.backbone is backbone
    assert network.name == f"light/{TINY}"
    whole = make_segmenter(nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 3, 1)), 3)
    assert isinstance(whole, Whole)
    assert whole.name is None
    assert whole(torch.zeros(1, 3, 20, 30)).shape == (1, 3, 20, 30)


def test_weights_of_the_backbone_and_of_a_whole_network_come_from_files(tmp_path: Path) -> None:
    learned = make_backbone(TINY).network
    state = {name: value.contiguous() for name, value in learned.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    network = make_segmenter(f"light/{TINY}", 3, weights=tmp_path / "net.safetensors")
    assert network.backbone is not None
    for mine, theirs in zip(network.backbone.network.parameters(), learned.parameters()):
        assert torch.equal(mine, theirs)
    whole = make_segmenter("whole/tiny_nets:mapping?num_classes=7", 7)
    assert isinstance(whole, Whole)
    save_file(whole.network.state_dict(), tmp_path / "whole.safetensors")
    other = make_segmenter("whole/tiny_nets:mapping?num_classes=4", 4, weights=tmp_path / "whole.safetensors")
    assert isinstance(other, Whole)
    assert torch.equal(other.network.encoder.weight, whole.network.encoder.weight)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("name", "classes", "complaint"),
    [
        (f"light/{TINY}?head.widht=8", 3, r"no key 'head.widht'; did you mean 'width'"),
        (f"light/{TINY}?head.width=many", 3, "head.width is a whole number from 1 up, not 'many'"),
        (f"light/{TINY}?head.dropout=1", 3, r"head.dropout is a number in \[0, 1\)"),
        (f"light/{TINY}?head.auxiliary=yes", 3, "true or false, not 'yes'"),
        (f"light/{TINY}?head.strides=4,64", 3, "among those of the backbone's maps: 2, 4, 8, 16, 32"),
        (f"light/{TINY}?head.strides=4&head.auxiliary=true", 3, "a second classifier needs maps of two sizes"),
        (f"deeplabv2/{TINY}?head.rates=6;12", 3, "whole numbers with commas"),
        ("light/mlp?inputs=3", 3, "reads no images"),
        ("whole/timm", 3, "behind whole/ stands a factory"),
        ("whole/tiny_nets:mapping?num_classes=6", 3, "not logits of 3 classes"),
        ("whole/tiny_nets:pyramid", 5, "not logits of 5 classes"),
        (TINY, 1, "tells 2 to 255 classes apart, not 1"),
        (TINY, 256, "255 stands for void"),
    ],
)
def test_what_cannot_be_made_is_one_line(name: str, classes: int, complaint: str) -> None:
    with pytest.raises(LandbridgeError, match=complaint) as refused:
        make_segmenter(name, classes)
    assert "\n" not in str(refused.value)


def test_unknown_backbones_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        make_segmenter("deeplabv2/torchvision/resnet_101", 3)


def test_segmentation_models_pytorch_is_one_of_the_sources() -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = make_segmenter("smp/Unet?encoder_name=resnet18&encoder_depth=3&decoder_channels=16,8,4", 4).eval()
    x = torch.randn(1, 3, 45, 70)
    assert network(x).shape == (1, 4, 45, 70)
    assert network.features(x).shape == (1, 4, 64, 96)
    assert list(network.groups()) == ["encoder", "decoder", "head"]
    with pytest.raises(UnknownNameError, match="did you mean 'Unet'"):
        make_segmenter("smp/Unett", 4)
    with pytest.raises(LandbridgeError, match="no key 'encoder_nam'; did you mean 'encoder_name'"):
        make_segmenter("smp/Unet?encoder_nam=resnet18", 4)
    with pytest.raises(LandbridgeError, match="resnet_18") as refused:
        make_segmenter("smp/Unet?encoder_name=resnet_18", 4)
    assert "\n" not in str(refused.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landbridge.nn.whole_networks.find_spec", lambda name: None)
    with pytest.raises(LandbridgeError, match=r"landbridge\[segmentation\]"):
        make_segmenter("smp/Unet", 3)


def test_the_base_leaves_features_to_its_kinds() -> None:
    assert {Light, DeepLabV2, Whole} == set(SegmentationNetwork.__subclasses__())


@pytest.mark.parametrize("name", [f"light/{TINY}?head.width=16&head.dropout=0", f"deeplabv2/{TINY}?head.rates=1,2"])
def test_it_learns_to_tell_a_square_from_the_rest(name: str) -> None:
    torch.manual_seed(0)
    labels = torch.zeros(8, 64, 64, dtype=torch.int64)
    for place in range(8):
        labels[place, 8 * (place % 4) : 8 * (place % 4) + 24, 4 * place : 4 * place + 28] = 1
    x = labels[:, None].float() + 0.3 * torch.randn(8, 3, 64, 64)
    network = make_segmenter(name, 2)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(40):
        loss = torch.stack([F.cross_entropy(level, labels) for level in network.levels(x)]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (network(x).argmax(1) == labels).float().mean()
    assert float(right) > 0.9  # always saying "the rest" would be right 84 % of the time


@pytest.mark.data
def test_a_users_own_backbone_with_its_weights(data_root: Path) -> None:
    weights = data_root / "weights"
    spec = f"light/{weights}/nets.py:mobilenet_v2_gluon"
    network = make_segmenter(spec, 11, weights / "mobilenet_v2_gluon.features.safetensors")
    assert isinstance(network, Light)
    assert network.layers == ("features.3", "features.10", "features.13", "features.18")
    assert network.eval()(torch.zeros(1, 3, 180, 240)).shape == (1, 11, 180, 240)
    assert len(network.groups()) == 19 + 2
