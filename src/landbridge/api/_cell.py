"""One cell of a table: a method on a pair of domains with a seed, from names to a finished run folder."""

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from landbridge.adaptation import METHODS
from landbridge.api._recipe import Machine, Recipe, flags, method_flags, ready_domain
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import write_text
from landbridge.core.processes import barrier
from landbridge.core.registry import Registry
from landbridge.data.domain import Domain, View
from landbridge.data.matching import UNKNOWN, check_label_sets, match_label_sets
from landbridge.data.registry import load_domain
from landbridge.evaluation import snapshot
from landbridge.evaluation.collected import Material, some
from landbridge.evaluation.inference import predict
from landbridge.evaluation.looks import Watcher
from landbridge.evaluation.metrics import Scores, score
from landbridge.evaluation.regret import measure
from landbridge.evaluation.selection import FEWEST, diversity_of
from landbridge.evaluation.validators import scorer, scores
from landbridge.nn.backbones import Backbone, chosen_groups
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing
from landbridge.runs import Result, Run
from landbridge.training.features import FeatureStore
from landbridge.training.frozen import FrozenBelow
from landbridge.training.method import Method, Setup
from landbridge.training.trainer import Trainer


@dataclass(frozen=True)
class Settings(Recipe):
    """All that the numbers of an adaptation are a function of; it is what `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.adapt`, see there.
    """

    method: str
    source: str
    target: str
    protocol: str = "inductive"
    unlabelled: bool = False
    baseline: bool = False
    freeze: str = "none"
    label_sets: str = "closed"
    study: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protocol not in ("inductive", "transductive"):
            raise LandbridgeError(f"--protocol is inductive or transductive, not '{self.protocol}'")
        self._check_label_sets()

    def _check_label_sets(self) -> None:
        check_label_sets(self.label_sets)

    @property
    def methods(self) -> Registry:
        """The methods that can be named."""
        return METHODS

    @property
    def open(self) -> bool:
        """Whether the target has classes of its own, which are one class `unknown`, the last."""
        return self.label_sets == "open"


def domains_of(settings: Settings, root: str | None, preprocessing: Preprocessing) -> tuple[Domain, Domain]:
    """Source and target, classes matched."""
    source = ready_domain(settings.source, root, preprocessing.size, False, settings.unreadable)
    target = ready_domain(settings.target, root, preprocessing.size, settings.unlabelled, settings.unreadable)
    if len(source.classes) < 2:
        raise BadDataError(f"the source {source.name} has {len(source.classes)} class: a classifier needs at least two")
    return match_label_sets(source, target, settings.label_sets)


def train_cell(settings: Settings, folder: Path, machine: Machine, store: Path | None = None, title: str = "") -> Run:
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
    backbone = settings.network(load_domain(settings.source, machine.data_root).backbone)
    source, target = domains_of(settings, machine.data_root, backbone.preprocessing)
    below = _frozen_below(settings, backbone, machine)
    seen = _above(below, source, target, settings) if below else (source, target)
    classes = source.classes[:-1] if settings.open and not cls.says_unknown else source.classes
    head = Head(backbone.width, backbone.head_hidden, len(classes))
    views = training_views(cls, *seen, settings)
    setup = Setup(
        below.upper if below else backbone,
        head,
        classes,
        {name: len(view) for name, view in views.items()},
        settings.rate,
        settings.momentum,
        settings.weight_decay,
        source.groups,
    )
    method = settings.method_of(settings.method, cls, setup, settings.options)
    if below and method.views:
        raise LandbridgeError(
            f"method '{settings.method}' looks at its images through changing augmentations, which a frozen lower part "
            "is not computed for: leave out --freeze"
        )

    material = _material(*seen, settings)
    judge = scorer(settings.select, material.some())
    if material.held:
        views["source"] = material.training

    fabric = machine.fabric(settings.precision, folder)
    run = Run(folder, asdict(settings))
    if run.finished:
        return run
    if settings.baseline and settings.method != "source-only":
        plain = replace(settings, method="source-only", options={}, select="last", baseline=False)
        train_cell(plain, folder / "baseline", machine, store, "source-only")
    tested, doubt = some(tested_on(seen[1], settings)), UNKNOWN if len(classes) < len(source.classes) else None
    watch = Watcher(folder, material.some(), tested, doubt) if settings.study else None
    trainer = settings.train(
        method, views, run, fabric, machine, judge=judge, watch=watch, store=store, title=title or settings.method
    )
    if fabric.is_global_zero:
        if settings.study:
            measure(folder, tested, oracle=cls.oracle)
        model = method.model().eval()
        model = below.whole(model).eval() if below else model
        model = model if classes == source.classes else model.or_none(UNKNOWN)
        _finish(run, model, source, target, settings, trainer, oracle=cls.oracle)
    barrier()
    return run


