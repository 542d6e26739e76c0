"""The suite that every way of fine-tuning passes; nothing opts out silently."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor, nn

from landbridge.core.errors import SealedLabelsError
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.evaluation.metrics import evaluate
from landbridge.finetuning import METHODS, PRESETS
from landbridge.finetuning.finetune import FineTune
from landbridge.nn.backbones import Backbone, chosen_groups, make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.layers import group_of
from landbridge.nn.models import Classifier
from landbridge.nn.preprocessing import Preprocessing
from landbridge.runs import Run
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Moment, Setup
from landbridge.training.options import make_method
from landbridge.training.trainer import Trainer
from two_processes import Pair

NETS = Path(__file__).with_name("nets.py")
NORMED, TOKENS = f"{NETS}:normed?size=12", f"{NETS}:tokens?size=12"
VARIANTS: dict[str, dict[str, Any]] = {
    "mixup": {"mixup": 0.4},
    "label smoothing": {"label_smoothing": 0.1},
    "dropout": {"dropout": 0.5},
    "layer decay": {"layer_decay": 0.5},
    "frozen batch norm": {"batch_norm": "frozen"},
    "first two frozen": {"freeze": "2"},
    "last one frozen": {"freeze": "last:1"},
    "first copied": {"copy": "first:1"},
    "first copied and held": {"copy": "first:1", "l2_sp": 0.1},
    "cached": {"freeze": "all", "cache": True},
    "cached, mixed": {"freeze": "all", "cache": True, "mixup": 0.4},
    "probed, then gradual": {"probe": 0.4, "unfreeze": "gradual", "freeze": "1"},
    "probed, then lora": {"probe": 0.5, "lora": 2},
}
LABELS = [*PRESETS, *VARIANTS]


def options_of(label: str) -> dict[str, Any]:
    return PRESETS[label].options if label in PRESETS else VARIANTS[label]


def network_of(label: str) -> str:
    """A transformer where linear layers are needed, else a network with BatchNorm and dropout."""
    return TOKENS if options_of(label).get("lora") else NORMED


def bars(name: str, contrast: float, count: int, seed: int) -> Domain:
    """Four classes of grey images of 12 pixels: two bars, lying or standing, thick or thin, somewhere, under noise."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(2 * count) % 4
    x = 40 * torch.randn(2 * count, 1, 12, 12, generator=generator) + 127
    places = torch.randint(1, 5, (2 * count,), generator=generator)
    for image, label, place in zip(x, y.tolist(), places.tolist()):
        for first in (place, place + 5):
            image[0, first : first + 1 + label // 2] += 90 * contrast
        if label % 2:
            image.copy_(image.mT.clone())
    splits = {"train": slice(0, count), "test": slice(count, None)}
    images = x.clamp(0, 255).round().to(torch.uint8)
    return Domain(
        name, ("a", "b", "c", "d"), {split: Examples(Arrays(images[part]), y[part]) for split, part in splits.items()}
    )


class Doubled(Preprocessing):
    """Preprocessing in float64."""

    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images).double()


@dataclass
class Bench:
    """A target with few labels, and a network that learned a related source with many."""

    target: View
    test: View
    learned: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    steps: int = 40
    rate: float = 0.02

    def backbone(self, spec: str) -> Backbone:
        torch.manual_seed(seed_of(0, "networks"))
        backbone = make_backbone(spec)
        backbone.load_state_dict(self.learned.get(spec, backbone.state_dict()))
        return backbone

    def method(self, label: str, spec: str = "", double: bool = False, **changes: Any) -> FineTune:
        backbone = self.backbone(spec or network_of(label))
        if double:
            backbone.preprocessing = Doubled(**vars(backbone.preprocessing))
        setup = Setup(
            backbone, Head(backbone.width, (), 4), self.target.classes, {"target": len(self.target)}, self.rate
        )
        cls = METHODS.resolve(label if label in METHODS else "full")
        made = make_method(label, cls, setup, {**options_of(label), **changes})
        assert isinstance(made, FineTune)
        return made

    def trainer(self, folder: Path | None = None, **changes: Any) -> Trainer:
        run = Run(folder, {"bench": True}) if folder else None
        settings = {"steps": self.steps, "batch_size": 16, "checkpoint_every": 10, "log_every": 10} | changes
        return Trainer(Fabric(accelerator="cpu", devices=1), run=run, **settings)

    def train(self, label: str, folder: Path | None = None, **changes: Any) -> FineTune:
        method = self.method(label)
        self.trainer(folder, **changes).fit(method, {"target": self.target})
        return method


