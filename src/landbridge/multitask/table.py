"""The table of several tasks: joint, separate and sequential side by side, and what the difference is worth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.table import apart, interval

PLAN = "multitask.json"
"""The file that says what a folder's table is of."""

MODES = {
    "joint": "all tasks at once",
    "separate": "each task alone",
    "sequential": "the other tasks first, then this one",
}
"""The ways of learning several tasks, in the order of the columns. In each, a task has equally many batches."""

METRICS = {
    "accuracy": "accuracy",
    "mean_class_accuracy": "class-averaged accuracy",
    "mean_average_precision": "mean average precision",
    "variance_explained": "variance explained, R²",
}
"""What a task may be measured by, and how people call it."""


@dataclass(frozen=True)
class Figure:
    """A metric, or a difference of two, over seeds.

    Attributes:
        mean: as a share.
        deviation: sample standard deviation; None for a single seed.
        interval: 95 % interval of the mean, by Student's t; None for a single seed.
        values: by seed.
    """

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    values: dict[int, float]

    @classmethod
    def of(cls, values: Mapping[int, float]) -> "Figure":
        """That of some seeds, one at least."""
        every = list(values.values())
        return cls(fmean(every), stdev(every) if len(every) > 1 else None, interval(every), dict(values))

    @property
    def text(self) -> str:
        """In percent, as tables have it.

        >>> Figure.of({0: 0.8, 1: 0.9}).text
        '85.0 ± 7.1 [21.5, 148.5]'
        """
        if self.deviation is None or self.interval is None:
            return percent(self.mean)
        low, high = self.interval
        return f"{percent(self.mean)} ± {percent(self.deviation)} [{percent(low)}, {percent(high)}]"


