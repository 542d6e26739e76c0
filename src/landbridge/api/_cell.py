"""One cell of a table: a method on a pair of domains with a seed, from names to a finished run folder."""

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.logger import Logger

from landbridge.adaptation import METHODS
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import write_text
from landbridge.core.processes import barrier, world
from landbridge.core.registry import resolve
from landbridge.data.augment import augmentation
from landbridge.data.batches import IN_MEMORY, seed_of
from landbridge.data.domain import Domain, View, match_classes
from landbridge.data.registry import data_root, entry_of, load_domain
from landbridge.evaluation import snapshot
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import Scores, score
from landbridge.evaluation.validators import scorer, unlabelled_scores
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.preprocessing import Preprocessing
from landbridge.runs import Result, Run
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Setup
from landbridge.training.options import make_method
from landbridge.training.progress import Progress
from landbridge.training.trainer import Trainer


@dataclass(frozen=True)
class Settings:
    """All that the numbers of a run are a function of; it is what `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.adapt`, see there.
    """

    method: str
    source: str
    target: str
    backbone: str | None = None
    weights: str | None = None
    steps: int = 2000
    batch_size: int = 64
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    seed: int = 0
    protocol: str = "inductive"
    select: str = "last"
    augment: str = "none"
    ema: float | None = None
    clip: float | None = None
    precision: str = "32-true"
    unlabelled: bool = False
    unreadable: float = 0.01
    options: Mapping[str, Any] = field(default_factory=dict)
    baseline: bool = False

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch_size", 2), ("seed", 0)):
            if getattr(self, name) < low:
                raise LandbridgeError(f"--{name.replace('_', '-')} must be at least {low}, not {getattr(self, name)}")
        if self.rate <= 0:
            raise LandbridgeError(f"--rate must be above 0, not {self.rate}")
        if self.protocol not in ("inductive", "transductive"):
            raise LandbridgeError(f"--protocol is inductive or transductive, not '{self.protocol}'")


@dataclass(frozen=True)
class Machine:
    """Where and how a run is computed; changes no number beyond rounding.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: how many processes.
        strategy: Fabric's name of how they work together.
        data_root: the folder of the data sets.
        checkpoint_every: steps between checkpoints.
        tensorboard: whether to log for TensorBoard too.
        quiet: whether to show no progress.
    """

    device: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    data_root: str | None = None
    checkpoint_every: int = 500
    tensorboard: bool = False
    quiet: bool = False

    @property
    def is_first_process(self) -> bool:
        """Whether this process is the one that writes."""
        return world()[0] == 0

    def fabric(self, precision: str, folder: Path | None = None) -> Fabric:
        """A launched Fabric."""
        loggers: list[Logger] = []
        if self.tensorboard and folder is not None:
            from lightning.fabric.loggers.tensorboard import TensorBoardLogger

            loggers.append(TensorBoardLogger(folder, name="tensorboard", version=""))
        fabric = Fabric(
            accelerator=self.device,
            devices=self.devices,
            strategy=self.strategy,
            precision=precision,  # type: ignore[arg-type]
            loggers=loggers,
        )
        fabric.launch()
        return fabric


@functools.lru_cache(maxsize=8)
def ready_domain(
    name: str, root: str | None, size: tuple[int, int] | None, unlabelled: bool, unreadable: float
) -> Domain:
    """A domain with its image files checked and in memory where they fit; kept for the next cell."""
    domain = load_domain(name, root, unlabelled=unlabelled)
    return domain.prepared(size, memory=IN_MEMORY, tolerance=unreadable)


