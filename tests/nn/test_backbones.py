import copy
import json
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.nn import BACKBONES
from landbridge.nn.backbones import backbone_catalogue, chosen_groups, copy_groups, is_own_factory, make_backbone
from landbridge.nn.blueprint import Spec
from landbridge.nn.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from landbridge.nn.sources import cut_classifier

NETS = """
import torch
from torch import nn


class Tokens(nn.Module):
    def __init__(self, cls_token=False):
        super().__init__()
        self.cls_token = nn.Parameter(torch.full((1, 1, 4), 7.0)) if cls_token else None
        self.patch = nn.Conv2d(3, 4, 8, 8)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        return tokens if self.cls_token is None else torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], 1)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x), None


def maps(channels=6):
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU())


def small(size=32):
    body = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * (size - 2) ** 2, 8), nn.ReLU())
    return body.append(nn.Linear(8, 3))


def text():
    return "no network"
"""


@pytest.fixture
def nets(tmp_path) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path / "nets.py"


def test_specs_are_taken_apart():
    spec = Spec.parse("timm/resnet18?size=192x256&mean=0.48,0.45,0.40&std=0.2&a=1&b=0.5&c=true&d=same&e=None&f=False")
    assert (spec.source, spec.name) == ("timm", "resnet18")
    assert spec.preprocessing_keys == {"size": (192, 256), "mean": (0.48, 0.45, 0.40), "std": (0.2, 0.2, 0.2)}
    assert spec.keys == {"a": 1, "b": 0.5, "c": True, "d": "same", "e": None, "f": False}
    assert type(spec.keys["a"]) is int
    assert spec.preprocessing(Preprocessing((1, 1))).size == (192, 256)
    assert Spec.parse("lenet?instance_norm=true").preprocessing(Preprocessing()).instance_norm
    assert Spec.parse("resnet18.a1_in1k").name == "resnet18.a1_in1k"


@pytest.mark.parametrize(
    ("spec", "own"),
    [("nets.py:make", True), ("a.b:make?x=1", True), ("/a/nets.py:make", True), ("lenet", False), ("timm/a", False)],
)
def test_own_factories_are_recognised(spec, own):
    assert is_own_factory(spec) is own


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lenet?size", "'size' is not key=value"),
        ("lenet?=3", "'=3' is not key=value"),
        ("lenet?size=big", "size=192 or size=192x256"),
        ("lenet?size=0", "not '0'"),
        ("lenet?size=1x2x3", "not '1x2x3'"),
        ("lenet?mean=a", "mean is one number or three"),
        ("lenet?std=0.5,0.5", "std is one number or three"),
        ("lenet?std=0", "std is one number or three"),
        ("lenet?instance_norm=1", "instance_norm is true or false, not '1'"),
        ("lenet?depth=3", r"'lenet\?depth=3': got an unexpected keyword argument 'depth'; it takes \(\)"),
        ("lenet?size=8", r"cannot read inputs of 3x8x8 \(.*\): name the size it wants"),
    ],
)
def test_bad_keys_are_one_line(spec, message):
    with pytest.raises(LandbridgeError, match=message) as caught:
        make_backbone(spec)
    assert "\n" not in str(caught.value)


def test_keys_reach_the_preprocessing_and_the_factory():
    backbone = make_backbone("mlp?inputs=4&hidden=9&mean=0")
    assert backbone.width == 9
    other = make_backbone("ganin-mnist?size=32&mean=0.1,0.2,0.3&std=0.4")
    assert other.preprocessing == Preprocessing((32, 32), (0.1, 0.2, 0.3), (0.4, 0.4, 0.4))
    assert other.width == 48 * 25
    assert other.name == "ganin-mnist?size=32&mean=0.1,0.2,0.3&std=0.4"


def test_backbones_are_in_channels_last_and_can_be_copied():
    backbone = make_backbone("ganin-mnist")
    assert backbone.network.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    assert backbone.layers[0] == "conv1"
    twin = copy.deepcopy(backbone)
    assert twin.groups == backbone.groups
    assert twin.network is not backbone.network


def test_making_a_backbone_leaves_it_in_training_mode():
    backbone = make_backbone("timm/mobilenetv2_100")
    assert all(part.training for part in backbone.modules())
    assert backbone.network.bn1.num_batches_tracked == 0


