"""One cell of a table of fine-tuning: a method on one draw of a target's labels, from names to a finished run."""

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from landbridge.api._recipe import Machine, Recipe, flags, method_flags, ready_domain
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import write_text
from landbridge.core.processes import barrier
from landbridge.data.domain import Domain, View
from landbridge.data.episodes import with_ways
from landbridge.data.registry import load_domain
from landbridge.evaluation import snapshot
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import Scores, score
from landbridge.evaluation.selection import Judged
from landbridge.evaluation.validators import held_out_accuracy
from landbridge.finetuning import METHODS, PRESETS
from landbridge.finetuning.finetune import FineTune
from landbridge.nn.backbones import Backbone
from landbridge.nn.heads import Head
from landbridge.nn.layers import group_of
from landbridge.nn.models import Classifier
from landbridge.runs import Result, Run
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Setup

VALIDATION = 0.2
"""Share of the labels shown that `--select validation` keeps from training."""

LOOKED_AT = 5000
"""Training examples that the training accuracy is measured on, at most."""


@dataclass(frozen=True)
class Tuning(Recipe):
    """All that the numbers of a fine-tuned network are a function of; it is what `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.finetune`, see there.
    """

    method: str
    target: str
    source: str | None = None
    shots: int | None = None
    ways: int | None = None
    source_steps: int | None = None
    head: str = "new"
    clip: float | None = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        METHODS[self.method]
        if self.select not in ("last", "validation"):
            raise LandbridgeError(f"--select is last or validation in fine-tuning, not '{self.select}'")
        if self.source_steps is not None and self.source_steps < 1:
            raise LandbridgeError(f"--source-steps must be at least 1, not {self.source_steps}")
        if self.ways is not None and self.ways < 2:
            raise LandbridgeError(f"--ways must be at least 2 classes, not {self.ways}")
        if self.head not in ("new", "kept"):
            raise LandbridgeError(f"--head is new or kept, not '{self.head}'")
        if self.head == "kept" and self.source is None:
            raise LandbridgeError("--head kept takes the head of a network trained on --source: name one")

    @property
    def said(self) -> dict[str, Any]:
        """What a command line says of them, but for its positional words and the method."""
        hidden = ("method", "target", "backbone", "options")
        return {name: value for name, value in asdict(self).items() if name not in hidden}

    @property
    def usual(self) -> dict[str, Any]:
        """What need not be said; steps and batches have other defaults in other commands, so they always are."""
        default = Tuning(self.method, self.target).said
        return {name: value for name, value in default.items() if name not in ("steps", "batch_size")}

    @property
    def all_options(self) -> dict[str, Any]:
        """The options of the method: those of the name, and over them those given."""
        return {**PRESETS[self.method].options, **self.options}

    @property
    def copies(self) -> bool:
        """Whether any layer is copied from somewhere."""
        return str(self.all_options.get("copy", "all")) not in ("none", "0")

    @property
    def of_source(self) -> "Tuning":
        """The settings of the network that it starts from, trained on all labels of the source."""
        assert self.source is not None
        return Tuning(
            **{item.name: getattr(self, item.name) for item in fields(Recipe)}
            | {"steps": self.source_steps or self.steps, "select": "last", "options": {}},
            method="full",
            target=self.source,
        )


class Ready(NamedTuple):
    """All that a cell is trained and measured with.

    Attributes:
        method: what is trained.
        target: the domain, some of its classes where `ways` says how many.
        shown: the examples whose labels are shown.
        held: those to test on; None where there are none.
        views: what the method receives.
        judge: scores a model on labels shown that are kept from training; None where the last step is taken.
        options: of the method, the preset's included.
    """

    method: Method
    target: Domain
    shown: View
    held: View | None
    views: dict[str, View]
    judge: Callable[[Classifier], Judged] | None
    options: dict[str, Any]


