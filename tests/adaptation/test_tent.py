"""TENT: what moves, by which statistics it predicts, and adapting to pictures as they come."""

from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.adaptation.source_only import SourceOnly
from landbridge.adaptation.tent import Tent, adapt_online, factors_and_shifts
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain
from landbridge.evaluation.metrics import evaluate
from landbridge.losses import conditional_entropy
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.method import Moment
from landbridge.training.trainer import Trainer
from methods_suite import Bench


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target, "mlp?inputs=2&hidden=32&batch_norm=true", steps=60)


def source_model(bench: Bench, steps: int = 30) -> Classifier:
    return bench.train("source-only", SourceOnly, steps=steps).model().eval()


def test_only_factors_and_shifts_move_in_the_second_phase(bench: Bench) -> None:
    plain = dict(source_model(bench).named_parameters())
    ours = dict(bench.train("tent", Tent).model().named_parameters())
    moved = {key for key in plain if not torch.equal(plain[key], ours[key])}
    assert moved == {"backbone.network.norm1.weight", "backbone.network.norm1.bias"}


@pytest.mark.parametrize("clip", [None, 0.01])
def test_the_source_phase_is_that_of_others_unless_clipping_tells_them_apart(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: float | None
) -> None:
    """Gradients are clipped a group at a time, and here the groups are others."""
    bench.train("source-only", SourceOnly, steps=30, store=tmp_path, clip=clip)
    alone = bench.train("tent", Tent, clip=clip).state_dict()
    taken: list[str] = []
    original = Trainer._step

    def step(self: Trainer, batch: Any, at: Moment, *rest: Any) -> Any:
        taken.append(at.phase)
        return original(self, batch, at, *rest)

    monkeypatch.setattr(Trainer, "_step", step)
    shared = bench.train("tent", Tent, store=tmp_path, clip=clip).state_dict()
    assert ("source" in taken) == (clip is not None)
    assert all(torch.equal(alone[key], shared[key]) for key in alone)


def test_it_predicts_by_the_target_s_statistics(bench: Bench, toy_target: Domain) -> None:
    network = bench.train("tent", Tent).model().backbone.network
    seen = network.fc1(toy_target.unlabelled().read())
    spread = seen.std(0)
    assert ((network.norm1.running_mean - seen.mean(0)).abs() < 0.3 * spread).all()
    torch.testing.assert_close(network.norm1.running_var.sqrt(), spread, rtol=0.2, atol=0)


def test_adapting_online_gives_the_prediction_made_before_the_step(bench: Bench, toy_target: Domain) -> None:
    model, same = source_model(bench), source_model(bench)
    batches = toy_target.unlabelled("test").read().split(50)
    told = list(adapt_online(model, batches))
    assert [len(part) for part in told] == [50] * 6
    same.backbone.network.norm1.train()
    torch.testing.assert_close(told[0], same(batches[0]).softmax(1))
    assert not torch.allclose(told[1], same(batches[1]).softmax(1), atol=1e-4), "the first one taught it"
    assert not any(part.requires_grad for part in told)


def test_adapting_online_makes_predictions_surer_and_right(bench: Bench, toy_target: Domain) -> None:
    """Seen by one who opens the seal: labels never come near the model."""
    view = toy_target.unlabelled("test")
    model = source_model(bench, steps=150)
    before = evaluate(model, view).accuracy
    kept = {key: value.clone() for key, value in model.named_parameters()}
    for _ in range(10):
        list(adapt_online(model, view.read().split(50), rate=0.01))
    after = evaluate(model, view).accuracy
    assert before is not None
    assert after is not None
    assert after > before + 0.2
    moved = {key for key, value in model.named_parameters() if not torch.equal(value, kept[key])}
    assert moved == {"backbone.network.norm1.weight", "backbone.network.norm1.bias"}
    assert not any(module.training for module in model.modules())


def test_a_step_lowers_the_entropy_of_its_batch(bench: Bench, toy_target: Domain) -> None:
    model, batch = source_model(bench), toy_target.unlabelled("test").read()
    first, second = list(adapt_online(model, [batch, batch]))
    assert conditional_entropy(second.log()) < conditional_entropy(first.log())


def test_what_adapting_online_refuses(bench: Bench) -> None:
    model = source_model(bench)
    with pytest.raises(BadDataError, match="at least 2 examples"):
        next(adapt_online(model, [torch.zeros(1, 2)]))
    model.answers = "several"
    with pytest.raises(LandbridgeError, match="one of their classes"):
        next(adapt_online(model, [torch.zeros(4, 2)]))


def test_networks_with_nothing_to_move_are_refused_by_name() -> None:
    plain = make_backbone("mlp?inputs=2")
    with pytest.raises(LandbridgeError, match=r"'mlp.inputs=2' has no BatchNorm"):
        next(adapt_online(Classifier(plain, Head(256, (), 2), ("a", "b")), [torch.zeros(4, 2)]))
    bare = Backbone("bare", Blueprint(torch.nn.BatchNorm1d(2, affine=False), Preprocessing(), inputs=2))
    with pytest.raises(LandbridgeError, match="'bare' has no factors and shifts"):
        factors_and_shifts(bare)
