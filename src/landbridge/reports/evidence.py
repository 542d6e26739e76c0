"""What a report is made from: the runs behind each model, read from their folders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.evaluation import snapshot
from landbridge.evaluation.regret import read_rows, regrets
from landbridge.evaluation.snapshot import Snapshot
from landbridge.evaluation.table import LOWER, REFERENCES, Table, make_table
from landbridge.runs import Result, Run

Curve = tuple[list[int], list[float]]
"""Steps, and the values at them."""


@dataclass
class Model:
    """One method's finished runs, a seed each.

    Attributes:
        name: what the report calls it.
        results: their numbers.
        logs: the lines of their logs.
        snapshot: features, predictions and images of the first run that kept them.
        seed: of that run.
    """

    name: str
    results: list[Result]
    logs: list[list[dict[str, Any]]]
    snapshot: Snapshot | None
    seed: int

    @classmethod
    def of(cls, name: str, runs: Sequence[Run]) -> "Model":
        """Read finished runs."""
        results = [run.result for run in runs]
        kept = [i for i, run in enumerate(runs) if (run.folder / "snapshot.npz").is_file()]
        taken = snapshot.load(runs[kept[0]].folder / "snapshot.npz") if kept else None
        return cls(name, results, [run.read_log() for run in runs], taken, results[kept[0] if kept else 0].seed)

    @property
    def label(self) -> str:
        """The name, an oracle marked as such."""
        return f"{self.name} (oracle)" if self.results[0].oracle else self.name

    def curves(self, name: str) -> list[Curve]:
        """One curve a seed of what the log holds under `name`; seeds without it are left out."""
        every = [[(row["step"], row["value"]) for row in log if row["name"] == name] for log in self.logs]
        return [([step for step, _ in rows], [value for _, value in rows]) for rows in every if rows]

    @property
    def logged(self) -> list[str]:
        """The names in the log, in order of appearance."""
        return list(dict.fromkeys(row["name"] for log in self.logs for row in log))

    def mean(self, metric: str) -> float | None:
        """A metric's mean over seeds; None where it is unknown."""
        values = [result.metrics.get(metric) for result in self.results]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(values) else None

    def by_class(self) -> list[float | None] | None:
        """Accuracy by class, the mean over seeds; None without labels."""
        every = [result.metrics.get("per_class_accuracy") for result in self.results]
        if not every or any(not values for values in every):
            return None
        return [None if None in values else sum(values) / len(values) for values in zip(*every)]

    def confusion(self) -> list[list[int]] | None:
        """Examples of class i called class j, added up over seeds; None without labels."""
        every = [result.metrics.get("confusion") for result in self.results]
        if not every or any(not matrix for matrix in every):
            return None
        return [[sum(cells) for cells in zip(*rows)] for rows in zip(*every)]


@dataclass
class Evidence:
    """All that a report shows.

    Attributes:
        table: the methods side by side.
        after: the model that the pictures are about.
        before: the same network without adaptation, if it was trained.
        confused: domains confused without the label loss, as an illustration.
        folder: where the report goes.
        command: what does all of it again.
        comparison: whether this is a comparison of methods.
        title: a title of one's own.
        tuned: every fine-tuned model, in the order of the table.
    """

    table: Table
    after: Model
    before: Model | None
    folder: Path
    confused: Model | None = None
    command: str = ""
    comparison: bool = False
    title: str = ""
    tuned: list[Model] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        named = self.after.results[0].settings.get("classes") or []
        taken = self.after.snapshot or {}
        numbers = [values for key, values in taken.items() if key.endswith(("_label", "_predicted")) and values.size]
        count = len(self.after.by_class() or []) or 1 + max((int(values.max()) for values in numbers), default=-1)
        self.classes = [str(name) for name in named] or [str(number) for number in range(count)]


def of_run(run: Run) -> Evidence:
    """What a run folder holds, its baseline included.

    Raises:
        MissingDataError: the run is not finished.
    """
    result = run.result
    before = None
    if (run.folder / "baseline" / "config.yaml").is_file():
        baseline = Run.open(run.folder / "baseline")
        before = Model.of(LOWER, [baseline]) if baseline.finished else None
    after = Model.of(result.method, [run])
    unfinished = ["baseline"] if before is None and (run.folder / "baseline").is_dir() else []
    results = [*(before.results if before else []), result]
    table = make_table(results, command=result.command, versions=result.versions, unfinished=unfinished)
    tuned = [after] if table.tuned else []
    return Evidence(table, after, before, run.folder, command=result.command, tuned=tuned)


def of_comparison(folder: Path) -> Evidence:
    """What a comparison folder holds: the cells that are finished, and the names of those that are not.

    Raises:
        MissingDataError: there is no comparison, or none of its cells is finished.
        BadDataError: `comparison.json` cannot be read.
    """
    plan = _read_plan(folder)
    found: dict[str, list[Run]] = {}
    unfinished = []
    for method in plan["methods"]:
        for seed in plan["seeds"][method]:
            run = _finished(folder / "cells" / method / str(seed))
            if run is None:
                unfinished.append(f"{method}/{seed}")
            else:
                found.setdefault(method, []).append(run)
    if not found:
        raise MissingDataError(f"no cell of {folder} is finished yet: run the comparison again to go on with it")
    models = {method: Model.of(method, runs) for method, runs in found.items()}
    table = make_table(
        [result for model in models.values() for result in model.results],
        plan["methods"],
        command=str(plan.get("command", "")),
        versions=plan.get("versions") or None,
        unfinished=unfinished,
        metric=plan.get("metric"),
    )
    looks = read_rows(folder)
    table = replace(table, regrets=regrets(looks) if looks else [])
    illustration = _finished(folder / "illustration")
    confused = Model.of("domains confused, labels ignored", [illustration]) if illustration else None
    after = _shown(table, models)
    tuned = [models[row.method] for row in table.tuned]
    held = table.reference(after.name) if after in tuned else table.lower
    before = models[held.method] if held and held.method != after.name else None
    title = str(plan.get("title") or "")
    return Evidence(table, after, before, folder, confused, table.command, True, title, tuned)


def _shown(table: Table, models: dict[str, Model]) -> Model:
    """The model that the pictures are about: the first that plays the adversarial game, else the last that adapts.

    Where none adapts, it is the first that moves a copied network. Test labels have no say in it.
    """
    moving = [models[row.method] for row in table.tuned if row.method not in REFERENCES]
    if moving and not table.adapting:
        return moving[0]
    adapting = [models[row.method] for row in table.adapting] or list(models.values())
    return next((model for model in adapting if model.curves("domain_accuracy")), adapting[-1])


def _finished(folder: Path) -> Run | None:
    if not (folder / "config.yaml").is_file():
        return None
    run = Run.open(folder)
    return run if run.finished else None


def _read_plan(folder: Path) -> dict[str, Any]:
    path = folder / "comparison.json"
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingDataError(f"no comparison in {folder}: it has no comparison.json") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadDataError(f"{path} is not readable JSON") from error
    if not isinstance(plan, dict) or not {"methods", "seeds"} <= set(plan):
        raise BadDataError(f"{path} does not name the methods and seeds of a comparison")
    return plan
