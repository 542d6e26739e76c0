"""What every trained cell shares: how it is trained, on which machine, and where its folder stands."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.logger import Logger

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import world
from landbridge.core.registry import resolve
from landbridge.data.augment import augmentation
from landbridge.data.batches import IN_MEMORY, seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.keys import parts_of
from landbridge.data.registry import data_root, entry_of, load_domain
from landbridge.evaluation.selection import Judged
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.runs import Run
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Setup
from landbridge.training.options import make_method
from landbridge.training.progress import Progress
from landbridge.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, whatever the setting.

    Attributes are the arguments of `landbridge.api.adapt`, see there.
    """

    backbone: str | None = None
    weights: str | None = None
    steps: int = 2000
    batch_size: int = 64
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    seed: int = 0
    select: str = "last"
    augment: str = "none"
    ema: float | None = None
    clip: float | None = None
    precision: str = "32-true"
    unreadable: float = 0.01
    checkpoint_every: int = 500
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch_size", 2), ("seed", 0)):
            if getattr(self, name) < low:
                raise LandbridgeError(f"--{name.replace('_', '-')} must be at least {low}, not {getattr(self, name)}")
        if self.rate <= 0:
            raise LandbridgeError(f"--rate must be above 0, not {self.rate}")
        self._check_augment()

    def _check_augment(self) -> None:
        augmentation(self.augment)

    def network(self, usual: str, weights: str | None = None) -> Backbone:
        """The backbone asked for, else the `usual` one, from the weights asked for or given here."""
        torch.manual_seed(seed_of(self.seed, "networks"))
        return make_backbone(self.backbone or usual, weights or self.weights)

    def method_of(self, name: str, cls: type[Method], setup: Setup, options: Mapping[str, Any]) -> Method:
        """The method, its weights averaged where that is asked for."""
        torch.manual_seed(seed_of(self.seed, "method"))
        method = make_method(name, cls, setup, options)
        return method if self.ema is None else WithAverage(method, self.ema)

    def train(
        self,
        method: Method,
        views: Mapping[str, View],
        run: Run,
        fabric: Fabric,
        machine: "Machine",
        *,
        judge: Callable[[Any], Judged] | None = None,
        watch: Callable[[Any, int], None] | None = None,
        store: Path | None = None,
        title: str = "",
    ) -> Trainer:
        """Train a method on its views, with a progress bar where one is wanted; returns the trainer."""
        trainer = Trainer(
            fabric,
            self.steps,
            self.batch_size,
            self.seed,
            run=run,
            checkpoint_every=self.checkpoint_every,
            clip=self.clip,
            augment=self.augment,
            score=judge,
            watch=watch,
            store=store,
        )
        if machine.quiet or not fabric.is_global_zero:
            trainer.fit(method, views)
        else:
            with Progress(title) as trainer.progress:
                trainer.fit(method, views)
        return trainer


@dataclass(frozen=True)
class Machine:
    """Where and how a run is computed; changes no number beyond rounding.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `mps`.
        devices: how many processes.
        strategy: Fabric's name of how they work together.
        data_root: the folder of the data sets.
        tensorboard: whether to log for TensorBoard too.
        quiet: whether to show no progress.
    """

    device: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    data_root: str | None = None
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


def counted(text: str, usual: int, option: str, counts: str) -> dict[str, int]:
    """Names with commas, and how many runs each has: `NAME:N` has N, the others the `usual` number.

    Args:
        text: what was written behind the option.
        usual: how many runs the others have.
        option: its name, for messages.
        counts: the name of the option that gives the usual number.

    Raises:
        LandbridgeError: none are asked for, or what follows a colon is no number.

    >>> counted("svm, full:2", 5, "--method", "--episodes")
    {'svm': 5, 'full': 2}
    """
    if usual < 1:
        raise LandbridgeError(f"{counts} must be at least 1, not {usual}")
    found = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, colon, count = part.partition(":")
        if colon and not (count.isdecimal() and int(count)):
            raise LandbridgeError(f"{option} {part}: after the colon comes a number of {counts.removeprefix('--')}")
        found[name] = int(count or usual)
    return found


def flags(values: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """The words of a command line for all values that are not the usual ones of its options.

    >>> flags({"batch_size": 32, "clip": None, "unlabelled": True, "seed": 0}, {"clip": 1.0, "seed": 0})
    ['--batch-size', '32', '--clip', 'null', '--unlabelled']
    """
    words: list[str] = []
    for name, value in values.items():
        if name not in usual or value != usual[name]:
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, "null" if value is None else str(value)]
    return words


def method_flags(options: Mapping[str, Any], method: str = "") -> list[str]:
    """The words for options of the method; of the one named, where a command takes several.

    >>> method_flags({"weight": 0.3}), method_flags({"weight": 0.3}, "dann")
    (['--method.weight', '0.3'], ['--method.dann.weight', '0.3'])
    """
    prefix = f"--method.{method}." if method else "--method."
    return [word for name, value in options.items() for word in (f"{prefix}{name}", str(value))]


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
    for part in [part for name in names for part in parts_of(name)]:
        entry = entry_of(part)
        if entry is None or entry.download is None:
            continue
        if where is None:
            raise LandbridgeError(f"--download needs a folder for {part}: pass --data-root or set LANDBRIDGE_DATA")
        download: Callable[[Path], None] = resolve(entry.download)
        download(where)
