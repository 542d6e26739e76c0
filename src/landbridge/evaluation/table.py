"""The table of the field: methods side by side on one pair of domains, mean and deviation over seeds."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

from landbridge.core.errors import BadDataError
from landbridge.core.text import percent
from landbridge.evaluation.choosing import Chosen, chosen_among
from landbridge.evaluation.metrics import gap_closed
from landbridge.evaluation.regret import Regret, as_markdown
from landbridge.evaluation.selection import LOWER as LOWER
from landbridge.runs import Result

REFERENCES = ("frozen", "scratch")
"""The ways of fine-tuning that any other must beat; the first that ran is what it is held against."""

METRICS = {
    "target_accuracy": "target accuracy",
    "target_mean_class_accuracy": "target mean class accuracy",
    "target_h_score": "target H-score",
    "target_miou": "target mIoU",
}
"""The headline metrics and how they are called."""

KINDS = {"shared classes": "shared", "private classes": "private", "harmonic mean": "harmonic"}
"""Columns of segmenters whose target has classes of its own, and which mIoU each is."""


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """The interval for the mean of a few seeds by Student's t distribution; None for fewer than two.

    >>> low, high = interval([0.80, 0.82, 0.84]) or (0, 0)
    >>> round(low, 3), round(high, 3), interval([0.8])
    (0.77, 0.87, None)
    """
    if len(values) < 2:
        return None
    half = float(student.ppf(0.5 + confidence / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def apart(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool | None:
    """Whether two intervals have no number in common; None where one of them is unknown.

    >>> apart((0.1, 0.2), (0.3, 0.4)), apart((0.1, 0.3), (0.3, 0.4)), apart(None, (0.3, 0.4))
    (True, False, None)
    """
    return None if a is None or b is None else a[1] < b[0] or b[1] < a[0]


@dataclass(frozen=True)
class Row:
    """One method of a table.

    Attributes:
        method: its name.
        mean: of the headline metric over seeds, in [0, 1]; None where labels are missing.
        deviation: sample standard deviation over seeds; None for a single seed.
        interval: 95 % interval of the mean, by Student's t; None for a single seed.
        values: the headline metric, seed by seed.
        seeds: the seeds, in the same order.
        gap_closed: share of the gap between source-only and the oracle; None where one of them is missing.
        source_accuracy: mean over seeds; None where unknown.
        a_distance: mean proxy A-distance of the features, in [0, 2]; None where unknown.
        train_seconds: mean over seeds.
        protocol: `inductive` or `transductive`.
        selection: the rule that chose the weights.
        oracle: whether the method saw labels that the setting does not give.
        labels: of the target that the method saw: `none`, `30 a class`, or `all`.
        train_accuracy: on the labels shown of the target, mean over seeds; None where the method has none.
        test_accuracy: share of the test examples called rightly, whatever the headline metric is.
        known_accuracy: of an open-set target, mean over its known classes, OS*; None for others.
        unknown_accuracy: of an open-set target, share of the unknown examples that were called so.
        all_accuracy: of an open-set target, mean over its known classes and the unknown one, OS.
        source_miou: of segmenters, mean over seeds; None for others.
        by_kind: of segmenters, the means over shared and private classes by column; empty without private ones.
    """

    method: str
    mean: float | None
    deviation: float | None
    interval: tuple[float, float] | None
    values: list[float | None]
    seeds: list[int]
    gap_closed: float | None
    source_accuracy: float | None
    a_distance: float | None
    train_seconds: float
    protocol: str
    selection: str
    oracle: bool = False
    labels: str = "none"
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    known_accuracy: float | None = None
    unknown_accuracy: float | None = None
    all_accuracy: float | None = None
    source_miou: float | None = None
    by_kind: dict[str, float | None] = field(default_factory=dict)

    @property
    def tuned(self) -> bool:
        """Whether it was fine-tuned on labels of the target."""
        return self.train_accuracy is not None

    @property
    def train_gap(self) -> float | None:
        """Accuracy on the labels shown minus that on the test examples: what was learned by heart."""
        if self.train_accuracy is None or self.test_accuracy is None:
            return None
        return self.train_accuracy - self.test_accuracy

    @property
    def label(self) -> str:
        """The method's name, an oracle marked as such."""
        return f"{self.method} (oracle)" if self.oracle else self.method