def domains_of(settings: Settings, root: str | None, preprocessing: Preprocessing) -> tuple[Domain, Domain]:
    """Source and target, classes matched."""
    source = ready_domain(settings.source, root, preprocessing.size, False, settings.unreadable)
    target = ready_domain(settings.target, root, preprocessing.size, settings.unlabelled, settings.unreadable)
    if len(source.classes) < 2:
        raise BadDataError(f"the source {source.name} has {len(source.classes)} class: a classifier needs at least two")
    return source, match_classes(source, target)


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
    spec = settings.backbone or load_domain(settings.source, machine.data_root).backbone
    torch.manual_seed(seed_of(settings.seed, "networks"))
    backbone = make_backbone(spec, settings.weights)
    source, target = domains_of(settings, machine.data_root, backbone.preprocessing)
    head = Head(backbone.width, backbone.head_hidden, len(source.classes))
    views = _training_views(cls, source, target, settings)
    setup = Setup(
        backbone,
        head,
        source.classes,
        {name: len(view) for name, view in views.items()},
        settings.rate,
        settings.momentum,
        settings.weight_decay,
    )
    torch.manual_seed(seed_of(settings.seed, "method"))
    method = make_method(settings.method, cls, setup, settings.options)
    if settings.ema is not None:
        method = WithAverage(method, settings.ema)

    judge = None
    augmentation(settings.augment)
    if settings.select != "last":
        views["source"], held = source.validation(seed=settings.seed)
        judge = scorer(settings.select, held, target.unlabelled(_training_split(settings)), seed=settings.seed)

    fabric = machine.fabric(settings.precision, folder)
    run = Run(folder, asdict(settings))
    if run.finished:
        return run
    if settings.baseline and settings.method != "source-only":
        plain = replace(settings, method="source-only", options={}, select="last", baseline=False)
        train_cell(plain, folder / "baseline", machine, store, "source-only")
    trainer = Trainer(
        fabric,
        settings.steps,
        settings.batch_size,
        settings.seed,
        run=run,
        checkpoint_every=machine.checkpoint_every,
        clip=settings.clip,
        augment=settings.augment,
        score=judge,
        store=store,
    )
    if machine.quiet or not fabric.is_global_zero:
        trainer.fit(method, views)
    else:
        with Progress(title or settings.method) as trainer.progress:
            trainer.fit(method, views)
    if fabric.is_global_zero:
        model = method.model().eval()
        _finish(run, model, source, target, settings, trainer, oracle=cls.oracle)
    barrier()
    return run


def _training_split(settings: Settings) -> str:
    return "all" if settings.protocol == "transductive" else "train"


def _training_views(cls: type[Method], source: Domain, target: Domain, settings: Settings) -> dict[str, View]:
    """The views that a method asked for: the only thing it ever sees of the domains."""
    views = {}
    for name, kind in cls.needs.items():
        domain = source if name == "source" else target
        if kind == "unlabelled":
            views[name] = domain.unlabelled(_training_split(settings))
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


def _finish(
    run: Run, model: Any, source: Domain, target: Domain, settings: Settings, trainer: Trainer, *, oracle: bool
) -> None:
    """Open the seal, once: measure, and write model, snapshot and numbers."""
    unknown = Scores(None, None, None, None, 0)
    source_test, target_test = held_out(source, settings, target=False), held_out(target, settings, target=True)
    if target_test is None:
        raise BadDataError(f"{target.name} has no test examples: name --protocol transductive, or another target")
    on_source = score(predict(model, source_test), source_test) if source_test else unknown
    on_target = score(predict(model, target_test), target_test)
    taken = snapshot.take(model, source_test or source.unlabelled("train"), target_test)
    snapshot.save(taken, run.folder / "snapshot.npz")
    model.save(run.folder / "model")
    skipped = [*source.skipped, *target.skipped]
    if skipped:
        write_text(run.folder / "skipped.txt", "\n".join(skipped) + "\n")
    chosen = asdict(settings)
    row = {"method", "source", "target", "backbone", "protocol", "select", "seed", "steps"}
    notes = [f"{domain.name}: {domain.note}" for domain in (source, target) if domain.note]
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
            "validators": unlabelled_scores(model, target.unlabelled(_training_split(settings))),
        },
        oracle=oracle,
        settings={name: value for name, value in chosen.items() if name not in row}
        | {"classes": list(source.classes), "headline": target.headline},
        notes=notes + ([f"{len(skipped)} unreadable images were skipped"] if skipped else []),
        command=command_of(settings),
    )
    run.finish(result)
    run.drop_checkpoint()


def command_of(settings: Settings) -> str:
    """The command line that computes a cell again."""
    plain, words = asdict(settings), ["landbridge", "adapt", settings.source, settings.target]
    default = asdict(Settings(settings.method, settings.source, settings.target))
    for name, value in plain.items():
        if name in ("source", "target", "options", "baseline") or (value == default[name] and name != "method"):
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    for name, value in settings.options.items():
        words += [f"--method.{name}", str(value)]
    return shlex.join(words)


def free_folder(out: str | None, what: str) -> Path:
    """The folder asked for, or `runs/<time>-<what>`, one that is not there yet."""
    if out:
        return Path(out)
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{what}"
    candidates = (Path("runs") / f"{name}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(path for path in candidates if not path.exists())


def fetch(names: Sequence[str], root: str | None) -> None:
    """Download what is missing of the named data sets, where their publisher allows it.

    Raises:
        LandbridgeError: no data root is known to download into.
    """
    where = data_root(root)
    for name in names:
        entry = entry_of(name)
        if entry is None or entry.download is None:
            continue
        if where is None:
            raise LandbridgeError(f"--download needs a folder for {name}: pass --data-root or set LANDBRIDGE_DATA")
        download: Callable[[Path], None] = resolve(entry.download)
        download(where)