def test_own_factories(nets):
    maps = make_backbone(f"{nets}:maps?channels=5")
    assert maps.width == 5
    assert maps.preprocessing == Preprocessing((224, 224), IMAGENET_MEAN, IMAGENET_STD)
    x = torch.randn(2, 3, 20, 20)
    torch.testing.assert_close(maps(x), maps.network(x).mean((2, 3)))
    small = make_backbone(f"{nets}:small?size=32", "none")
    assert small.width == 8
    assert isinstance(small.network[-1], nn.Identity)
    assert small.groups == {"stem": ("0", "1"), "2": ("2", "3")}


def test_own_factory_of_an_installed_module(nets, monkeypatch):
    monkeypatch.syspath_prepend(str(nets.parent))
    assert make_backbone("nets:maps").width == 6


def test_size_goes_to_the_preprocessing_alone(nets):
    with pytest.raises(
        LandbridgeError, match=r"cannot read inputs of 3x64x64 .*name the size it wants, as in \?size=32"
    ):
        make_backbone(f"{nets}:small?size=64")
    assert make_backbone(f"{nets}:small?size=32").preprocessing.size == (32, 32)


def test_tokens_and_tuples_become_vectors(nets):
    x = torch.randn(2, 3, 16, 16)
    mean = make_backbone(f"{nets}:Tokens")
    torch.testing.assert_close(mean(x), mean.network(x).mean(1))
    token = make_backbone(f"{nets}:Tokens?cls_token=true")
    assert token(x).eq(7).all()
    pair = make_backbone(f"{nets}:Pair")
    torch.testing.assert_close(pair(x), pair.network(x)[0].mean((2, 3)))


def test_errors_of_own_factories(nets):
    with pytest.raises(UnknownNameError, match="has no 'map'; did you mean 'maps'"):
        make_backbone(f"{nets}:map")
    with pytest.raises(LandbridgeError, match=r"made a str, not a torch\.nn\.Module"):
        make_backbone(f"{nets}:text")
    with pytest.raises(LandbridgeError, match=r"unexpected keyword argument 'depth'; it takes \(channels=6\)"):
        make_backbone(f"{nets}:maps?depth=3")
    with pytest.raises(MissingDataError, match=r"no file .*other.py to take a network from"):
        make_backbone(f"{nets.with_name('other.py')}:maps")
    with pytest.raises(LandbridgeError, match="cannot import no_such_package"):
        make_backbone("no_such_package.nets:make")
    (nets.parent / "broken.py").write_text("import no_such_package")
    with pytest.raises(LandbridgeError, match=r"cannot import .*broken.py: No module named 'no_such_package'"):
        make_backbone(f"{nets.parent / 'broken.py'}:make")
    (nets.parent / "broken.py").write_text("def (")
    with pytest.raises(LandbridgeError, match=r"cannot import .*broken.py: invalid syntax"):
        make_backbone(f"{nets.parent / 'broken.py'}:make")


def test_names_are_looked_for_in_turn():
    assert make_backbone("squeezenet1_1").width == 512
    assert make_backbone("mobilenetv2_050").network.default_cfg["architecture"] == "mobilenetv2_050"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ganin-mnst", "unknown backbone 'ganin-mnst'; did you mean 'ganin-mnist'"),
        ("timm/mobilenetv2_10", "unknown backbone 'mobilenetv2_10' in timm; did you mean 'mobilenetv2_1"),
        ("timm/resnet18.nobody", "unknown backbone 'resnet18.nobody' in timm; did you mean 'resnet18"),
        ("torchvision/squeezenet1_2", "in torchvision; did you mean 'squeezenet1_"),
        ("torchvision/qqqqqqqqqq", "see landbridge backbones"),
    ],
)
def test_unknown_names_suggest_the_nearest(spec, message):
    with pytest.raises(UnknownNameError, match=message):
        make_backbone(spec)


@pytest.mark.parametrize("spec", ["timm/resnet18?bogus=1", "torchvision/resnet18?bogus=1"])
def test_keys_that_a_library_does_not_know(spec):
    with pytest.raises(LandbridgeError, match="unexpected keyword argument 'bogus'"):
        make_backbone(spec)