@pytest.fixture(scope="session")
def bench() -> Bench:
    """Bars of full contrast with many labels, then fainter ones with four labels a class."""
    source, target = bars("bright", 1.0, 600, seed=1), bars("faint", 0.6, 300, seed=2)
    learned = {}
    for spec in (NORMED, TOKENS):
        student = Bench(source.labelled(), source.unlabelled("test"), steps=250, rate=0.05)
        method = student.method("full", spec)
        student.trainer(batch_size=32).fit(method, {"target": student.target})
        learned[spec] = method.backbone.state_dict()
    return Bench(*target.draw(4, 0), learned)


class StoppedError(Exception):
    """Stands for a kill."""


def moments(trainer: Trainer, method: FineTune) -> list[tuple[int, int]]:
    """From all over training: (number of the phase, step)."""
    phases = range(len(method.phases()))
    return [(number, int(share * trainer.lengths[number])) for number in phases for share in (0, 0.3, 0.9)]


@pytest.mark.parametrize("label", LABELS)
def test_what_is_free_moves_and_nothing_else(label: str, bench: Bench) -> None:
    """At any moment: all weights of what is free and the statistics of its BatchNorm; all else stays to the bit."""
    method, trainer = bench.method(label), bench.trainer()
    trainer.fit(method, {"target": bench.target})
    method.setup.rate = 10.0  # So that no step is lost to rounding.
    options, groups, layers = options_of(label), method.groups(), method.backbone.groups
    copied = chosen_groups(method.backbone, options.get("copy", "all"))
    optimisers = {name: torch.optim.SGD(group.parameters, 0.1) for name, group in groups.items()}
    for number, step in moments(trainer, method):
        phase, at = method.phases()[number], trainer._moment(number, step)
        trainer._set_trained(groups, phase, at, force=True)
        before = {key: value.clone() for key, value in method.state_dict().items()}
        batch = next(trainer._batches(phase, 0, 1))
        trainer._step(batch, at, groups, optimisers)
        free = set(phase.trains(at))
        assert "head" in free
        for key, value in method.state_dict().items():
            part, _, name = key.partition(".network.")
            group = f"backbone.{group_of(name, layers)}" if part == "backbone" else part.partition(".")[0]
            if options.get("lora") and part == "backbone":
                expected = ".lora_" in name and "backbone.adapters" in free
            else:
                normed = isinstance(method.get_submodule(key.rpartition(".")[0]), nn.BatchNorm2d)
                still = options.get("batch_norm") == "frozen" and group.removeprefix("backbone.") in copied
                expected = group in free and not (normed and still)
            assert torch.equal(before[key], value) != expected, f"{key} at {at}"


@pytest.mark.parametrize("label", [label for label in LABELS if label != "scratch"])
def test_beats_scratch_with_few_labels(label: str, bench: Bench) -> None:
    def accuracy(method: FineTune) -> float:
        found = evaluate(method.model(), bench.test).accuracy
        assert found is not None
        return found

    scratch = bench.method("scratch", network_of(label))
    bench.trainer().fit(scratch, {"target": bench.target})
    assert accuracy(scratch) < 0.7, "the labels must be too few"
    assert accuracy(bench.train(label)) > accuracy(scratch) + 0.05


CUTS = [
    *((label, 23, "none") for label in LABELS),
    *((label, cut, "none") for label in ("gradual", "lp-ft", "probed, then gradual") for cut in (12, 16, 20, 21)),
    *(("gradual", 12, augment) for augment in ("rand-flip", "crop-flip")),
]