def check(settings: Tuning, machine: Machine) -> None:
    """Look for all that a user can get wrong, before anything is trained or written.

    Raises:
        LandbridgeError: there is nothing to copy, nothing to test on, or what `prepare` raises.
    """
    if settings.copies and settings.source is None and settings.weights is None:
        raise LandbridgeError(
            f"nothing for '{settings.method}' to copy: say with --weights where the network starts from (hub, a file, "
            "a run, or none for random numbers), or name a --source to train it on; 'scratch' needs neither"
        )
    ready = prepare(settings, machine)
    ready.target.draw(settings.shots, settings.seed)
    if settings.source is not None:
        prepare(settings.of_source, machine)


def prepare(settings: Tuning, machine: Machine, start: Path | None = None) -> Ready:
    """Read the data and make the networks; nothing is written.

    Args:
        settings: what to compute.
        machine: on what.
        start: the finished run that the network starts from.

    Raises:
        LandbridgeError: data, network, shots and options do not go together.
    """
    usual = load_domain(settings.source or settings.target, machine.data_root).backbone
    backbone = settings.network(usual, str(start) if start else None)
    target = _target(settings, machine, backbone.preprocessing.size)
    if not len(target.classes) > 1:
        raise BadDataError(f"{target.name} has {len(target.classes)} class: a head needs at least two")
    shown, held = drawn(target, settings.shots, settings.seed)
    views, judge = {"target": shown}, None
    if settings.select == "validation":
        views["target"], kept = shown.cut(VALIDATION, settings.seed)
        judge = held_out_accuracy(kept, settings.seed)
    setup = Setup(
        backbone,
        _head(settings, backbone, target, start),
        target.classes,
        {name: len(view) for name, view in views.items()},
        settings.rate,
        settings.momentum,
        settings.weight_decay,
    )
    options = settings.all_options
    if options.get("freeze") == "all" and settings.augment == "none":
        options.setdefault("cache", True)
    method = settings.method_of(settings.method, METHODS.resolve(settings.method), setup, options)
    return Ready(method, target, shown, held, views, judge, options)


def tune_cell(settings: Tuning, folder: Path, machine: Machine, start: Path | None = None, title: str = "") -> Run:
    """Fine-tune once and write the run folder; a finished one is left as it is, an unfinished one goes on.

    Args:
        settings: what to compute.
        folder: where.
        machine: on what.
        start: the run that was trained on the source; by default it is trained in `folder / "source"`, if there is a
            source.
        title: what the progress bar calls it.

    Returns:
        The finished run.
    """
    if (folder / "metrics.json").is_file():
        return Run(folder, asdict(settings))
    if settings.source is not None and settings.copies and start is None:
        Run(folder, asdict(settings))
        start = folder / "source"
        tune_cell(settings.of_source, start, machine, title=f"source {settings.source}")
    ready = prepare(settings, machine, start)
    run = Run(folder, asdict(settings))
    fabric = machine.fabric(settings.precision, folder)
    before = _weights(ready.method)
    trainer = settings.train(
        ready.method, ready.views, run, fabric, machine, judge=ready.judge, title=title or settings.method
    )
    if fabric.is_global_zero:
        seconds, device = round(trainer.seconds, 2), str(fabric.device)
        _finish(run, ready, settings, _moved(ready.method, before, settings.rate), seconds, device)
    barrier()
    return run


def drawn(target: Domain, shots: int | None, seed: int) -> tuple[View, View | None]:
    """The examples whose labels are shown, and those to test on; None where all are shown and no others are there."""
    if shots is None and "test" not in target.splits:
        return target.labelled(), None
    return target.draw(shots, seed)


def _target(settings: Tuning, machine: Machine, size: tuple[int, int] | None) -> Domain:
    """The target, some of its classes drawn by seed where `ways` says how many."""
    target = ready_domain(settings.target, machine.data_root, size, False, settings.unreadable)
    if target.multi_label:
        raise BadDataError(f"an example of {target.name} may have several labels: fine-tuning learns one class each")
    if not target.unlabelled().has_labels:
        raise BadDataError(f"{target.name} has no labels to learn from")
    return with_ways(target, settings.ways, settings.seed)


def _head(settings: Tuning, backbone: Backbone, target: Domain, start: Path | None) -> Head:
    """A new head; or that of the source network, which then has the same classes."""
    if settings.head == "new" or start is None:
        return Head(backbone.width, backbone.head_hidden, len(target.classes))
    known = Classifier.load(start, settings.backbone)
    if known.classes != target.classes:
        raise BadDataError(f"--head kept: {settings.source} and {target.name} have other classes: take --head new")
    return known.head