@dataclass(frozen=True)
class Row:
    """One task.

    Attributes:
        name: of the task.
        about: `domain`, `answers`, `classes`, `metric`, `shots`, `train`, `test`, `note`.
        figures: by mode; those without a finished cell are left out.
    """

    name: str
    about: Mapping[str, Any]
    figures: Mapping[str, Figure]

    @property
    def metric(self) -> str:
        """What it is measured by, as people call it."""
        return METRICS[self.about["metric"]]

    def difference(self, mode: str, other: str) -> Figure | None:
        """What one mode has over another, seed by seed: equal seeds share labels shown and weights at the start."""
        if mode not in self.figures or other not in self.figures:
            return None
        ours, theirs = self.figures[mode].values, self.figures[other].values
        paired = {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}
        return Figure.of(paired) if paired else None

    def verdict(self, mode: str, other: str) -> str:
        """One sentence on two modes; empty where one is not there."""
        found = self.difference(mode, other)
        if found is None:
            return ""
        points = 100 * found.mean
        level = "level with" if abs(points) < 0.05 else "above" if points > 0 else "below"
        by = "" if level == "level with" else f" by {abs(points):.1f} points"
        text = f"{self.name}: {mode} is {level} {other}{by}"
        if found.interval is None:
            return f"{text} (one seed, so no interval)."
        low, high = (100 * end for end in found.interval)
        sure = "without 0" if low > 0 or high < 0 else "0 lies within: it may be chance"
        own = apart(self.figures[mode].interval, self.figures[other].interval)
        return (
            f"{text}; the 95 % interval of the difference, seed by seed, is {low:+.1f} to {high:+.1f} ({sure}); "
            f"their own intervals {'lie apart' if own else 'overlap'}."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        figures = {mode: asdict(figure) for mode, figure in self.figures.items()}
        over = {other: self.difference("joint", other) for other in MODES if other != "joint"}
        differences = {f"joint - {other}": asdict(found) for other, found in over.items() if found}
        return {"name": self.name, **self.about, "figures": figures, "differences": differences}


@dataclass(frozen=True)
class MultitaskTable:
    """All tasks and modes, and how the numbers came about.

    Attributes:
        rows: one a task.
        plan: what `multitask.json` holds.
        folder: where it stands.
        unfinished: cells that are not there yet.
    """

    rows: list[Row]
    plan: Mapping[str, Any]
    folder: Path
    unfinished: int

    @property
    def modes(self) -> list[str]:
        """Those of which anything is finished."""
        return [mode for mode in MODES if any(mode in row.figures for row in self.rows)]

    @property
    def report(self) -> str:
        """The path of the report."""
        return str(self.folder / "report.html")

    def verdicts(self) -> list[str]:
        """A sentence on each task: joint against the others."""
        pairs = [("joint", "separate"), ("joint", "sequential")]
        return [text for row in self.rows for pair in pairs if (text := row.verdict(*pair))]

    def row(self, name: str) -> Row:
        """The row of a task."""
        return next(row for row in self.rows if row.name == name)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        plan = {name: value for name, value in self.plan.items() if name != "tasks"}
        return {"rows": [row.to_json() for row in self.rows], **plan, "unfinished": self.unfinished}

    def to_markdown(self) -> str:
        """A Markdown table, the verdicts, and how the numbers came about."""
        lines = [
            f"| task | labelled | metric (%) |{''.join(f' {mode} |' for mode in self.modes)}",
            f"| --- | ---: | --- |{' ---: |' * len(self.modes)}",
        ]
        for row in self.rows:
            figures = [row.figures[mode].text if mode in row.figures else "-" for mode in self.modes]
            lines.append(f"| {' | '.join([row.name, format(row.about['train'], ','), row.metric, *figures])} |")
        return "\n".join([*lines, "", *self.verdicts(), "", self.provenance(), ""])

    def provenance(self) -> str:
        """One line: tasks, network, weighting, steps, selection rule, seeds, command, versions, what is missing."""
        settings, seeds = self.plan["settings"], self.plan["seeds"]
        parts = [f"{row.name} is {row.about['domain']}, {said(row)}" for row in self.rows]
        networks = ", ".join(dict.fromkeys(self.plan["networks"].values()))
        parts += [f"network {networks}", f"weighting {settings['weighting']}", f"head {settings['head']}"]
        parts += [f"{settings['steps']} batches of {settings['batch_size']} a task and phase"]
        parts += ["weights of the last step"]
        parts += ["; ".join(f"{mode}: {MODES[mode]}" for mode in self.modes)]
        many = f"seeds {', '.join(map(str, seeds))} (± is the sample standard deviation, brackets the 95 % interval)"
        parts += [many if len(seeds) > 1 else f"seed {seeds[0]}"]
        parts += [f"{self.unfinished} cells unfinished"] if self.unfinished else []
        parts += [f"{row.about['domain']}: {row.about['note']}" for row in self.rows if row.about["note"]]
        versions = (f"{name} {version}" for name, version in self.plan["versions"].items())
        return "; ".join([*parts, f"`{self.plan['command']}`", *versions])


def said(row: Row) -> str:
    """How many labels of a task are shown, in words."""
    shots, train = row.about["shots"], row.about["train"]
    if shots is None:
        return f"all {train:,} labels of its training part"
    return f"{shots} labelled examples a class" if row.about["answers"] == "one" else f"{shots} labelled examples"


def read_plan(folder: Path) -> dict[str, Any]:
    """What the table of a folder is of.

    Raises:
        MissingDataError: there is none.
        BadDataError: it cannot be read.
    """
    return _read(Path(folder) / PLAN, {"tasks", "modes", "seeds", "settings"})


def read_table(folder: Path) -> MultitaskTable:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or none of its cells is finished.
        BadDataError: a file cannot be read.
    """
    plan, folder, unfinished = read_plan(folder), Path(folder), 0
    found: dict[tuple[str, str], dict[int, float]] = {}
    for path, mode, task, seed in cells_of(folder, plan):
        if not (path / "metrics.json").is_file():
            unfinished += 1
            continue
        metrics = _read(path / "metrics.json", {"metrics"})["metrics"]
        for about in plan["tasks"]:
            if task in (None, about["name"]):
                found.setdefault((about["name"], mode), {})[seed] = metrics[about["name"]][about["metric"]]
    if not found:
        raise MissingDataError(f"no cell of {folder} is finished yet: run the command again to go on with it")
    rows = [
        Row(
            about["name"],
            {name: value for name, value in about.items() if name != "name"},
            {mode: Figure.of(found[about["name"], mode]) for mode in plan["modes"] if (about["name"], mode) in found},
        )
        for about in plan["tasks"]
    ]
    return MultitaskTable(rows, plan, folder, unfinished)


def cells_of(folder: Path, plan: Mapping[str, Any]) -> Sequence[tuple[Path, str, str | None, int]]:
    """All cells: (folder, mode, the task that it measures or None for all, seed), the quickest to tell of first."""
    tasks = [about["name"] for about in plan["tasks"]]
    return [
        (folder / "cells" / mode / (task or "") / str(seed), mode, task, seed)
        for seed in plan["seeds"]
        for mode in MODES
        if mode in plan["modes"]
        for task in ([None] if mode == "joint" else tasks)
    ]


def _read(path: Path, needed: set[str]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingDataError(f"no table of tasks in {path.parent}: it has no {path.name}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadDataError(f"{path} is not readable JSON") from error
    if not isinstance(found, dict) or not needed <= set(found):
        raise BadDataError(f"{path} does not have all of {', '.join(sorted(needed))}")
    return found
