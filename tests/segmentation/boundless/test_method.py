from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, SealedLabelsError, UnknownNameError
from landbridge.data.domain import View
from landbridge.data.label_maps import VOID
from landbridge.data.masks import ArrayMasks
from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.nn.segmenter_model import Segmenter
from landbridge.segmentation.boundless.method import CLASSIFICATION, GENERATION, SELF_TRAINING, Boundless
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Moment
from toy_blocks import PRIVATE, SHARED, SMALL, BoundlessBench, blocks_bench

EVERY = (*SHARED, *PRIVATE)
TWO_LEVELS = "light/small-cnn?head.width=16&head.strides=2,4&head.auxiliary=true"


def scores(method: Boundless, toy: BoundlessBench) -> dict[str, Any]:
    found = evaluate_pixels(method.model(), toy.target.unlabelled("test"), private=PRIVATE)
    return found.as_metrics("target")


def test_it_finds_blocks_that_nobody_labelled(tmp_path: Path) -> None:
    """Private IoU far above the 0 of a network that cannot say the class, and above what the classifier alone finds."""
    settings = {"steps": 100, "batch_size": 8, "augment": "flip"}
    toy = blocks_bench(tmp_path, adaptation="source-only", every="10", least="0.02")
    found = scores(toy.trained(**settings), toy)
    assert found["target_private_miou"] > 0.4
    assert found["target_harmonic_miou"] > 0.5
    toy.options |= {"self_training": "false"}
    before = scores(toy.trained(**settings), toy)
    assert before["target_private_miou"] < found["target_private_miou"] - 0.2


