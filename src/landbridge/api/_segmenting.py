"""One cell of a table of segmentation: a method on a pair of domains with a seed, from names to a finished run."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from landbridge.api._cell import Settings, held_out, tested_on, training_split, training_views
from landbridge.api._recipe import Machine, flags, method_flags, ready_domain
from landbridge.core.errors import LandbridgeError
from landbridge.core.files import write_text
from landbridge.core.processes import barrier
from landbridge.core.registry import Registry
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.images import Size
from landbridge.data.matching_scenes import check_label_sets, match_scenes, private_of
from landbridge.data.paired import paired
from landbridge.data.registry import load_domain
from landbridge.data.scene_classes import class_set, colours_of
from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.evaluation.pixel_validators import (
    PixelMaterial,
    check_pixel_rule,
    kept,
    lost,
    pixel_scorer,
    pixel_scores,
)
from landbridge.evaluation.scene_snapshot import take_scenes
from landbridge.evaluation.segmentation import SegmentationScores
from landbridge.evaluation.selection import FEWEST
from landbridge.evaluation.snapshot import save
from landbridge.nn.segmentation_networks import SegmentationNetwork
from landbridge.nn.segmenter_model import Segmenter
from landbridge.nn.segmenters import make_segmenter
from landbridge.runs import Result, Run
from landbridge.segmentation import METHODS
from landbridge.segmentation.base import SegmentationSetup
from landbridge.training.method import Method
from landbridge.training.trainer import Trainer

BACKBONE = "light/small-cnn"
"""The network where none is named: it learns from scratch in minutes on a CPU."""


@dataclass(frozen=True)
class Segmenting(Settings):
    """All that the numbers of a segmenter are a function of; it is what `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.segment`, see there. Those of adaptation that mean nothing here stay
    at their defaults.
    """

    size: str | None = None
    backbone_ratio: float | None = None
    steps: int = field(default=500, kw_only=True)
    batch_size: int = field(default=6, kw_only=True)
    augment: str = field(default="geometric", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pixel_rule(self.select)
        for name, usual in (("freeze", "none"), ("study", False)):
            if getattr(self, name) != usual:
                raise LandbridgeError(
                    f"--{name.replace('_', '-')} is for classifiers, not for segmenters: leave it out"
                )
        if self.method == "boundless" and not self.open:
            raise LandbridgeError("boundless finds classes that only the target has: say --label-sets open")
        if self.backbone_ratio is not None and self.backbone_ratio <= 0:
            raise LandbridgeError(f"--backbone-ratio must be above 0, not {self.backbone_ratio}")
        size_of(self.size)

    @property
    def methods(self) -> Registry:
        """The methods that can be named."""
        return METHODS

    @property
    def ratio(self) -> float:
        """The rate of the backbone over that of the rest: the usual tenth for one that comes with weights."""
        pretrained = self.weights not in (None, "none")
        return self.backbone_ratio or (0.1 if pretrained else 1.0)

    def segmenter(self, classes: Sequence[str]) -> SegmentationNetwork:
        """The network asked for, with a head for these classes, reading images of the size asked for."""
        torch.manual_seed(seed_of(self.seed, "networks"))
        network = make_segmenter(self.backbone or BACKBONE, classes, self.weights)
        if self.size is not None:
            network.preprocessing = replace(network.preprocessing, size=size_of(self.size))
        return network

    def _check_augment(self) -> None:
        paired(self.augment)

    def _check_label_sets(self) -> None:
        check_label_sets(self.label_sets)


def size_of(text: str | None) -> Size | None:
    """Height and width from WIDTHxHEIGHT; None for no text.

    Raises:
        LandbridgeError: it is of another form.

    >>> size_of("480x360"), size_of(None)
    ((360, 480), None)
    """
    if text is None:
        return None
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise LandbridgeError(f"--size is WIDTHxHEIGHT in pixels, as in 480x360, not '{text}'")
    return int(height), int(width)


def is_dense(names: Sequence[str], root: str | None) -> bool:
    """Whether a comparison is one of segmenters: its source has a class for each pixel.

    Raises:
        LandbridgeError: a dense domain stands alone.
    """
    dense = load_domain(names[0], root).dense
    if dense and len(names) == 1:
        raise LandbridgeError(
            f"{names[0]} has a class for each pixel: segmenters are compared on a source and a target, so name another "
            "domain beside it"
        )
    return dense


def scenes_of(settings: Segmenting, root: str | None) -> tuple[Domain, Domain, list[str]]:
    """Source and target with the same classes, an open target with others behind them, and what happened to these."""
    size = size_of(settings.size)
    source = ready_domain(settings.source, root, size, False, settings.unreadable)
    target = ready_domain(settings.target, root, size, settings.unlabelled, settings.unreadable)
    return match_scenes(source, target, settings.label_sets)


def segment_cell(
    settings: Segmenting, folder: Path, machine: Machine, store: Path | None = None, title: str = ""
) -> Run:
    """Train one cell and write its run folder; a finished one is left as it is, an unfinished one goes on.

    Args:
        settings: what to compute.
        folder: where.
        machine: on what.
        store: where phases that several cells share are kept.
        title: what the progress bar calls it.

    Returns:
        The finished run.
    """
    cls: type[Method] = METHODS.resolve(settings.method)
    source, target, changes = scenes_of(settings, machine.data_root)
    private = private_of(source, target)
    # An oracle learns the target's own classes by their labels.
    classes = target.classes if cls.oracle else source.classes
    network = settings.segmenter(classes)
    views = training_views(cls, source, target, settings)
    size = network.preprocessing.size
    setup = SegmentationSetup(
        classes,
        {name: len(view) for name, view in views.items()},
        settings.rate,
        settings.momentum,
        settings.weight_decay,
        network=network,
        backbone_lr_ratio=settings.ratio,
        private=private,
        data_root=machine.data_root,
    )
    method = settings.method_of(settings.method, cls, setup, settings.options)
    source = source.with_classes(method.model().classes)
    material = PixelMaterial.of(target.unlabelled(training_split(settings)), source.labelled(), size)
    judge = pixel_scorer(settings.select, material)
    fabric = machine.fabric(settings.precision, folder)
    run = Run(folder, asdict(settings))
    if run.finished:
        return run
    if settings.baseline and settings.method != "source-only":
        plain = replace(settings, method="source-only", options={}, select="last", baseline=False)
        segment_cell(plain, folder / "baseline", machine, store, "source-only")
    trainer = settings.train(
        method, views, run, fabric, machine, judge=judge, store=store, title=title or settings.method
    )
    if fabric.is_global_zero:
        model: Any = method.model().eval()
        _finish(run, model, source, target, settings, trainer, material, changes, private=private, oracle=cls.oracle)
    barrier()
    return run


def _finish(
    run: Run,
    model: Segmenter,
    source: Domain,
    target: Domain,
    settings: Segmenting,
    trainer: Trainer,
    material: PixelMaterial,
    changes: list[str],
    *,
    private: Sequence[str],
    oracle: bool,
) -> None:
    """Open the seal, once: measure, and write model, snapshot and numbers."""
    size = material.size
    source_test, target_test = held_out(source, settings, target=False), tested_on(target, settings)
    on_source = _measured(model, source_test, size, private)
    on_target = _measured(model, target_test, size, private)
    seen = material.look(model)
    colours = colours_of(target.classes, {**target.colours, **source.colours})
    taken = take_scenes(model, source_test or source.unlabelled("train"), target_test, colours, size)
    save(taken, run.folder / "snapshot.npz")
    model.save(run.folder / "model")
    skipped = [*source.skipped, *target.skipped]
    if skipped:
        write_text(run.folder / "skipped.txt", "\n".join(skipped) + "\n")
    gone = [name for name, missing in zip(model.classes, lost(seen.called, seen.shares)) if missing]
    result = Result(
        method=settings.method,
        source=settings.source,
        target=settings.target,
        backbone=settings.backbone or BACKBONE,
        protocol=settings.protocol,
        selection=settings.select,
        seed=settings.seed,
        steps=settings.steps,
        device=str(trainer.fabric.device),
        train_seconds=round(trainer.seconds, 2),
        metrics={
            "source_miou": on_source and on_source.by_kind["shared_miou"],
            "target_miou": on_target and on_target.miou,
            "per_class_iou": on_target and on_target.per_class_iou,
            "target_pixel_accuracy": on_target and on_target.pixel_accuracy,
            "target_mean_class_accuracy": on_target and on_target.mean_class_accuracy,
            **{f"target_{name}": value for name, value in (on_target.by_kind if on_target and private else {}).items()},
            "source_examples": len(source_test) if source_test else 0,
            "target_examples": len(target_test),
            "confusion": on_target and on_target.confusion.tolist(),
            "a_distance": float(taken["a_distance"]),
            "validators": pixel_scores(seen),
            "diversity": kept(seen),
            "lost_classes": gone,
        },
        oracle=oracle,
        settings=_said(settings)
        | {"classes": list(target.classes), "private_classes": list(private), "headline": "miou"}
        | {"class_set": class_set(target.classes, private)},
        notes=[*_notes(settings, source, target, changes, private, kept(seen), skipped), *trainer.method.notes],
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def _measured(
    model: Segmenter, view: View | None, size: Size | None, private: Sequence[str]
) -> SegmentationScores | None:
    """The scores on a view; None where there is none, or nobody knows its labels."""
    return evaluate_pixels(model, view, size, private) if view is not None and view.has_labels else None


ROW = ("method", "source", "target", "backbone", "protocol", "select", "seed", "steps")
UNUSED = ("freeze", "study")


def _said(settings: Segmenting) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in (*ROW, *UNUSED)}


def _notes(
    settings: Segmenting,
    source: Domain,
    target: Domain,
    changes: list[str],
    private: Sequence[str],
    left: float,
    skipped: list[str],
) -> list[str]:
    """What a reader of the numbers must know."""
    notes = [f"mIoU over {class_set(target.classes, private)}", *changes]
    notes += [f"images read and measured at {settings.size}"] if settings.size else []
    notes += [f"{domain.name}: {domain.note}" for domain in (source, target) if domain.note]
    if settings.select != "last" and left < FEWEST:
        notes.append(f"{settings.method}, seed {settings.seed}: collapsed, and no better weights were there to keep")
    return notes + ([f"{len(skipped)} unreadable images were skipped"] if skipped else [])


def command_of(settings: Segmenting) -> str:
    """The command line that computes a cell again."""
    said, usual = asdict(settings), asdict(Segmenting("", settings.source, settings.target))
    for name in ("options", "baseline", *UNUSED):
        del said[name]
    words = ["landbridge", "segment", settings.source, settings.target]
    return shlex.join([*words, *flags(said, usual), *method_flags(settings.options)])