@dataclass(frozen=True)
class Table:
    """All methods on one pair of domains, and how the numbers came about.

    Attributes:
        source: name of the source domain.
        target: name of the target domain.
        metric: the headline metric, a key of `METRICS`.
        rows: source-only first, oracles last, the others in the order asked for.
        seeds: every seed that occurs.
        steps: optimiser steps; None where rows differ.
        backbone: name of the network.
        command: the command that does it again.
        versions: of the software.
        unfinished: cells that were asked for and are not there, as `method/seed`.
        notes: what a reader must know.
        chosen: the method that the selection rule chooses, where there is one.
        regrets: what each validator costs, where the runs kept their looks.
        report: path of the report that shows it, if one was written.
        class_set: of segmenters, the classes that every number is a mean over, as `19 classes (Cityscapes)`.
    """

    source: str | None
    target: str
    metric: str
    rows: list[Row]
    seeds: list[int]
    steps: int | None
    backbone: str
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chosen: Chosen | None = None
    regrets: list[Regret] = field(default_factory=list)
    report: str = ""
    class_set: str = ""

    @property
    def measure(self) -> str:
        """The headline metric in words, with the classes that it is a mean over where fields differ in them."""
        return f"{METRICS[self.metric]}, {self.class_set}" if self.class_set else METRICS[self.metric]

    def row(self, method: str) -> Row | None:
        """The row of a method, if it is there."""
        return next((row for row in self.rows if row.method == method), None)

    @property
    def lower(self) -> Row | None:
        """The row without adaptation."""
        return self.row(LOWER)

    @property
    def oracle(self) -> Row | None:
        """The row of the oracle."""
        return next((row for row in self.rows if row.oracle), None)

    @property
    def adapting(self) -> list[Row]:
        """The rows in between."""
        return [row for row in self.rows if not row.oracle and row.method != LOWER and not row.tuned]

    @property
    def tuned(self) -> list[Row]:
        """The rows that were fine-tuned on labels of the target."""
        return [row for row in self.rows if row.tuned]

    @property
    def mixed(self) -> bool:
        """Whether some rows saw labels of the target that others did not."""
        return 0 < len(self.tuned) < len(self.rows)

    def reference(self, method: str) -> Row | None:
        """The row that a way of fine-tuning is held against; None where none of them ran."""
        rows = [self.row(name) for name in REFERENCES if name != method]
        return next((row for row in rows if row), None)

    def columns(self) -> dict[str, list[str]]:
        """What stands beside the headline metric: heading -> a cell a row. Columns without a number are left out."""
        found: dict[str, list[float | None]] = {
            "known classes, OS* (%)": [row.known_accuracy for row in self.rows],
            "unknown (%)": [row.unknown_accuracy for row in self.rows],
            "all, OS (%)": [row.all_accuracy for row in self.rows],
            **{f"{name} (%)": [row.by_kind.get(name) for row in self.rows] for name in KINDS},
            "gap closed (%)": [row.gap_closed for row in self.rows],
            "source accuracy (%)": [row.source_accuracy for row in self.rows],
            "source mIoU (%)": [row.source_miou for row in self.rows],
            "train accuracy (%)": [row.train_accuracy for row in self.rows],
            "train - test (points)": [None if self.mixed else row.train_gap for row in self.rows],
        }
        known = {name: cells for name, cells in found.items() if any(cell is not None for cell in cells)}
        columns = {name: [percent(cell) for cell in cells] for name, cells in known.items()}
        if self.tuned:
            said = {"labels seen": [row.labels for row in self.rows]}
            columns = said | columns
            if len(self.seeds) > 1:
                columns = {"95 % interval": [_between(row.interval) for row in self.rows]} | columns
        return columns

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: value for name, value in asdict(self).items() if name != "report"}

    def to_markdown(self) -> str:
        """A Markdown table, and below it how the numbers came about."""
        columns = self.columns()
        heads = ["method", f"{self.measure} (%)", *columns, "seeds", "training (s)"]
        lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
        for number, row in enumerate(self.rows):
            cells = (row.label, spread(row), *(column[number] for column in columns.values()))
            lines.append(f"| {' | '.join(map(_escape, cells))} | {len(row.seeds)} | {row.train_seconds:.0f} |")
        lines += ["", self.provenance(), ""]
        lines += [self.chosen.text, ""] if self.chosen else []
        return "\n".join(lines) + (f"\n{as_markdown(self.regrets)}" if self.regrets else "")

    def provenance(self) -> str:
        """One line: pair, protocol, selection rule, seeds, steps, backbone, command, versions, and what is missing."""
        parts = [
            f"{self.source} -> {self.target}" if self.source else self.target,
            *self._protocols(),
            f"weights chosen by: {_of(row.selection for row in self.rows)}",
            f"seeds {', '.join(map(str, self.seeds))} (± is the sample standard deviation)"
            if len(self.seeds) > 1
            else f"seed {self.seeds[0]}",
            f"{self.steps} steps" if self.steps is not None else "steps differ between rows",
            f"backbone {self.backbone}",
        ]
        if self.mixed:
            parts.append("fine-tuning sees labels of the target that adaptation does not")
        if any(row.oracle for row in self.rows):
            parts.append("an oracle sees target labels that the other methods do not")
        if self.unfinished:
            parts.append(f"unfinished: {', '.join(self.unfinished)}")
        if self.command:
            parts.append(f"`{self.command}`")
        parts += [f"{name} {version}" for name, version in self.versions.items()]
        return "; ".join([*parts, *self.notes])

    def _protocols(self) -> list[str]:
        """On which examples, and from which labels, in a phrase a kind of row."""
        adapted = [row.protocol for row in self.rows if not row.tuned]
        drawn = {True: "", False: ", drawn by seed"}
        learned = [f"{row.protocol} of the target shown{drawn[row.labels == 'all']}" for row in self.tuned]
        return ([f"{_of(adapted)} protocol"] if adapted else []) + ([_of(learned)] if learned else [])