@pytest.mark.parametrize(
    ("adaptation", "backbone"),
    [("source-only", "light/small-cnn?head.width=16"), ("advent", TWO_LEVELS), ("dacs", TWO_LEVELS)],
)
def test_gradients_reach_what_they_must(tmp_path: Path, adaptation: str, backbone: str) -> None:
    """In each phase all that it trains moves, and nothing else."""
    toy = replace(blocks_bench(tmp_path, **SMALL | {"adaptation": adaptation}), backbone=backbone)
    method, trainer = toy.ready(), toy.trainer(steps=12)
    trainer.fit(method, toy.views(Boundless))
    for number, phase in enumerate(method.phases()):
        groups, at = method.groups(), trainer._moment(number, trainer.lengths[number] // 2)
        trainer._set_trained(groups, phase, at, force=True)
        batch = next(trainer._batches(phase, 0, 1))
        if phase.name == SELF_TRAINING:
            method.refresh(toy.views(Boundless), at)
        before = {key: value.clone() for key, value in method.named_parameters()}
        optimisers = {key: torch.optim.SGD(group.parameters, 0.1) for key, group in groups.items()}
        trainer._step(batch, at, groups, optimisers)
        trained = {id(p) for name in (phase.trains or groups) for p in groups[name].parameters}
        for key, value in method.named_parameters():
            # A teacher follows by averages, in `after_step`.
            moved = not torch.equal(before[key], value)
            assert moved == (id(value) in trained), f"{key} in phase {phase.name}"
    names = {name: phase.trains for phase in method.phases() for name in [phase.name]}
    assert names[GENERATION] == ("generator",)
    assert names[CLASSIFICATION] == ("classifier",)


def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in each of the phases."""
    toy = blocks_bench(tmp_path, **SMALL)
    settings = {"steps": 16, "checkpoint_every": 2, "log_every": 1, "augment": "flip+jitter"}
    whole = toy.trained(tmp_path / "whole", **settings).state_dict()
    original = Boundless.after_step
    for stop in (5, 9, 11, 15):
        count = 0

        def after_step(self: Boundless, at: Moment, stop: int = stop) -> None:
            nonlocal count
            original(self, at)
            count += 1
            if count == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Boundless, "after_step", after_step)
            with pytest.raises(KeyboardInterrupt):
                toy.trained(tmp_path / f"cut-{stop}", **settings)
        resumed = toy.trained(tmp_path / f"cut-{stop}", **settings).state_dict()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole), stop
        assert (tmp_path / f"cut-{stop}/log.csv").read_text() == (tmp_path / "whole/log.csv").read_text()


def test_never_reaches_for_sealed_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = View._labels

    def labels(self: View) -> Any:
        opened.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    toy = blocks_bench(tmp_path, **SMALL)
    toy.trained(steps=12)
    assert set(opened) == {"toy-source"}
    with pytest.raises(SealedLabelsError, match="sealed"):
        _ = toy.views(Boundless)["target"].y


def test_saved_and_loaded_predicts_the_same(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path, **SMALL)
    model = toy.trained(steps=12).model()
    assert model.classes == EVERY
    model.save(tmp_path / "model")
    images, loaded = toy.target.unlabelled("test").read(), Segmenter.load(tmp_path / "model")
    assert loaded.classes == EVERY
    assert torch.equal(model.probabilities(images), loaded.probabilities(images))


def test_with_averaged_weights(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path, **SMALL)
    wrapped = WithAverage(toy.ready(), decay=0.9)
    toy.trainer(tmp_path / "run", steps=12).fit(wrapped, toy.views(Boundless))
    assert wrapped.model().classes == EVERY
    assert [note.startswith("what boundless knows of blue stripes: attributes, ") for note in wrapped.notes] == [True]


def test_a_few_images_some_of_them_all_void(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path, **SMALL)
    source = toy.source.splits["train"].pick(torch.arange(5))
    blank = torch.full_like(source.y.read(torch.arange(5)), VOID)
    blank[4] = source.y.read(torch.tensor([4]))[0]
    toy.source = replace(toy.source, splits={"train": replace(source, y=ArrayMasks(blank))})
    toy.target = replace(toy.target, splits={"train": toy.target.splits["train"].pick(torch.arange(3))})
    method = toy.trained(steps=16, batch_size=2)
    assert all(value.isfinite().all() for key, value in method.state_dict().items() if key != "thresholds")


def test_a_target_without_any_labels(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path, **SMALL)
    toy.target = replace(toy.target, splits={"train": replace(toy.target.splits["train"], y=None)})
    toy.trained(steps=12, augment="geometric")


def test_the_classifier_counts_each_private_class_as_much_as_a_shared_one(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path, **SMALL | {"private_weight": "2"})
    method, trainer = toy.ready().eval(), toy.trainer(steps=12)
    trainer.method, trainer.domains = method, toy.views(Boundless)
    phase = next(phase for phase in method.phases() if phase.name == CLASSIFICATION)
    batch = next(trainer._batches(phase, 0, 1))
    turn = next(method.losses(batch, Moment(CLASSIFICATION, 0, 1)))
    maps = method.network.features(batch["source"].x)
    labels = batch["source"].y[:, 2::4, 2::4]
    logits = method.network.head(maps).movedim(1, -1)[labels != VOID].double()
    named = labels[labels != VOID]
    real = -logits.log_softmax(1)[torch.arange(len(named)), named].mean()
    known = len(named.unique())
    assert maps.shape[2:] == labels.shape[1:]
    torch.testing.assert_close(turn["real"].double(), real * known / (known + 2), rtol=1e-4, atol=1e-4)


def test_what_it_cannot_do_is_one_line(tmp_path: Path) -> None:
    toy = blocks_bench(tmp_path)
    for options, kind, message in (
        ({"adaptation": "target-only"}, LandbridgeError, "needs no label of the target, not 'target-only'"),
        ({"adaptation": "boundless"}, LandbridgeError, "not 'boundless'"),
        ({"adaptation": "advant"}, UnknownNameError, "did you mean 'advent'"),
        ({"least": "0"}, LandbridgeError, r"least in \(0, 1\); not 0.5, 0.5, 0.0"),
        ({"adaptation_steps": "1"}, LandbridgeError, r"adaptation_steps in \(0, 1\)"),
        ({"signatures": "attributes"}, BadDataError, "lacks 7 of 7 classes"),
    ):
        with pytest.raises(kind, match=message) as error:
            BoundlessBench(toy.source, toy.target, options={**toy.options, **options}).ready()
        assert "\n" not in str(error.value)
    setup = toy.ready().setup
    setup.private = ()
    with pytest.raises(BadDataError, match="no class is the target's own"):
        Boundless(setup, signatures=toy.options["signatures"])
