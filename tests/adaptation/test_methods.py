"""The suite that every method of adaptation passes; nothing opts out silently."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from landbridge.adaptation import METHODS
from landbridge.core.errors import SealedLabelsError
from landbridge.data.domain import Domain, View
from landbridge.evaluation.metrics import evaluate
from landbridge.nn.models import Classifier
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Moment
from methods_suite import Bench

NAMES = list(METHODS)
VARIANTS = {
    "dann in turns": ("dann", {"play": "turns"}),
    "dann together": ("dann", {"batch_norm": "together"}),
    "cdan-e with mcc": ("cdan-e+mcc", {"mcc_weight": "0.5"}),
    "dann in turns with deep-coral": ("dann+deep-coral", {"dann_play": "turns"}),
}


def resolved(label: str) -> tuple[str, type[Method], dict[str, str]]:
    name, options = VARIANTS.get(label, (label, {}))
    return name, METHODS.resolve(name), options


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target)


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_gradients_reach_what_they_must(label: str, bench: Bench) -> None:
    """Every parameter that a phase trains gets a gradient that is not zero, and no other parameter moves."""
    name, cls, bench.options = resolved(label)
    method, trainer = bench.method(name, cls), bench.trainer()
    trainer.fit(method, bench.views(cls))
    for number, phase in enumerate(method.phases()):
        if not trainer.lengths[number]:
            continue
        groups = method.groups()
        trainer._set_trained(groups, phase, trainer._moment(number, trainer.lengths[number] // 2), force=True)
        before = {key: value.clone() for key, value in method.state_dict().items()}
        optimisers = {key: torch.optim.SGD(group.parameters, 0.1) for key, group in groups.items()}
        batch = next(trainer._batches(phase, 0, 1))
        trainer._step(batch, trainer._moment(number, trainer.lengths[number] // 2), groups, optimisers)
        trained = {
            id(p) for name in (groups if phase.trains is None else phase.trains) for p in groups[name].parameters
        }
        for key, value in method.named_parameters():
            moved = not torch.equal(before[key], value)
            assert moved == (id(value) in trained), f"{key} in phase {phase.name}"


@pytest.mark.parametrize("label", [name for name in [*NAMES, *VARIANTS] if name != "source-only"])
def test_beats_source_only_on_a_toy_shift(label: str, bench: Bench) -> None:
    name, cls, options = resolved(label)
    target = bench.target.unlabelled("test")
    plain = evaluate(bench.train("source-only", METHODS.resolve("source-only")).model(), target).accuracy
    bench.options = options
    ours = evaluate(bench.train(name, cls).model(), target).accuracy
    assert plain is not None
    assert ours is not None
    assert plain < 0.95, "the shift must hurt"
    assert ours > plain + 0.03


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_resumed_equals_uninterrupted_bit_for_bit(
    label: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cls, bench.options = resolved(label)
    bench.steps = 60
    whole = bench.train(name, cls, tmp_path / "whole").state_dict()
    counted, original = [0], cls.after_step

    def after_step(self: Method, at: Moment) -> None:
        original(self, at)
        counted[0] += 1
        if counted[0] == 37:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(cls, "after_step", after_step)
        with pytest.raises(StoppedError):
            bench.train(name, cls, tmp_path / "cut")
    resumed = bench.train(name, cls, tmp_path / "cut").state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "cut/log.csv").read_text()


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_never_reaches_for_sealed_labels(label: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed labels raise when touched; only the oracle, which is marked as such, is given the target's."""
    name, cls, bench.options = resolved(label)
    opened: list[str] = []
    original = View._labels

    def labels(self: View) -> torch.Tensor:
        opened.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    bench.train(name, cls, steps=30)
    assert ("toy-target" in opened) == cls.oracle
    views = bench.views(cls)
    if not cls.oracle and "target" in views:
        with pytest.raises(SealedLabelsError, match="sealed"):
            _ = views["target"].y


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_saved_and_loaded_predicts_the_same(label: str, bench: Bench, tmp_path: Path) -> None:
    name, cls, bench.options = resolved(label)
    model = bench.train(name, cls, steps=20).model()
    model.save(tmp_path / "model")
    x = bench.target.unlabelled("test").read()
    assert torch.equal(model.predict(x), Classifier.load(tmp_path / "model").predict(x))
    assert set(load_file(tmp_path / "model/model.safetensors")) == set(model.state_dict())


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_unequal_sizes_short_batches_and_a_missing_class(label: str, bench: Bench) -> None:
    """A target smaller than a batch, not a multiple of it, and without one of the classes."""
    name, cls, bench.options = resolved(label)
    views = bench.views(cls)
    if "target" in views:
        keep = torch.arange(0, 41, 2)
        views["target"] = views["target"].subset(keep)
    method = bench.trainer(steps=15).fit(bench.method(name, cls), views)
    assert all(value.isfinite().all() for value in method.state_dict().values())


@pytest.mark.parametrize("label", [*NAMES, *VARIANTS])
def test_averaged_weights_wrap_any_method(label: str, bench: Bench, tmp_path: Path) -> None:
    name, cls, bench.options = resolved(label)
    trainer = bench.trainer(tmp_path / "run", steps=30)
    wrapped = WithAverage(bench.method(name, cls), decay=0.9)
    trainer.fit(wrapped, bench.views(cls))
    assert isinstance(wrapped.model(), Classifier)
    plain, averaged = wrapped.method.head.output.weight, wrapped.model().head.output.weight
    assert plain.shape == averaged.shape
    assert not torch.equal(plain, averaged)


@pytest.mark.parametrize("label", ["source-only", "dann", "dann together"])
def test_batch_norm_is_as_documented(label: str, bench: Bench) -> None:
    """Apart, the statistics to predict by are the target's alone; together, they are those of the joint batch."""
    name, cls, bench.options = resolved(label)
    method = bench.method(name, cls)
    method.backbone.network = torch.nn.Sequential(torch.nn.BatchNorm1d(2, momentum=0.5), method.backbone.network)
    trainer = bench.trainer(steps=1)
    trainer.fit(method, bench.views(cls))
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    mean = method.backbone.network[0].running_mean
    if label == "source-only":
        expected = batch["source"].x.mean(0)
    elif label == "dann":
        expected = batch["target"].x.mean(0)
    else:
        expected = torch.cat([batch["source"].x, batch["target"].x]).mean(0)
    torch.testing.assert_close(mean, 0.5 * expected)