def make_table(
    results: Sequence[Result],
    methods: Sequence[str] = (),
    *,
    metric: str | None = None,
    command: str = "",
    versions: dict[str, str] | None = None,
    unfinished: Sequence[str] = (),
) -> Table:
    """Gather the runs of one pair of domains.

    Args:
        results: of all methods and seeds, in any order.
        methods: the order of the rows; by default that of `results`.
        metric: the headline metric, a key of `METRICS`; by default the one that the results name in their metrics or
            settings as `headline`, else the accuracy.
        command: what does all of it again.
        versions: of the software; by default those of the first result.
        unfinished: cells asked for that are not there.

    Raises:
        BadDataError: there are no results, or they are of several pairs.
    """
    if not results:
        raise BadDataError("there is no finished run to make a table of")
    pairs = sorted({f"{result.source or 'no source'} -> {result.target}" for result in results})
    if len(pairs) > 1:
        raise BadDataError(f"a table holds one pair of domains, not {len(pairs)}: {', '.join(pairs)}")
    metric = metric or headline(results[0])
    groups: dict[str, list[Result]] = {name: [] for name in methods}
    for result in sorted(results, key=lambda result: result.seed):
        groups.setdefault(result.method, []).append(result)
    found = [group for group in groups.values() if group]
    found.sort(key=lambda group: 2 if group[0].oracle else int(group[0].method != LOWER))
    means = [_mean([result.metrics.get(metric) for result in group]) for group in found]
    low = next((mean for mean, group in zip(means, found) if group[0].method == LOWER), None)
    high = next((mean for mean, group in zip(means, found) if group[0].oracle), None)
    steps = {result.steps for result in results}
    return Table(
        source=results[0].source,
        target=results[0].target,
        metric=metric,
        rows=[_row(group, metric, mean, low, high) for group, mean in zip(found, means)],
        seeds=sorted({result.seed for result in results}),
        steps=steps.pop() if len(steps) == 1 else None,
        backbone=_of(result.backbone for result in results),
        command=command,
        versions=dict(results[0].versions if versions is None else versions),
        unfinished=list(unfinished),
        notes=list(dict.fromkeys(note for result in results for note in result.notes)),
        chosen=chosen_among(found),
        class_set=_of(result.settings["class_set"] for result in results if "class_set" in result.settings),
    )


