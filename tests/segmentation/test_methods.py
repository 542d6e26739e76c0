"""The suite that every method of segmentation passes; nothing opts out silently."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import SealedLabelsError
from landbridge.data.domain import View
from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.nn.segmenter_model import Segmenter
from landbridge.segmentation import METHODS
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Moment
from toy_scenes import SceneBench, scenes, toy_bench, trained, with_one_all_void
from two_processes import Pair

ELSEWHERE = {"boundless"}
"""Needs classes that only the target has, so its tests are in a folder of its own."""

NAMES = [name for name in METHODS if name not in ELSEWHERE]
TWO_LEVELS = "light/small-cnn?head.width=16&head.dropout=0&head.strides=2,4&head.auxiliary=true"
VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "advent together": ("advent", {"batch_norm": "together"}),
    "dacs together": ("dacs", {"batch_norm": "together"}),
    "mic on dacs": ("mic", {"temperature": "0", "feature_weight": "0", "warm_up": "0"}),
    "advent with two classifiers": ("advent", {}),
    "minent with two classifiers": ("minent", {}),
}
LABELS = [*NAMES, *VARIANTS]
OPTIONS = {
    # The discriminators of the papers are far larger than these pictures need.
    "advent": {"width": "8"},
    "adaptseg": {"width": "8"},
    # 100 steps are more than there are.
    "self-training": {"every": "10"},
}
"""Options by method, where the usual ones do not fit the toy."""


def resolved(label: str) -> tuple[str, type[Method], dict[str, str]]:
    name, options = VARIANTS.get(label, (label, {}))
    return name, METHODS.resolve(name), {**OPTIONS.get(name, {}), **options}


@pytest.fixture
def bench(label: str) -> SceneBench:
    """The bench of the method of that label."""
    made = toy_bench()
    return replace(made, backbone=TWO_LEVELS) if "two classifiers" in label else made


@pytest.fixture(scope="module")
def plain() -> float:
    """The mean IoU of source-only on the target."""
    made = toy_bench()
    model = made.train("source-only", METHODS.resolve("source-only")).model()
    return evaluate_pixels(model, made.target.unlabelled("test")).miou or 0.0


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("label", LABELS)
def test_gradients_reach_what_they_must(label: str, bench: SceneBench) -> None:
    """Every parameter that a phase trains gets a gradient that is not zero, and no other parameter moves."""
    name, cls, bench.options = resolved(label)
    method, trainer = bench.method(name, cls), bench.trainer(steps=12)
    trainer.fit(method, bench.views(cls))
    for number, phase in enumerate(method.phases()):
        if not trainer.lengths[number]:
            continue
        groups, at = method.groups(), trainer._moment(number, trainer.lengths[number] // 2)
        trainer._set_trained(groups, phase, at, force=True)
        before = {key: value.clone() for key, value in method.state_dict().items()}
        optimisers = {key: torch.optim.SGD(group.parameters, 0.1) for key, group in groups.items()}
        trainer._step(next(trainer._batches(phase, 0, 1)), at, groups, optimisers)
        trained = {id(p) for name in (phase.trains or groups) for p in groups[name].parameters}
        assert {id(p) for p in method.network.parameters()} <= trained
        for key, value in method.named_parameters():
            moved = not torch.equal(before[key], value)
            assert moved == (id(value) in trained), f"{key} in phase {phase.name}"


# What is learnt from uncertainty goes where the network errs, and here nothing but BatchNorm brings the domains near.
@pytest.mark.parametrize("label", [label for label in LABELS if label not in ("source-only", "advent together")])
def test_beats_source_only_on_a_toy_shift(label: str, bench: SceneBench, plain: float) -> None:
    name, cls, bench.options = resolved(label)
    ours = evaluate_pixels(bench.train(name, cls).model(), bench.target.unlabelled("test")).miou
    assert plain < 0.6, "the shift must hurt"
    assert ours is not None
    assert ours > plain + 0.2


@pytest.mark.parametrize("label", LABELS)
def test_resumed_equals_uninterrupted_bit_for_bit(
    label: str, bench: SceneBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cls, bench.options = resolved(label)
    settings = {"steps": 14, "checkpoint_every": 3, "log_every": 1, "augment": "flip+jitter"}
    whole = bench.train(name, cls, tmp_path / "whole", **settings).state_dict()
    counted, original = [0], cls.after_step

    def after_step(self: Method, at: Moment) -> None:
        original(self, at)
        counted[0] += 1
        if counted[0] == 11:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(cls, "after_step", after_step)
        with pytest.raises(StoppedError):
            bench.train(name, cls, tmp_path / "cut", **settings)
    resumed = bench.train(name, cls, tmp_path / "cut", **settings).state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "cut/log.csv").read_text()


@pytest.mark.parametrize("label", LABELS)
def test_never_reaches_for_sealed_labels(label: str, bench: SceneBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed labels raise when touched; only the oracle, which is marked as such, is given the target's."""
    name, cls, bench.options = resolved(label)
    opened: list[str] = []
    original: Callable[[View], Any] = View._labels

    def labels(self: View) -> Any:
        opened.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    bench.train(name, cls, steps=4)
    assert ("toy-dusk" in opened) == cls.oracle
    views = bench.views(cls)
    if not cls.oracle and "target" in views:
        with pytest.raises(SealedLabelsError, match="sealed"):
            _ = views["target"].y


