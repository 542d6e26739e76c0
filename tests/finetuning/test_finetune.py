"""What each option means, apart from what all ways of fine-tuning share."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from landbridge.api._recipe import Machine
from landbridge.api._tuning import Tuning, tune_cell
from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Sample
from landbridge.finetuning.finetune import FineTune
from landbridge.nn.backbones import Backbone, group_parameters, make_backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.method import Moment, Setup
from landbridge.training.options import make_method

NETS = Path(__file__).with_name("nets.py")
NORMED = f"{NETS}:normed?size=12"


def made(spec: str | Backbone = NORMED, sizes: dict[str, int] | None = None, **options: Any) -> FineTune:
    torch.manual_seed(0)
    backbone = make_backbone(spec) if isinstance(spec, str) else spec
    setup = Setup(backbone, Head(backbone.width, (), 3), ("a", "b", "c"), sizes or {}, rate=0.1, weight_decay=0.01)
    method = make_method("full", FineTune, setup, options)
    assert isinstance(method, FineTune)
    return method


def at(step: int, steps: int = 100, phase: str = "tune") -> Moment:
    return Moment(phase, step, steps, 0, steps)


def losses(method: FineTune, moment: Moment | None = None) -> dict[str, torch.Tensor]:
    x, y = torch.randn(6, 3, 12, 12), torch.arange(6) % 3
    turn = next(iter(method.losses({"target": Sample(x, torch.arange(6), y)}, moment or at(50))))
    return {name: value.detach() for name, value in turn.items()}


def rates(method: FineTune, moment: Moment) -> dict[str, float]:
    return {name: group.rate * group.schedule(moment) for name, group in method.groups().items()}


def test_each_layer_group_has_its_rate() -> None:
    found = rates(made(backbone_lr_ratio=0.5, layer_decay=0.1), at(0))
    expected = {"head": 0.1, "backbone.stem": 5e-5, "backbone.conv2.0": 5e-4, "backbone.conv3.0": 5e-3}
    assert found == pytest.approx(expected)


def test_after_the_probe_all_train_at_the_rate_of_the_backbone() -> None:
    method = made(probe=0.25, backbone_lr_ratio=0.1)
    assert [(phase.name, phase.share) for phase in method.phases()] == [("probe", 0.25), ("tune", 0.75)]
    assert rates(method, at(0, phase="probe"))["head"] == pytest.approx(0.1)
    assert list(rates(method, at(0)).values()) == pytest.approx([0.01] * 4)
    assert method.trained(at(99, phase="probe")) == ("head",)
    assert len(method.trained(at(0))) == 4


def test_gradual_unfreezing_goes_from_the_top_down_and_passes_what_is_frozen() -> None:
    method = made(unfreeze="gradual", freeze="1")
    free = {method.trained(at(step)) for step in range(100)}
    assert free == {("head",), ("head", "backbone.conv3.0"), ("head", "backbone.conv2.0", "backbone.conv3.0")}
    assert method.trained(at(0)) == ("head",)


def test_some_groups_are_copied_and_the_others_drawn_anew() -> None:
    source = make_backbone(NORMED)
    with torch.no_grad():
        for tensor in (*source.parameters(), *source.buffers()):
            tensor.fill_(7)
    method = made(source, copy="first:1")
    for group in source.groups:
        copied = [bool((value == 7).all()) for value in group_parameters(method.backbone, group)]
        assert copied == [group == "stem"] * len(copied)
    assert (method.backbone.network.bare.running_mean == 7).all()
    assert not (method.backbone.network.conv2[1].running_mean == 7).any()
    assert method.backbone.preprocessing == source.preprocessing


def test_a_factory_that_reads_weights_cannot_start_anew() -> None:
    with pytest.raises(LandbridgeError, match=r"has the same weights each time it is made.*--weights"):
        made(f"{NETS}:same?size=12", copy="none")
    assert made(f"{NETS}:same?size=12", copy="all").backbone.width == 128


def test_l2_sp_draws_back_what_was_copied_alone() -> None:
    """The penalty replaces weight decay on copied weights; the head and what starts anew keep theirs."""
    method = made(l2_sp=0.5, copy="2", freeze="1")
    decays = {
        name: group.optimiser(group.parameters, 1.0).param_groups[0]["weight_decay"]
        for name, group in method.groups().items()
    }
    assert decays == {"head": 0.01, "backbone.stem": 0.01, "backbone.conv2.0": 0.0, "backbone.conv3.0": 0.01}
    assert float(losses(method)["l2_sp"]) == 0.0
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 2
    count = sum(parameter.numel() for parameter in group_parameters(method.backbone, "conv2.0"))
    assert float(losses(method)["l2_sp"]) == pytest.approx(0.5 * 0.5 * 4 * count, rel=1e-5)
    assert "l2_sp" not in losses(method, at(0, phase="probe"))


def test_dropout_and_smoothing_reach_the_loss() -> None:
    torch.manual_seed(0)
    plain, dropped, smooth = (made(**options) for options in ({}, {"dropout": 0.9}, {"label_smoothing": 0.5}))
    values = []
    for method in (plain, dropped, smooth):
        torch.manual_seed(1)
        values.append(float(losses(method)["classification"]))
    assert len(set(values)) == 3


def test_a_layer_group_that_is_called_head_is_not_the_head() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x))

    backbone = Backbone("own", Blueprint(Own(), Preprocessing((12, 12))))
    method = made(backbone, freeze="head")
    assert list(backbone.groups) == ["stem", "head"]
    assert method.trained(at(0)) == ("head", "backbone.stem")
    assert method.groups()["head"].parameters == list(method.head.parameters())


class Tied(nn.Module):
    """Two groups with one kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.low, self.high = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.high.weight = self.low.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.high(self.low(self.stem(x)))