def _frozen_below(settings: Settings, backbone: Backbone, machine: Machine) -> FrozenBelow | None:
    """The lower part of the network that stays as it is; None where all of it trains."""
    groups = chosen_groups(backbone, settings.freeze)
    if not groups:
        return None
    return FrozenBelow(backbone, groups, FeatureStore(dtype="float16", quiet=machine.quiet))


def _above(below: FrozenBelow, source: Domain, target: Domain, settings: Settings) -> tuple[Domain, Domain]:
    """What the frozen part makes of both domains."""
    trained = ("train", "test") if settings.protocol == "transductive" else ("train",)
    return (
        below.domain(source, ("train",), settings.augment, settings.seed),
        below.domain(target, trained, settings.augment, settings.seed),
    )


def _material(source: Domain, target: Domain, settings: Settings) -> Material:
    """What a model is judged by without target labels; with a rule that selects, a part of the source is held out."""
    cut = settings.study or settings.select != "last"
    training, held = source.validation(seed=settings.seed) if cut else (source.labelled(), None)
    return Material(target.unlabelled(training_split(settings)), training, held, settings.label_sets == "partial")


def training_split(settings: Settings) -> str:
    """The split of the target that is trained on without labels."""
    return "all" if settings.protocol == "transductive" else "train"


def training_views(cls: type[Method], source: Domain, target: Domain, settings: Settings) -> dict[str, View]:
    """The views that a method asked for: the only thing it ever sees of the domains."""
    views = {}
    for name, kind in cls.needs.items():
        domain = source if name == "source" else target
        if kind == "unlabelled":
            views[name] = domain.unlabelled(training_split(settings))
        elif not domain.unlabelled().has_labels:
            raise BadDataError(f"method '{settings.method}' needs labels, but {domain.name} has none")
        else:
            views[name] = domain.labelled()
    return views


def held_out(domain: Domain, settings: Settings, *, target: bool) -> View | None:
    """The examples that the number is measured on: `test`, or the whole target under the transductive protocol."""
    if target and settings.protocol == "transductive":
        return domain.unlabelled("all")
    return domain.unlabelled("test") if "test" in domain.splits else None


def tested_on(target: Domain, settings: Settings) -> View:
    """The target examples that the number is measured on.

    Raises:
        BadDataError: there are none.
    """
    view = held_out(target, settings, target=True)
    if view is None:
        raise BadDataError(f"{target.name} has no test examples: name --protocol transductive, or another target")
    return view


def _finish(
    run: Run, model: Any, source: Domain, target: Domain, settings: Settings, trainer: Trainer, *, oracle: bool
) -> None:
    """Open the seal, once: measure, and write model, snapshot and numbers."""
    unknown = Scores(None, None, None, None, 0)
    source_test, target_test = held_out(source, settings, target=False), tested_on(target, settings)
    on_source = score(predict(model, source_test), source_test) if source_test else unknown
    on_target = score(predict(model, target_test), target_test, open_set=settings.open)
    seen = _material(source, target, settings).some().collect(model)
    told_apart = diversity_of(seen)
    shown = source_test or source.unlabelled("train")
    taken = snapshot.take(model, shown, target_test, trainer.method.translated)
    snapshot.save(taken, run.folder / "snapshot.npz")
    model.save(run.folder / "model")
    skipped = [*source.skipped, *target.skipped]
    if skipped:
        write_text(run.folder / "skipped.txt", "\n".join(skipped) + "\n")
    chosen = asdict(settings)
    row = {"method", "source", "target", "backbone", "protocol", "select", "seed", "steps"}
    notes = [f"{domain.name}: {domain.note}" for domain in (source, target) if domain.note]
    if settings.select != "last" and told_apart < FEWEST:
        notes.append(f"{settings.method}, seed {settings.seed}: collapsed, and no better weights were there to keep")
    result = Result(
        method=settings.method,
        source=settings.source,
        target=settings.target,
        backbone=model.backbone.name,
        protocol=settings.protocol,
        selection=settings.select,
        seed=settings.seed,
        steps=settings.steps,
        device=str(trainer.fabric.device),
        train_seconds=round(trainer.seconds, 2),
        metrics={
            **on_source.as_metrics("source"),
            **on_target.as_metrics("target"),
            "per_class_accuracy": on_target.per_class_accuracy,
            "confusion": on_target.confusion,
            "a_distance": float(taken["a_distance"]),
            "validators": scores(seen, also=[settings.select]),
            "diversity": told_apart,
        },
        oracle=oracle,
        settings={name: value for name, value in chosen.items() if name not in row}
        | {"classes": list(source.classes), "headline": "h_score" if settings.open else target.headline},
        notes=notes + ([f"{len(skipped)} unreadable images were skipped"] if skipped else []),
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def command_of(settings: Settings) -> str:
    """The command line that computes a cell again."""
    said, usual = asdict(settings), asdict(Settings("", settings.source, settings.target))
    for name in ("options", "baseline"):
        del said[name]
    words = ["landbridge", "adapt", settings.source, settings.target]
    return shlex.join([*words, *flags(said, usual), *method_flags(settings.options)])