@pytest.mark.parametrize(("label", "cut", "augment"), CUTS)
def test_resumed_equals_uninterrupted_bit_for_bit(
    label: str, cut: int, augment: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off while some groups are free and others not, and on both sides of a change of phase."""
    whole = bench.train(label, tmp_path / "whole", augment=augment).state_dict()
    done = [0]

    def after_step(self: FineTune, at: Moment) -> None:
        done[0] += 1
        if done[0] == cut:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(FineTune, "after_step", after_step)
        with pytest.raises(StoppedError):
            bench.train(label, tmp_path / "cut", augment=augment)
    resumed = bench.train(label, tmp_path / "cut", augment=augment).state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "cut/log.csv").read_text()


def test_the_cuts_fall_where_some_groups_are_free_and_others_not(bench: Bench) -> None:
    method, trainer = bench.method("gradual"), bench.trainer()
    trainer.fit(method, {"target": bench.target})
    free = [len(method.trained(trainer._moment(0, step))) for step in range(40)]
    assert [free[cut // 10 * 10] for cut in (12, 16)] == [3, 3]
    assert free == sorted(free)
    assert (free[0], free[20]) == (1, 4)


@pytest.mark.parametrize("label", LABELS)
def test_no_label_is_read_but_those_shown(label: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    original, shown, read = View._labels, set(bench.target.index.tolist()), []

    def labels(self: View) -> Tensor:
        assert self.split == "train"
        assert set(self.index.tolist()) <= shown
        read.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    bench.train(label, steps=4)
    assert set(read) == {"faint"}
    with pytest.raises(SealedLabelsError):
        _ = bench.test.y


@pytest.mark.parametrize("label", LABELS)
def test_saved_and_loaded_predicts_the_same(
    label: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is saved is a plain network, which needs no peft."""
    model = bench.train(label, steps=10).model()
    model.save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "peft", None)
    loaded = Classifier.load(tmp_path / "model", backbone=network_of(label))
    x = bench.test.read()
    assert torch.equal(model.predict(x), loaded.predict(x))
    plain = {f"backbone.{key}" for key in make_backbone(network_of(label)).state_dict()}
    assert set(load_file(tmp_path / "model/model.safetensors")) == plain | {"head.output.weight", "head.output.bias"}


@pytest.mark.parametrize("label", LABELS)
def test_a_target_smaller_than_a_batch_and_without_a_class(label: str, bench: Bench) -> None:
    few = bench.target.subset((bench.target.y != 1).nonzero().flatten()[:7])
    small = Bench(few, bench.test, bench.learned)
    assert all(value.isfinite().all() for value in small.train(label, steps=9).state_dict().values())


@pytest.mark.parametrize("label", LABELS)
def test_averaged_weights_wrap_it(label: str, bench: Bench, tmp_path: Path) -> None:
    wrapped, again = (WithAverage(bench.method(label), decay=0.9) for _ in range(2))
    for method in (wrapped, again):
        bench.trainer(tmp_path / "run", steps=20).fit(method, {"target": bench.target})
    averaged, x = wrapped.model(), bench.test.read()
    assert torch.equal(averaged.predict(x), again.model().predict(x)), "a finished run is read back whole"
    assert not torch.equal(wrapped.method.head.output.weight, averaged.head.output.weight)
    start = bench.backbone(network_of(label))
    kept = all(torch.equal(value, start.get_parameter(name)) for name, value in averaged.backbone.named_parameters())
    assert kept == (options_of(label).get("freeze") == "all")


def trained(rank: int, bench: Bench, label: str) -> dict[str, Tensor]:
    """The end of training in float64 on a network without BatchNorm and dropout, by the existing processes."""
    torch.set_default_dtype(torch.float64)
    try:
        trainer = bench.trainer(steps=24)
        if torch.distributed.is_initialized():
            trainer.fabric = joined(rank)
        method = bench.method(label, network_of(label) + "&plain=true", double=True)
        return trainer.fit(method, {"target": bench.target}).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)


def joined(rank: int) -> Fabric:
    """A Fabric whose processes are those of the existing group."""

    class Joined(Fabric):
        global_rank, world_size, is_global_zero = rank, 2, rank == 0  # type: ignore[assignment]

    return Joined(accelerator="cpu", devices=1)


DRAWN = {"mixup", "dropout", "cached, mixed"}
"""What draws at random within the network draws differently in each process."""


@pytest.mark.parametrize("label", [label for label in LABELS if label not in DRAWN])
def test_two_processes_equal_one(pair: Pair, bench: Bench, label: str) -> None:
    small = Bench(bench.target, bench.test)
    one = trained(0, small, label)
    for two in pair.run(trained, small, label):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-5)
