"""Which layers transfer: accuracy on the target over the number of layer groups that were copied from the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.study import Estimate, read_plan
from landbridge.evaluation.table import METRICS, headline
from landbridge.finetuning.copying import ENDS, MODES, Copying, copyings
from landbridge.runs import Result, Run

PLAN = "depth.json"
"""The file that says what a folder's table is of."""


TOLERANCE = 0.01
"""What layers may cost that cannot move and still count as general, and what differs at all between single seeds."""


def deviation(figure: Estimate) -> float | None:
    """Sample standard deviation over seeds; None for one."""
    return stdev(figure.values.values()) if len(figure.values) > 1 else None


def spread(figure: Estimate) -> str:
    """In percent: mean, deviation and interval.

    >>> spread(Estimate.of({0: 0.80, 1: 0.82, 2: 0.84}))
    '82.0 ± 2.0 (77.0 to 87.0)'
    """
    if figure.interval is None:
        return percent(figure.mean)
    low, high = map(percent, figure.interval)
    return f"{percent(figure.mean)} ± {percent(deviation(figure))} ({low} to {high})"


def clear(difference: Estimate) -> bool:
    """Whether the interval of a difference leaves out 0; of one seed, whether it is a point away from 0.

    >>> clear(Estimate.of({0: 0.02, 1: 0.03})), clear(Estimate.of({0: 0.03}))
    (False, True)
    """
    between = difference.interval
    return abs(difference.mean) > TOLERANCE if between is None else between[0] > 0 or between[1] < 0


class Valley(NamedTuple):
    """Where frozen accuracy falls and rises again with more groups.

    Attributes:
        copied: how many groups, at the bottom.
        fall: from the lower of its two shoulders.
    """

    copied: int
    fall: Estimate


