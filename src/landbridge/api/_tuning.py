"""One cell of a table of fine-tuning: a method on one draw of a target's labels, from names to a finished run."""

import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from landbridge.api._recipe import Machine, Recipe, ready_domain
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import write_text
from landbridge.core.processes import barrier
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.registry import load_domain
from landbridge.evaluation import snapshot
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import Scores, score
from landbridge.evaluation.validators import scorer
from landbridge.finetuning import METHODS, PRESETS
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.runs import Result, Run
from landbridge.training.method import Setup

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

    def __post_init__(self) -> None:
        super().__post_init__()
        METHODS[self.method]
        if self.select not in ("last", "validation"):
            raise LandbridgeError(f"--select is last or validation in fine-tuning, not '{self.select}'")
        if self.ways is not None and self.ways < 2:
            raise LandbridgeError(f"--ways must be at least 2 classes, not {self.ways}")

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
    usual = load_domain(settings.source or settings.target, machine.data_root).backbone
    run = Run(folder, asdict(settings))
    if settings.source is not None and start is None:
        start = folder / "source"
        tune_cell(settings.of_source, start, machine, title=f"source {settings.source}")
    backbone = settings.network(usual, str(start) if start else None)
    target = _target(settings, machine, backbone.preprocessing.size)
    shown, held = drawn(target, settings.shots, settings.seed)
    if not len(shown.classes) > 1:
        raise BadDataError(f"{target.name} has {len(shown.classes)} class: a head needs at least two")
    views, judge = {"target": shown}, None
    if settings.select == "validation":
        views["target"], kept = shown.cut(VALIDATION, settings.seed)
        judge = scorer("source-accuracy", kept, target.unlabelled(), seed=settings.seed)
    setup = Setup(
        backbone,
        Head(backbone.width, backbone.head_hidden, len(target.classes)),
        target.classes,
        {name: len(view) for name, view in views.items()},
        settings.rate,
        settings.momentum,
        settings.weight_decay,
    )
    options = {**PRESETS[settings.method].options, **settings.options}
    if options.get("freeze") == "all" and settings.augment == "none":
        options.setdefault("cache", True)
    method = settings.method_of(settings.method, METHODS.resolve(settings.method), setup, options)
    fabric = machine.fabric(settings.precision, folder)
    trainer = settings.train(method, views, run, fabric, machine, judge=judge, title=title or settings.method)
    if fabric.is_global_zero:
        seconds, device = round(trainer.seconds, 2), str(fabric.device)
        _finish(run, method.model().eval(), target, shown, held, settings, options, seconds, device)
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
    if settings.ways is None:
        return target
    if settings.ways > len(target.classes):
        raise LandbridgeError(f"--ways {settings.ways}: {target.name} has {len(target.classes)} classes")
    generator = torch.Generator().manual_seed(seed_of(settings.seed, "ways"))
    some = torch.randperm(len(target.classes), generator=generator)[: settings.ways].tolist()
    return target.only([target.classes[number] for number in some])


def _finish(
    run: Run,
    model: Classifier,
    target: Domain,
    shown: View,
    held: View | None,
    settings: Tuning,
    options: dict[str, Any],
    seconds: float,
    device: str,
) -> None:
    """Open the seal, once: measure, and write model, snapshot and numbers."""
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
            "per_class_accuracy": on_target.per_class_accuracy,
            "confusion": on_target.confusion,
        },
        settings={name: value for name, value in asdict(settings).items() if name not in row}
        | {"options": options, "classes": list(target.classes), "headline": target.headline},
        notes=[f"{target.name}: {target.note}"] * bool(target.note)
        + [f"{len(target.skipped)} unreadable examples were skipped"] * bool(target.skipped),
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def command_of(settings: Tuning) -> str:
    """The command line that computes a cell again."""
    plain, default = asdict(settings), asdict(Tuning(settings.method, settings.target))
    words = ["landbridge", "finetune", settings.backbone or "usual", settings.target, "--method", settings.method]
    for name, value in plain.items():
        if name not in ("method", "target", "backbone", "options") and value != default[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    for name, value in settings.options.items():
        words += [f"--method.{name}", str(value)]
    return shlex.join(words)