def headline(result: Result) -> str:
    """The metric that the field reports for a result's target, a key of `METRICS`."""
    named = f"target_{result.metrics.get('headline') or result.settings.get('headline') or 'accuracy'}"
    return named if named in METRICS else "target_accuracy"


def spread(row: Row) -> str:
    """Mean and deviation in percent: `81.5 ± 0.6`; `unknown: no labels` where they are."""
    if row.mean is None:
        return "unknown: no labels"
    return percent(row.mean) if row.deviation is None else f"{percent(row.mean)} ± {percent(row.deviation)}"


def labels_seen(result: Result) -> str:
    """The labels of the target that a method learned from: `none`, `30 a class`, or `all`."""
    if "target_train_accuracy" not in result.metrics:
        return "all" if result.oracle else "none"
    shots = result.settings.get("shots")
    return "all" if shots is None else f"{shots} a class"


def _between(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{percent(max(0.0, ends[0]))} to {percent(min(1.0, ends[1]))}"


def _row(group: Sequence[Result], metric: str, mean: float | None, low: float | None, high: float | None) -> Row:
    values = [result.metrics.get(metric) for result in group]
    known = [value for value in values if value is not None]
    complete = known if mean is not None else []
    tuned = labels_seen(group[0]) != "none" and not group[0].oracle
    return Row(
        method=group[0].method,
        mean=mean,
        deviation=stdev(complete) if len(complete) > 1 else None,
        interval=interval(complete),
        values=values,
        seeds=[result.seed for result in group],
        gap_closed=None if tuned or mean is None or low is None or high is None else gap_closed(mean, low, high),
        source_accuracy=_mean([result.metrics.get("source_accuracy") for result in group]),
        a_distance=_mean([result.metrics.get("a_distance") for result in group]),
        train_seconds=fmean(result.train_seconds for result in group),
        protocol=_of(result.protocol for result in group),
        selection=_of(result.selection for result in group),
        oracle=group[0].oracle,
        labels=labels_seen(group[0]),
        train_accuracy=_mean([result.metrics.get("target_train_accuracy") for result in group]),
        test_accuracy=_mean([result.metrics.get("target_accuracy") for result in group]),
        known_accuracy=_mean([result.metrics.get("target_known_accuracy") for result in group]),
        unknown_accuracy=_mean([result.metrics.get("target_unknown_accuracy") for result in group]),
        all_accuracy=_mean([result.metrics.get("target_all_accuracy") for result in group]),
        source_miou=_mean([result.metrics.get("source_miou") for result in group]),
        by_kind={n: _mean([r.metrics[f"target_{kind}_miou"] for r in group]) for n, kind in KINDS.items()}
        if "target_private_miou" in group[0].metrics
        else {},
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean, or None as soon as one value is unknown."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _of(names: Any) -> str:
    return ", ".join(dict.fromkeys(names))


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")