def _weights(method: Method) -> dict[str, Tensor]:
    """A copy of the weights of the backbone, as the model would have them."""
    return {name: value.detach().cpu().clone() for name, value in method.model().backbone.network.named_parameters()}


def _moved(method: Method, before: dict[str, Tensor], rate: float) -> list[dict[str, Any]]:
    """What became of each layer group, from the stem up, and of the head: its size, its rate, how far it moved.

    The way is relative: ||w - w_0|| / ||w_0|| over all weights of the group.
    """
    tuned = method.method if isinstance(method, WithAverage) else method
    assert isinstance(tuned, FineTune)
    backbone, after, rates = tuned.model().backbone, _weights(method), tuned.groups()
    found = []
    for group in backbone.groups:
        names = [name for name in before if group_of(name, backbone.groups) == group]
        if not names:
            continue
        way = sum(float((after[name] - before[name]).square().sum()) for name in names) ** 0.5
        size = sum(float(before[name].square().sum()) for name in names) ** 0.5
        optimised = rates.get(f"backbone.{group}") or (rates.get("backbone.adapters") if way else None)
        still = group in tuned.frozen or optimised is None
        found.append(
            {
                "name": group,
                "parameters": sum(before[name].numel() for name in names),
                "rate": 0.0 if still or optimised is None else optimised.rate,
                "moved": way / size if size else 0.0,
            }
        )
    head = sum(value.numel() for value in tuned.head.parameters())
    return [*found, {"name": "head", "parameters": head, "rate": rate, "moved": None}]


def _finish(
    run: Run, ready: Ready, settings: Tuning, layer_groups: list[dict[str, Any]], seconds: float, device: str
) -> None:
    """Open the seal, once: measure, and write model, snapshot and numbers."""
    model, target, shown, held = ready.method.model().eval(), ready.target, ready.shown, ready.held
    unknown = Scores(None, None, None, None, 0)
    some, _ = shown.cut(1 - LOOKED_AT / len(shown), 0) if len(shown) > LOOKED_AT else (shown, None)
    on_train = score(predict(model, some), some)
    on_target = score(predict(model, held), held) if held else unknown
    snapshot.save(snapshot.take(model, some, held or some), run.folder / "snapshot.npz")
    model.save(run.folder / "model")
    if target.skipped:
        write_text(run.folder / "skipped.txt", "\n".join(target.skipped) + "\n")
    row = {"method", "source", "target", "backbone", "select", "seed", "steps"}
    result = Result(
        method=settings.method,
        source=settings.source,
        target=settings.target,
        backbone=model.backbone.name,
        protocol="all labels" if settings.shots is None else f"{settings.shots} labels a class",
        selection=settings.select,
        seed=settings.seed,
        steps=settings.steps,
        device=device,
        train_seconds=seconds,
        metrics={
            **on_train.as_metrics("target_train"),
            **on_target.as_metrics("target"),
            "labels": len(shown),
            "per_class_accuracy": on_target.per_class_accuracy,
            "confusion": on_target.confusion,
            "layer_groups": layer_groups,
        },
        settings={name: value for name, value in asdict(settings).items() if name not in row}
        | {"options": ready.options, "classes": list(target.classes), "headline": target.headline},
        notes=_notes(target, held),
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def _notes(target: Domain, held: View | None) -> list[str]:
    """What a reader of the numbers must know."""
    notes = [f"{target.name}: {target.note}"] if target.note else []
    if held is not None and "test" not in target.splits:
        most = f"at most {target.test_shots} others a class" if target.test_shots else "all others"
        notes.append(f"{target.name} has no split: each seed draws its own labels, and tests on {most}")
    return notes + [f"{len(target.skipped)} unreadable examples were skipped"] * bool(target.skipped)


def command_of(settings: Tuning) -> str:
    """The command line that computes a cell again."""
    words = ["landbridge", "finetune", settings.backbone or "usual", settings.target, "--method", settings.method]
    return shlex.join([*words, *flags(settings.said, settings.usual), *method_flags(settings.options)])