def test_sizes_and_class_counts_for_timm():
    backbone = make_backbone("timm/vit_tiny_patch16_224?size=64&num_classes=10")
    assert (backbone.preprocessing.size, backbone.width) == ((64, 64), 192)
    assert backbone.preprocessing.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("spec", "width"),
    [("timm/mobilenetv2_100", 1280), ("torchvision/squeezenet1_1", 512), ("torchvision/resnet18", 512)],
)
def test_library_backbones_learn_in_all_parameters(spec, width):
    torch.manual_seed(0)
    backbone = make_backbone(f"{spec}?size=64")
    out = backbone(backbone.preprocessing(torch.randint(0, 256, (4, 1, 50, 40), dtype=torch.uint8)))
    assert out.shape == (4, width)
    (out * torch.randn_like(out)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in backbone.parameters())


@pytest.mark.slow
def test_auxiliary_classifiers_are_left_out():
    googlenet = make_backbone("torchvision/googlenet?size=64")
    assert googlenet.width == 1024
    assert not any(name.startswith("aux") for name, _ in googlenet.network.named_parameters())
    assert make_backbone("torchvision/googlenet?size=64&aux_logits=true").train()(torch.zeros(2, 3, 64, 64)).shape == (
        2,
        1024,
    )


def test_only_the_layer_that_makes_the_output_is_cut():
    inner = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    assert cut_classifier(inner, torch.zeros(2, 4)) == ()
    nested = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(), nn.Linear(4, 2)))
    assert cut_classifier(nested, torch.zeros(2, 4)) == ("1.1",)
    assert nested(torch.zeros(2, 4)).shape == (2, 4)
    assert not any(part._forward_hooks for part in nested.modules())


def test_the_hub_is_asked_only_on_request_and_fails_in_one_line(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", "/nonexistent")
    with pytest.raises(LandbridgeError, match=r"no weights of 'resnet18' from the hub \(.*\): name a file") as caught:
        make_backbone("timm/resnet18", "hub")
    assert "\n" not in str(caught.value)
    with pytest.raises(LandbridgeError, match="no hub has weights of 'ganin-mnist'"):
        make_backbone("ganin-mnist", "hub")


def test_missing_weights_files_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="no weights file"):
        make_backbone("ganin-mnist", tmp_path / "none.pt")


def test_open_clip_is_asked_for(monkeypatch):
    monkeypatch.setattr("landbridge.nn.packages.find_spec", lambda name: None)
    with pytest.raises(LandbridgeError, match=r'needs open_clip: pip install "landbridge\[clip\]"'):
        make_backbone("open_clip/ViT-B-32")


TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1},
}


def test_the_image_tower_of_the_real_open_clip(tmp_path):
    open_clip = pytest.importorskip("open_clip", reason="needs open_clip_torch")
    (tmp_path / "Tiny-16.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(tmp_path / "Tiny-16.json")
    whole = open_clip.create_model("Tiny-16")
    save_file({key: value.contiguous() for key, value in whole.state_dict().items()}, tmp_path / "clip.safetensors")
    backbone = make_backbone("open_clip/Tiny-16", tmp_path / "clip.safetensors").eval()
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(backbone(x), whole.eval().encode_image(x))
    assert backbone.preprocessing.size == (32, 32)
    assert list(backbone.groups) == ["stem", "transformer.resblocks.0", "transformer.resblocks.1"]
    with pytest.raises(BadDataError, match=r"clip\.safetensors does not fit"):
        make_backbone("timm/resnet18", tmp_path / "clip.safetensors")


class Tower(nn.Module):
    image_size, image_mean, image_std = 16, (0.4, 0.5, 0.6), (0.2, 0.2, 0.2)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 16)

    def forward(self, x):
        return self.conv(x).flatten(1)