@pytest.mark.parametrize("label", LABELS)
def test_saved_and_loaded_predicts_the_same(label: str, bench: SceneBench, tmp_path: Path) -> None:
    name, cls, bench.options = resolved(label)
    model = bench.train(name, cls, steps=4).model()
    model.save(tmp_path / "model")
    images = bench.target.unlabelled("test").read()
    assert torch.equal(model.probabilities(images), Segmenter.load(tmp_path / "model").probabilities(images))


@pytest.mark.parametrize("label", LABELS)
def test_few_images_a_missing_class_and_images_all_void(label: str, bench: SceneBench) -> None:
    """A target smaller than a batch and without one of the classes; source images without any label."""
    name, cls, bench.options = resolved(label)
    bench.target = scenes("toy-few", 3, 20, dusk=1, classes=2)
    assert 2 not in bench.target.splits["train"].y.read(torch.arange(3))
    bench.source = with_one_all_void(bench.source)
    bench.source = replace(bench.source, splits={"train": bench.source.splits["train"].pick(torch.arange(7))})
    method = bench.trainer(steps=8).fit(bench.method(name, cls), bench.views(cls))
    assert all(value.isfinite().all() for value in method.state_dict().values())


@pytest.mark.parametrize("label", LABELS)
def test_a_batch_that_is_all_void_teaches_nothing(label: str, bench: SceneBench) -> None:
    """Its loss is 0 and its gradient finite."""
    name, cls, bench.options = resolved(label)
    bench.source = with_one_all_void(bench.source)
    bench.source = replace(bench.source, splits={"train": bench.source.splits["train"].pick(torch.arange(3))})
    bench.target = replace(bench.target, splits={"train": with_one_all_void(bench.target).splits["train"]})
    method, trainer = bench.method(name, cls), bench.trainer(steps=2)
    trainer.fit(method, bench.views(cls))
    phase, at = method.phases()[-1], trainer._moment(0, 0)
    batch = next(trainer._batches(phase, 0, 1)) if phase.inputs and trainer.lengths[-1] else None
    if batch is None:
        phase, batch = method.phases()[0], next(trainer._batches(method.phases()[0], 0, 1))
    labelled = next(iter(batch.values())) if cls.oracle else batch["source"]
    labelled.labels = torch.full_like(labelled.y, 255)
    *_, turn = method.losses(batch, at)
    assert turn["classification"] == 0
    assert turn.total().isfinite()


@pytest.mark.parametrize("label", LABELS)
def test_averaged_weights_wrap_any_method(label: str, bench: SceneBench, tmp_path: Path) -> None:
    name, cls, bench.options = resolved(label)
    wrapped = WithAverage(bench.method(name, cls), decay=0.9)
    bench.trainer(tmp_path / "run", steps=6).fit(wrapped, bench.views(cls))
    assert isinstance(wrapped.model(), Segmenter)
    plain, averaged = dict(wrapped.method.model().named_parameters()), dict(wrapped.model().named_parameters())
    assert plain.keys() == averaged.keys()
    assert any(not torch.equal(plain[key], averaged[key]) for key in plain)


@pytest.mark.parametrize("label", LABELS)
def test_batch_norm_is_as_documented(label: str, bench: SceneBench) -> None:
    """The statistics to predict by are the target's alone, or where it says so those of the joint batch.

    Methods that never see the target in training keep the source's. With a teacher they are the teacher's, who sees
    the target alone. Looked at behind the first convolution, which hardly moves.
    """
    name, cls, bench.options = resolved(label)
    method = bench.method(name, cls)
    convolution = method.network.backbone.network.conv1
    source, target = (
        convolution(method.preprocessing("source")(side.unlabelled().read())).mean((0, 2, 3)).detach()
        for side in (bench.source, bench.target)
    )
    if "target" not in cls.needs:
        expected = source
    else:
        together = method.batch_norm == "together" and not hasattr(method, "teacher")
        expected = (source + target) / 2 if together else target
    bench.rate = 1e-7
    model = bench.train(name, cls, steps=50).model()
    found = model.network.backbone.network.norm1.running_mean
    assert (found - expected).norm() < 0.15 * (source - target).norm()


@pytest.mark.parametrize("label", [label for label in LABELS if "two classifiers" not in label])
def test_two_processes_equal_one(label: str, pair: Pair) -> None:
    """In float64, what is drawn at random taken as given."""
    name, cls, options = resolved(label)
    if hasattr(cls, "recoloured"):
        options |= {"recolour": "none"}
    if name == "self-training":
        options |= {"every": "2"}
    one = trained(0, name, options)
    for two in pair.run(trained, name, options):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("label", [n for n in NAMES if METHODS.resolve(n).needs.get("target") == "unlabelled"])
def test_a_target_without_any_labels(label: str, bench: SceneBench) -> None:
    """Images of one's own, augmented as those that have masks are."""
    name, cls, bench.options = resolved(label)
    bench.target = replace(bench.target, splits={"train": replace(bench.target.splits["train"], y=None)})
    method = bench.trainer(steps=4, augment="geometric").fit(bench.method(name, cls), bench.views(cls))
    assert all(value.isfinite().all() for value in method.state_dict().values())
