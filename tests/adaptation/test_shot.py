"""SHOT: what is kept, what moves, and which labels the target gets."""

from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.adaptation.shot import SHOT, SHOTIM
from landbridge.core.errors import LandbridgeError
from landbridge.data.domain import Domain
from landbridge.losses import centroid_labels
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.training.method import Domains, Moment, Setup
from landbridge.training.trainer import Trainer
from methods_suite import Bench


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target, "mlp?inputs=2&hidden=32&batch_norm=true", hidden=(16,), steps=60)


def after_the_source(bench: Bench, cls: type[SHOT] = SHOT) -> dict[str, torch.Tensor]:
    """The state at the end of the first phase."""
    method: Any = bench.method("shot", cls)
    kept: dict[str, torch.Tensor] = {}
    original = method.begin

    def begin(domains: Domains, at: Moment) -> None:
        if at.phase == "target":
            kept.update({key: value.clone() for key, value in method.state_dict().items()})
        original(domains, at)

    method.begin = begin
    bench.trainer().fit(method, bench.views(cls))
    return kept | {f"end.{key}": value for key, value in method.state_dict().items()}


def test_the_last_layer_stays_and_all_below_moves(bench: Bench) -> None:
    state = after_the_source(bench)
    for key in ("head.output.weight", "head.output.bias"):
        assert torch.equal(state[key], state[f"end.{key}"])
    for key in ("head.hidden.0.weight", "backbone.network.fc1.weight", "backbone.network.norm1.weight"):
        assert not torch.equal(state[key], state[f"end.{key}"])


def test_pseudo_labels_are_those_of_the_centres(bench: Bench) -> None:
    method = bench.train("shot", SHOT)
    assert isinstance(method, SHOT)
    views = bench.views(SHOT)
    method.train()
    method.refresh(views, Moment("target", 0, 30))
    assert method.training, "every part has its own mode back"
    model = method.model().eval()
    x = views["target"].read()
    with torch.no_grad():
        expected = centroid_labels(model.embed(x), model(x).softmax(1))
    assert torch.equal(method.pseudo_labels, expected)
    assert len(expected.unique()) == 2


@pytest.mark.parametrize(("options", "every"), [({}, 5), ({"refresh": "7"}, 7), ({"pseudo": "0"}, None)])
def test_how_often_labels_are_found_anew(bench: Bench, options: dict[str, str], every: int | None) -> None:
    """By default an epoch: 300 examples are 4.7 batches of 64."""
    bench.options = options
    method = bench.method("shot", SHOT)
    assert method.phases()[1].refresh_every == every
    assert ("pseudo_labels" in method.state_dict()) == (every is not None)


def test_without_pseudo_labels_it_is_shot_im(bench: Bench) -> None:
    im = bench.train("shot-im", SHOTIM).state_dict()
    bench.options = {"pseudo": "0"}
    without = bench.train("shot", SHOT).state_dict()
    assert im.keys() == without.keys()
    assert all(torch.equal(im[key], without[key]) for key in im)


def test_the_source_phase_is_computed_once_for_all_of_its_kind(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = bench.train("shot-im", SHOTIM).state_dict()
    bench.train("shot", SHOT, store=tmp_path)
    taken: list[str] = []
    original = Trainer._step

    def step(self: Trainer, batch: Any, at: Moment, *rest: Any) -> Any:
        taken.append(at.phase)
        return original(self, batch, at, *rest)

    monkeypatch.setattr(Trainer, "_step", step)
    shared = bench.train("shot-im", SHOTIM, store=tmp_path).state_dict()
    assert set(taken) == {"target"}
    assert all(torch.equal(alone[key], shared[key]) for key in alone)
    taken.clear()
    bench.options = {"label_smoothing": "0.2"}
    bench.train("shot-im", SHOTIM, store=tmp_path)
    assert "source" in taken, "other smoothing, another source model"


def test_the_rates(bench: Bench) -> None:
    bench.options = {"backbone_lr_ratio": "0.1"}
    rates = {name: group.rate for name, group in bench.method("shot", SHOT).groups().items()}
    assert rates == pytest.approx({"backbone": 0.005, "hidden": 0.05, "output": 0.05})


@pytest.mark.parametrize("options", [{"label_smoothing": "1"}, {"pseudo": "-1"}, {"refresh": "-5"}])
def test_values_out_of_range_are_one_line(bench: Bench, options: dict[str, str]) -> None:
    bench.options = options
    with pytest.raises(LandbridgeError, match="SHOT takes pseudo and refresh of at least 0"):
        bench.method("shot", SHOT)


def test_it_says_what_it_needs() -> None:
    fixed = make_backbone("identity?inputs=2")
    with pytest.raises(LandbridgeError, match=r"'identity.inputs=2' has no weights"):
        SHOT(Setup(fixed, Head(2, (), 2), ("a", "b"), {"target": 5}))
    with pytest.raises(LandbridgeError, match=r"Setup\(sizes="):
        SHOT(Setup(make_backbone("mlp?inputs=2"), Head(256, (), 2), ("a", "b")))
