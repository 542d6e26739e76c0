"""The cells of a comparison of several tasks: each mode, task and seed, from names to a finished run folder."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from landbridge.api._recipe import Machine, Recipe
from landbridge.core.errors import LandbridgeError, RunFolderError, UnknownNameError
from landbridge.core.files import write_json
from landbridge.core.processes import barrier, run_all
from landbridge.core.registry import nearest
from landbridge.data.batches import IN_MEMORY, seed_of
from landbridge.data.domain import Domain, View
from landbridge.data.tasks import Asked, draw, task_domain
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import mean_average_precision, score, variance_explained
from landbridge.multitask import WEIGHTINGS
from landbridge.multitask.multitask import Multitask, Order, make_setups
from landbridge.multitask.table import MODES, PLAN, MultitaskTable, cells_of, read_plan
from landbridge.multitask.tasks import Task, task_of
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.models import Classifier
from landbridge.reports.multitask import write_multitask_report
from landbridge.runs import Result, Run, versions


@dataclass(frozen=True, kw_only=True)
class Learning(Recipe):
    """All that the numbers of a cell are a function of; it is what its `config.yaml` holds.

    Attributes are the arguments of `landbridge.api.multitask`, see there; and:
        tasks: as the user wrote them.
        mode: a key of `MODES`.
        task: which one is measured; None for all, as `joint` does.
    """

    tasks: list[str]
    mode: str = "joint"
    task: str | None = None
    shots: str | None = None
    weighting: str = "fixed"
    task_weights: str | None = None
    alpha: float = 1.5
    head: str = "own"
    width: int = 256
    encoder_lr_ratio: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        WEIGHTINGS[self.weighting]
        if self.weighting == "pcgrad" and self.precision == "16-mixed":
            raise LandbridgeError("pcgrad combines gradients as they are: take --precision bf16-mixed or 32-true")

    @functools.cached_property
    def asked(self) -> dict[str, Asked]:
        """The tasks by name.

        Raises:
            LandbridgeError: fewer than two, or two of one name.
        """
        asked = [Asked.parse(text) for text in self.tasks]
        names = [task.name for task in asked]
        if len(names) < 2:
            raise LandbridgeError(
                "multitask takes two tasks at least, as in: landbridge multitask class=pacs/all style=pacs/style"
            )
        for name in names:
            if names.count(name) > 1:
                raise LandbridgeError(f"two tasks are called '{name}': name them, as in NAME=DOMAIN")
        return dict(zip(names, asked))

    @property
    def order(self) -> Order:
        """The phases of the cell's mode."""
        names = list(self.asked)
        if self.task is None:
            return [names]
        others = [name for name in names if name != self.task]
        return [others, [self.task]] if self.mode == "sequential" else [[self.task]]

    def shown(self) -> dict[str, int]:
        """Labelled examples a class, by task; all where none are named."""
        return {name: _whole("--shots", text) for name, text in by_task("--shots", self.shots, self.asked).items()}

    def factors(self) -> dict[str, float]:
        """Factors of the losses, by task."""
        given = by_task("--task-weights", self.task_weights, self.asked)
        return {name: _number("--task-weights", text) for name, text in given.items()}

    def encoders(self, domains: Mapping[str, Domain]) -> dict[str, Backbone]:
        """The encoder of each task; equal names and weights are one network."""
        specs = by_task("--backbone", self.backbone, self.asked)
        weights = by_task("--weights", self.weights, self.asked)
        torch.manual_seed(seed_of(self.seed, "networks"))
        made: dict[tuple[str, str | None], Backbone] = {}
        found = {}
        for name, domain in domains.items():
            key = (specs.get(name, domain.backbone), weights.get(name))
            if key not in made:
                made[key] = make_backbone(*key)
            found[name] = made[key]
        return found