def test_weights_that_two_groups_share_go_with_the_lower() -> None:
    backbone = Backbone("tied", Blueprint(Tied(), Preprocessing((12, 12))))
    assert list(backbone.groups) == ["stem", "low", "high"]
    groups = made(backbone, freeze="low").groups()
    assert [len(groups[f"backbone.{name}"].parameters) for name in backbone.groups] == [2, 2, 1]
    everything = [id(parameter) for group in groups.values() for parameter in group.parameters]
    assert len(everything) == len(set(everything))


def test_what_a_network_itself_holds_fixed_stays_so() -> None:
    backbone = make_backbone(NORMED)
    backbone.network.conv2[0].weight.requires_grad_(False)
    assert len(made(backbone).groups()["backbone.conv2.0"].parameters) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone_lr_ratio": 0}, "--backbone-lr-ratio must be above 0, not 0.0; freeze=all holds it still"),
        ({"backbone_lr_ratio": -1}, "--backbone-lr-ratio must be above 0, not -1.0"),
        ({"backbone_lr_ratio": "nan"}, "--backbone-lr-ratio must be above 0, not nan"),
        ({"backbone_lr_ratio": "much"}, "backbone_lr_ratio takes a float, not 'much'"),
        ({"layer_decay": 0}, "--layer-decay must be above 0 and at most 1, not 0.0"),
        ({"layer_decay": 1.5}, "--layer-decay must be above 0 and at most 1, not 1.5"),
        ({"freeze": "conv2"}, "has no layer group 'conv2'; did you mean 'conv2.0'"),
        ({"freeze": "4"}, "'4': '.*' has 3 layer groups, so say 0 to 3: stem, conv2.0, conv3.0"),
        ({"copy": "last:-1"}, "'last:-1': '.*' has 3 layer groups"),
        ({"probe": 1}, "--probe must be at least 0 and below 1, not 1.0"),
        ({"dropout": 1}, "--dropout must be at least 0 and below 1, not 1.0"),
        ({"label_smoothing": -0.1}, "--label-smoothing must be at least 0 and below 1, not -0.1"),
        ({"mixup": -0.2}, "--mixup must be at least 0, not -0.2"),
        ({"l2_sp": -1}, "--l2-sp must be at least 0, not -1.0"),
        ({"l2_sp": 1, "freeze": "all"}, "--l2-sp must be 0 where nothing copied moves, not 1.0"),
        ({"l2_sp": 1, "copy": "none"}, "--l2-sp must be 0 where nothing copied moves, not 1.0"),
        ({"lora": 2}, "has no linear layers inside, so there is nothing to add LoRA to: take a transformer"),
        ({"lora": -2}, "--lora must be at least 0, not -2"),
        ({"lora": 2, "freeze": "1"}, "--lora must be 0 beside freeze, unfreeze, layer_decay and l2_sp, not 2"),
        ({"lora": 2, "unfreeze": "gradual"}, "--lora must be 0 beside freeze, unfreeze, layer_decay and l2_sp, not 2"),
        ({"cache": True}, "--cache must be false unless freeze=all, not True"),
        ({"cache": True, "freeze": "all"}, r"cache needs the number of the target's examples: Setup\(sizes="),
        ({"unfreeze": "slowly"}, "unfreeze is one of at-once, gradual, not 'slowly'"),
        ({"frozen": "all"}, "method 'full' has no option 'frozen'; did you mean 'freeze'"),
    ],
)
def test_bad_options_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LandbridgeError, match=message) as raised:
        made(**options)
    assert "\n" not in str(raised.value)


def test_a_head_for_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandbridgeError, match="has 1 class: a head needs at least two"):
        tune_cell(Tuning("full", "digits/printed?classes=3", steps=1), tmp_path, Machine(device="cpu", quiet=True))