@dataclass(frozen=True)
class DepthTable:
    """Accuracy on the target over copied layer groups.

    Attributes:
        figures: by name of the copying, of those cells that are finished.
        source: accuracy of the source networks on the source's own test part; None where it is unknown.
        metric: the headline metric, a key of `METRICS`.
        unfinished: cells that are not there yet.
        notes: what a reader must know.
        plan: what was asked, as the folder has it.
        folder: where it stands.
    """

    figures: Mapping[str, Estimate]
    source: Estimate | None
    metric: str
    unfinished: int
    notes: Sequence[str]
    plan: Mapping[str, Any]
    folder: Path

    @property
    def title(self) -> str:
        """From where to where."""
        return f"{self.plan['source'] or 'given weights'} to {self.plan['target']}"

    @property
    def groups(self) -> list[str]:
        """The layer groups of the network, from the input up."""
        return list(self.plan["groups"])

    @property
    def depths(self) -> list[int]:
        """The numbers of copied groups, ascending."""
        return list(self.plan["depths"])

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(end, mode) of the curves."""
        return [(end, mode) for end in self.plan["ends"] for mode in self.plan["modes"]]

    @property
    def scratch(self) -> Estimate | None:
        """Nothing copied."""
        return self.figures.get("scratch")

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.folder / "report.html"

    def figure(self, end: str, count: int, mode: str) -> Estimate | None:
        """The accuracy with so many groups of an end copied."""
        return self.figures.get(Copying(end, count, mode, len(self.groups)).name)

    def curve(self, end: str, mode: str) -> dict[int, Estimate]:
        """Accuracy by copied groups, finished cells only."""
        found = {count: self.figure(end, count, mode) for count in self.depths}
        return {count: figure for count, figure in found.items() if figure is not None}

    def first_minus_last(self, mode: str) -> Estimate | None:
        """Mean over n of (the first n copied) - (the last n copied), seed by seed, where the two differ."""
        if set(self.plan["ends"]) != set(ENDS):
            return None
        first, last = self.curve("first", mode), self.curve("last", mode)
        differences = [first[n].minus(last[n]) for n in first if n in last and 0 < n < len(self.groups)]
        known = [difference.values for difference in differences if difference]
        seeds = set[int].intersection(*map(set, known)) if known else set()
        return Estimate.of({seed: fmean(values[seed] for values in known) for seed in sorted(seeds)}) if seeds else None

    def frozen_minus_tuned(self, end: str) -> dict[int, Estimate]:
        """By copied groups, what it costs that they cannot move; negative where it costs."""
        if set(self.plan["modes"]) != set(MODES):
            return {}
        frozen, tuned = self.curve(end, "frozen"), self.curve(end, "tuned")
        found = {n: frozen[n].minus(tuned[n]) for n in frozen if n in tuned and n > 0}
        return {n: difference for n, difference in found.items() if difference}

    def general(self, end: str) -> int | None:
        """The most groups of an end that frozen cost no more than a point, fewer ones too; None if unknown."""
        costs, most = self.frozen_minus_tuned(end), 0
        for count, cost in costs.items():
            if cost.mean < -TOLERANCE:
                break
            most = count
        return most if costs else None

    def valley(self, end: str) -> Valley | None:
        """The deepest place of the frozen curve that has higher ones on both sides; None where there is none."""
        curve = self.curve(end, "frozen") if "frozen" in self.plan["modes"] else {}
        found = []
        for count, figure in curve.items():
            sides = [[curve[n] for n in curve if n < count], [curve[n] for n in curve if n > count]]
            if all(sides):
                shoulder = min((max(side, key=_mean) for side in sides), key=_mean)
                fall = shoulder.minus(figure)
                found += [Valley(count, fall)] if fall and fall.mean > 0 else []
        return max(found, key=lambda valley: valley.fall.mean, default=None)

    def best(self) -> tuple[Copying, Estimate]:
        """The copying with the highest mean, and that; of equals the one that copies less."""
        total = len(self.groups)
        every = [Copying(end, count, mode, total) for count in self.depths for end, mode in self.lines]
        known = [copying for copying in every if copying.name in self.figures]
        best = max(known, key=lambda copying: self.figures[copying.name].mean)
        return best, self.figures[best.name]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            {"end": end, "copied": count, "mode": mode, **_plain(figure)}
            for end, mode in self.lines
            for count, figure in self.curve(end, mode).items()
        ]
        return {
            **self.plan,
            "metric": self.metric,
            "source_accuracy": _plain(self.source) if self.source else None,
            "rows": rows,
            "unfinished": self.unfinished,
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """A Markdown table, and below it how the numbers came about."""
        heads = [f"{end} {mode}, {METRICS[self.metric]} (%)" for end, mode in self.lines]
        lines = ["| copied groups | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
        for count in self.depths:
            found = [self.figure(end, count, mode) for end, mode in self.lines]
            lines.append("| " + " | ".join([self.said(count), *(spread(f) if f else "-" for f in found)]) + " |")
        return "\n".join([*lines, "", self.provenance(), ""])

    def said(self, count: int) -> str:
        """So many groups, in words."""
        extra = {0: ", from scratch", len(self.groups): ", all"}.get(count, "")
        return f"{count} of {len(self.groups)}{extra}"

    def provenance(self) -> str:
        """One line: domains, labels, network, selection, seeds, command, versions."""
        plan, settings = self.plan, self.plan["settings"]
        seeds = ", ".join(map(str, plan["seeds"]))
        several = " (± is the sample standard deviation; 95 % intervals by Student's t)"
        labels = "all labels" if settings["shots"] is None else f"{settings['shots']} labels a class"
        reached = "" if self.source is None else f", where it reaches {spread(self.source)} %"
        parts = [
            f"{plan['source']} (all labels{reached}) -> {plan['target']} ({labels})"
            if plan["source"]
            else f"weights {settings['weights']} -> {plan['target']} ({labels})",
            f"backbone {plan['backbone']}, groups {', '.join(self.groups)}",
            "what is not copied begins at random, and so does the head",
            f"{settings['steps']} steps, selection: the last one",
            f"seeds {seeds}{several}" if len(plan["seeds"]) > 1 else f"seed {seeds}",
        ]
        parts += [f"{self.unfinished} cells unfinished"] if self.unfinished else []
        parts += [f"`{plan['command']}`", *(f"{name} {version}" for name, version in plan["versions"].items())]
        return "; ".join([*parts, *self.notes])


def _mean(figure: Estimate) -> float:
    return figure.mean


def _plain(figure: Estimate) -> dict[str, Any]:
    return {"mean": figure.mean, "deviation": deviation(figure), "interval": figure.interval, "values": figure.values}


def read_depths(folder: Path) -> DepthTable:
    """Gather what the finished cells of a folder say.

    Raises:
        MissingDataError: there is no table, or none of the cells is finished.
        BadDataError: the plan cannot be read.
    """
    path = Path(folder) / PLAN
    plan = read_plan(path, "table over copied layers")
    if not {"source", "target", "groups", "depths", "ends", "modes", "seeds", "settings"} <= set(plan):
        raise BadDataError(f"{path} does not say what was copied from where")
    found = {copying.name: _results(path.parent / "cells" / copying.name, plan) for copying in copyings(plan)}
    results = [result for some in found.values() for result in some]
    if not results:
        raise MissingDataError(f"none of the cells in {folder} is finished yet")
    metric = headline(results[0])
    figures = {name: _figure(some, metric) for name, some in found.items()}
    return DepthTable(
        figures={name: figure for name, figure in figures.items() if figure},
        source=_figure(_results(path.parent / "source", plan), "target_accuracy"),
        metric=metric,
        unfinished=len(found) * len(plan["seeds"]) - len(results),
        notes=list(dict.fromkeys(note for result in results for note in result.notes)),
        plan=plan,
        folder=path.parent,
    )


def _results(folder: Path, plan: Mapping[str, Any]) -> list[Result]:
    """The finished runs below a folder, one a seed."""
    places = [folder / str(seed) for seed in plan["seeds"]]
    return [Run.open(place).result for place in places if (place / "metrics.json").is_file()]


def _figure(results: Sequence[Result], metric: str) -> Estimate | None:
    values = {result.seed: result.metrics[metric] for result in results if result.metrics.get(metric) is not None}
    return Estimate.of(values) if values else None