def by_task(option: str, text: str | None, names: Mapping[str, Any]) -> dict[str, str]:
    """What an option says for each task: one value for all, or `NAME:VALUE,NAME:VALUE` for those named.

    Raises:
        UnknownNameError: a name that no task has.

    >>> by_task("--shots", "spoken:5", {"spoken": 0, "written": 0}), by_task("--shots", "7", {"a": 0})
    ({'spoken': '5'}, {'a': '7'})
    """
    if text is None:
        return {}
    known = "|".join(map(re.escape, names))
    pieces = re.split(rf"(?:^|,)({known}):", text)
    values = dict(zip(pieces[1::2], pieces[2::2])) or dict.fromkeys(names, text)
    for value in [pieces[0], *values.values()]:
        for word in re.findall(r"(?:^|,)([\w-]+):", value):
            if find_spec(word) is None:  # `package:make` names one's own network
                hint = nearest(word, names) or f"; the tasks are: {', '.join(names)}"
                raise UnknownNameError(f"{option} {text}: no task is called '{word}'{hint}")
    if len(pieces) > 1 and pieces[0]:
        raise LandbridgeError(f"{option} {text}: say NAME:VALUE for each task, or one value for all")
    return values


def _whole(option: str, text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise LandbridgeError(f"{option} takes whole numbers of at least 1, as in 10 or NAME:10, not '{text}'")
    return int(text)


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise LandbridgeError(f"{option} takes numbers, as in NAME:0.5, not '{text}'") from None


@functools.lru_cache(maxsize=8)
def _ready(asked: Asked, root: str | None, size: tuple[int, int] | None, unreadable: float) -> Domain:
    return task_domain(asked, root).prepared(size, memory=IN_MEMORY, tolerance=unreadable)


def learn_cell(settings: Learning, folder: Path, machine: Machine, store: Path | None = None, title: str = "") -> Run:
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
    domains, views, held, method = _prepare(settings, machine.data_root)
    fabric = machine.fabric(settings.precision, folder)
    run = Run(folder, asdict(settings))
    if run.finished:
        return run
    # Phases share the trainer's steps, so that a task has `steps` batches in each phase.
    longer = replace(settings, steps=settings.steps * len(settings.order))
    trainer = longer.train(method, views, run, fabric, machine, store=store, title=title)
    if fabric.is_global_zero:
        names = list(settings.asked) if settings.task is None else [settings.task]
        models = {name: model for name, model in method.models().items() if name in names}
        for name, model in models.items():
            model.save(run.folder / "models" / name)
        run.finish(
            Result(
                method=settings.mode,
                source=None,
                target=settings.task or "+".join(names),
                backbone=", ".join(dict.fromkeys(setup.backbone.name for setup in method.setups.values())),
                protocol="inductive",
                selection="last",
                seed=settings.seed,
                steps=settings.steps,
                device=str(fabric.device),
                train_seconds=round(trainer.seconds, 2),
                metrics={name: measured(model.eval(), held[name]) for name, model in models.items()},
                settings={name: value for name, value in asdict(settings).items() if name not in ("seed", "steps")},
                notes=[f"{domain.name}: {domain.note}" for domain in domains.values() if domain.note],
            )
        )
        run.drop_checkpoint()
    barrier()
    return run


Prepared = tuple[dict[str, Domain], dict[str, View], dict[str, View], Multitask]


def _prepare(settings: Learning, root: str | None) -> Prepared:
    """The domains, what is shown and held of each, and the method."""
    loaded = {name: task_domain(asked, root) for name, asked in settings.asked.items()}
    encoders, shots = settings.encoders(loaded), settings.shown()
    domains = {
        name: _ready(asked, root, encoders[name].preprocessing.size, settings.unreadable)
        for name, asked in settings.asked.items()
    }
    if settings.head == "shared":
        first = next(iter(domains.values()))
        same = {name for name, domain in domains.items() if set(domain.classes) == set(first.classes)}
        domains = {name: d.with_classes(first.classes) if name in same else d for name, d in domains.items()}
    views, held, tasks = dict[str, View](), dict[str, View](), dict[str, Task]()
    for name, domain in domains.items():
        views[name], held[name] = draw(domain, shots.get(name), settings.seed)
        tasks[name] = task_of(name, views[name])
    torch.manual_seed(seed_of(settings.seed, "method"))
    rates = {"rate": settings.rate, "momentum": settings.momentum, "weight_decay": settings.weight_decay}
    method = Multitask(
        make_setups(tasks, encoders, head=settings.head, width=settings.width, **rates),
        tasks,
        settings.order,
        weighting=settings.weighting,
        weights=settings.factors(),
        alpha=settings.alpha,
        encoder_lr_ratio=settings.encoder_lr_ratio,
    )
    return domains, views, held, method


def measured(model: Classifier, view: View) -> dict[str, Any]:
    """Open the seal: the metrics of a task, by its kind."""
    answers = predict(model, view)
    if model.answers == "several":
        mean, by_class = mean_average_precision(answers, view)
        return {"mean_average_precision": mean, "by_class": by_class, "examples": len(view)}
    if model.answers == "numbers":
        explained, error = variance_explained(answers, view)
        return {"variance_explained": explained, "mean_absolute_error": error, "examples": len(view)}
    found = score(answers, view)
    metrics = {"accuracy": found.accuracy, "mean_class_accuracy": found.mean_class_accuracy}
    return metrics | {"by_class": found.per_class_accuracy, "examples": len(view)}


def run_multitask(
    folder: Path, first: Learning, modes: Sequence[str], seeds: int, command: str, machine: Machine, jobs: int
) -> MultitaskTable:
    """Compute all cells that are not finished, and write table and report.

    Args:
        folder: where the comparison stands.
        first: the settings that all cells share.
        modes: keys of `MODES`.
        seeds: how many, from 0 on.
        command: the command line that does it again.
        machine: on what.
        jobs: cells computed side by side.
    """
    for mode in modes:
        if mode not in MODES:
            hint = nearest(mode, MODES) or f"; known: {', '.join(MODES)}"
            raise UnknownNameError(f"--modes: unknown mode '{mode}'{hint}")
    if not modes:
        raise LandbridgeError(f"--modes names none of {', '.join(MODES)}")
    if seeds < 1:
        raise LandbridgeError(f"--seeds must be at least 1, not {seeds}")
    domains, views, held, method = _prepare(first, machine.data_root)
    settings = {name: value for name, value in asdict(first).items() if name not in ("mode", "task", "seed")}
    plan = {
        "tasks": [
            _described(name, method.tasks[name], domains[name], views[name], held[name], first) for name in domains
        ],
        "networks": {name: setup.backbone.name for name, setup in method.setups.items()},
        "modes": list(modes),
        "seeds": list(range(seeds)),
        "settings": settings,
        "command": command,
        "versions": versions(),
    }
    _claim(folder, plan)
    write_json(folder / PLAN, plan)
    cells = [
        (replace(first, mode=mode, task=task, seed=seed), path) for path, mode, task, seed in cells_of(folder, plan)
    ]
    still = [(cell, path) for cell, path in cells if not (path / "metrics.json").is_file()]
    titles = [
        f"[{number}/{len(still)}] {cell.mode} {cell.task or ''} seed {cell.seed}"
        for number, (cell, _) in enumerate(still, 1)
    ]
    store = folder / "cells" / ".phases"
    run_all([functools.partial(learn_cell, *cell, machine, store, title) for cell, title in zip(still, titles)], jobs)
    return write_multitask_report(folder)


def _described(name: str, task: Task, domain: Domain, shown: View, held: View, settings: Learning) -> dict[str, Any]:
    metric = {"several": "mean_average_precision", "numbers": "variance_explained"}.get(task.answers, domain.headline)
    skipped = f"{len(domain.skipped)} unreadable files were skipped" if domain.skipped else ""
    return {
        "name": name,
        "domain": domain.name,
        "answers": task.answers,
        "classes": list(task.classes),
        "metric": metric,
        "shots": settings.shown().get(name),
        "train": len(shown),
        "test": len(held),
        "note": "; ".join(filter(None, [domain.note, skipped])),
    }


def _claim(folder: Path, plan: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else."""
    if (folder / PLAN).is_file():
        there = read_plan(folder)
        for name, value in plan["settings"].items():
            if there["settings"].get(name) != value:
                raise RunFolderError(
                    f"{folder} holds another comparison of tasks (--{name.replace('_', '-')} "
                    f"{there['settings'].get(name)}, not {value}): choose another --out"
                )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunFolderError(f"{folder} is not empty and holds no comparison of tasks: choose another --out")