def test_open_clip_gives_its_image_tower(monkeypatch):
    asked = {}

    def create_model(name, **keys):
        asked.clear()
        asked.update(name=name, **keys)
        return types.SimpleNamespace(visual=Tower())

    package = types.ModuleType("open_clip")
    package.create_model = create_model
    package.list_models = lambda: ["Tiny-1", "Tiny-1-quickgelu", "Bare"]
    package.list_pretrained_tags_by_model = lambda name: [] if name == "Bare" else ["quick", "slow"]
    package.get_pretrained_cfg = lambda name, tag: {"quick_gelu": True} if tag == "quick" else {}
    monkeypatch.setitem(sys.modules, "open_clip", package)
    for module in ("sources", "packages"):
        monkeypatch.setattr(f"landbridge.nn.{module}.find_spec", lambda name: package)
    backbone = make_backbone("open_clip/Tiny-1")
    assert (backbone.width, backbone.preprocessing) == (4, Preprocessing((16, 16), (0.4, 0.5, 0.6), (0.2, 0.2, 0.2)))
    assert asked == {"name": "Tiny-1"}
    # Weights come with the activation that they were trained with, which a saved model's name remembers.
    backbone = make_backbone("Tiny-1?precision=fp32", "hub")
    assert asked == {"name": "Tiny-1-quickgelu", "precision": "fp32", "pretrained": "quick"}
    assert backbone.name == "Tiny-1-quickgelu?precision=fp32"
    backbone = make_backbone("open_clip/Tiny-1?pretrained=slow", "hub")
    assert asked == {"name": "Tiny-1", "pretrained": "slow"}
    assert backbone.name == "open_clip/Tiny-1?pretrained=slow"
    with pytest.raises(LandbridgeError, match="no hub has weights of 'Bare'"):
        make_backbone("open_clip/Bare", "hub")
    with pytest.raises(UnknownNameError, match="in open_clip; did you mean 'Tiny-1'"):
        make_backbone("open_clip/Tiny-2")


def test_the_catalogue_names_what_exists():
    import timm
    import torchvision

    entries = backbone_catalogue()
    ours = {entry.name.partition("?")[0] for entry in entries if "/" not in entry.name}
    assert ours == set(BACKBONES)
    for entry in entries:
        source, _, name = entry.name.partition("/")
        assert source != "timm" or timm.is_model(name)
        assert source != "torchvision" or name in torchvision.models.list_models()
        assert entry.purpose
        assert "\n" not in "".join(entry)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("all", "012"),
        ("none", ""),
        ("0", ""),
        ("1", "0"),
        ("first:2", "01"),
        ("3", "012"),
        ("last:0", ""),
        ("last:2", "12"),
        ("stem", "0"),
        ("6, stem", "02"),
        ("3,", "1"),
    ],
)
def test_groups_are_chosen_by_number_or_name(asked: str, chosen: str, tmp_path: Path) -> None:
    """The groups of this network are called stem, 3 and 6: a number alone is a count."""
    (tmp_path / "chain.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(*(layer for n in (3, 4, 4) for layer in"
        " (nn.Conv2d(n, 4, 3), nn.BatchNorm2d(4), nn.ReLU())))\n"
    )
    backbone = make_backbone(f"{tmp_path}/chain.py:make?size=16")
    groups = tuple(backbone.groups)
    assert groups == ("stem", "3", "6")
    assert chosen_groups(backbone, asked) == tuple(groups[int(number)] for number in chosen)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("3", "'3': 'ganin-mnist' has 2 layer groups, so say 0 to 2: stem, conv2"),
        ("last:3", "'last:3': 'ganin-mnist' has 2 layer groups"),
        ("-1", "'-1': 'ganin-mnist' has 2 layer groups"),
        ("--1", "has no layer group '--1'; its groups: stem, conv2, or all, none, N, first:N, last:N"),
        ("", "has no layer group ''; its groups: stem, conv2"),
        (",", "has no layer group ''"),
        ("first:", "has no layer group 'first:'"),
        ("stem,conv1", "'ganin-mnist' has no layer group 'conv1'; did you mean 'conv2'"),
    ],
)
def test_groups_that_cannot_be_chosen_are_one_line(asked: str, message: str) -> None:
    with pytest.raises(LandbridgeError, match=message):
        chosen_groups(make_backbone("ganin-mnist"), asked)


def test_copying_groups_takes_weights_and_statistics_of_these_alone() -> None:
    learned, fresh = (make_backbone("ganin-mnist?batch_norm=true") for _ in range(2))
    learned(torch.randn(4, 3, 28, 28))
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    copy_groups(learned, fresh, ["conv2"])
    for name, value in fresh.state_dict().items():
        origin = learned.state_dict() if "2." in name else before
        assert torch.equal(value, origin[name])
    assert not torch.equal(fresh.network.norm2.running_mean, before["network.norm2.running_mean"])
    assert torch.equal(fresh.network.norm1.running_mean, before["network.norm1.running_mean"])
    with pytest.raises(UnknownNameError, match="has no layer group 'conv3'; did you mean 'conv2'"):
        copy_groups(learned, fresh, ["conv3"])
