"""How much accuracy a validator costs: studies of runs that kept their looks, and only here are they measured."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import spearmanr

from landbridge.core.errors import BadDataError
from landbridge.core.files import write_json
from landbridge.data.domain import View
from landbridge.evaluation.looks import read_looks
from landbridge.evaluation.metrics import score
from landbridge.evaluation.selection import LOWER, Candidate, choose
from landbridge.evaluation.validators import VALIDATORS

FILE = "looks.json"
"""Where a run keeps what was found at its looks."""

LAST = "last"
"""The rule that looks at nothing: the last step of a run."""


@dataclass(frozen=True)
class Row:
    """A model at a step, and how good it truly is.

    Attributes:
        study: the comparison that it belongs to.
        method: its method.
        seed: its seed.
        step: its step.
        accuracy: on the target's test examples, in [0, 1].
        diversity: as the collapse gate has it.
        scores: by validator; None where one could not judge it.
    """

    study: str
    method: str
    seed: int
    step: int
    accuracy: float
    diversity: float
    scores: Mapping[str, float | None]


@dataclass(frozen=True)
class Regret:
    """What trusting a validator costs, in points: accuracy of the best candidate minus that of the chosen one.

    Attributes:
        validator: its name; `last` for the last step.
        steps: mean over runs, candidates being the steps of a run; None where no run has several.
        steps_ungated: the same without the collapse gate.
        all: mean over comparisons and seeds, candidates being all steps of all methods; None where there are none.
        all_ungated: the same without the gate.
        worst: the largest of those that `all` is the mean of.
        worst_ungated: the same without the gate.
        correlation: Spearman's, of score and accuracy over those candidates; mean over comparisons and seeds.
        runs: how many runs `steps` is the mean over.
        tasks: how many comparisons and seeds `all` is the mean over.
    """

    validator: str
    steps: float | None
    steps_ungated: float | None
    all: float | None
    all_ungated: float | None
    worst: float | None
    worst_ungated: float | None
    correlation: float | None
    runs: int
    tasks: int


def measure(run: Path, test: View, *, oracle: bool) -> None:
    """Open the seal on a finished run's looks, and write `looks.json` beside them.

    Args:
        run: its folder.
        test: the examples that its looks kept answers on, in the same order.
        oracle: whether the run saw target labels: then it is no candidate.
    """
    rows = []
    for look in read_looks(run):
        accuracy = score(look.test, test).accuracy
        rows.append({"step": look.step, "accuracy": accuracy, "diversity": look.diversity, "scores": look.scores})
    write_json(run / FILE, {"oracle": oracle, "rows": rows})


def read_rows(comparison: Path, *, again: bool = False) -> list[Row]:
    """What a comparison with `--study` found at all looks of its finished runs but the oracles', no candidates.

    Args:
        comparison: its folder.
        again: compute the scores anew from what the looks kept, for validators that came later.

    Returns:
        In the order of methods, seeds and steps; nothing where no run kept looks, or the target has no labels.

    Raises:
        BadDataError: what they found cannot be read.
    """
    found = []
    for path in sorted(comparison.glob(f"cells/*/*/{FILE}")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            rows: list[dict[str, Any]] = [] if kept["oracle"] else kept["rows"]
        except (ValueError, KeyError) as error:
            raise BadDataError(f"{path} is damaged: remove it and metrics.json beside it, and compare again") from error
        method, seed = path.parent.parent.name, int(path.parent.name)
        rows = [row for row in rows if row["accuracy"] is not None]
        every = [Row(str(comparison), method, seed, **row) for row in rows]
        if again and every:
            looks = {look.step: look for look in read_looks(path.parent)}
            every = [replace(row, scores=looks[row.step].scores, diversity=looks[row.step].diversity) for row in every]
        found += every
    return found


def regrets(rows: Sequence[Row]) -> list[Regret]:
    """What each validator costs, the cheapest over all candidates first.

    Args:
        rows: of one comparison or of several.
    """
    runs = list(_grouped(rows, lambda row: (row.study, row.seed, row.method)))
    tasks = list(_grouped(rows, lambda row: (row.study, row.seed)))
    found = [_regret(name, runs, tasks) for name in VALIDATORS if any(name in row.scores for row in rows)]
    found.sort(key=lambda regret: math.inf if regret.all is None else regret.all)
    several = [run for run in runs if len(run) > 1]
    last = _mean([_points(run, run[-1]) for run in several])
    return [*found, Regret(LAST, last, last, None, None, None, None, None, len(several), 0)]


def _regret(validator: str, runs: Sequence[list[Row]], tasks: Sequence[list[Row]]) -> Regret:
    several = [run for run in runs if len(run) > 1]
    wide = [task for task in tasks if len({row.method for row in task}) > 1]
    alone = [_points(run, chosen_of(run, validator, gate=True, across=False)) for run in several]
    bare = [_points(run, chosen_of(run, validator, gate=False, across=False)) for run in several]
    gated = [_points(task, chosen_of(task, validator, gate=True)) for task in wide]
    ungated = [_points(task, chosen_of(task, validator, gate=False)) for task in wide]
    told = [value for task in wide if (value := _correlation(task, validator)) is not None]
    return Regret(
        validator,
        _mean(alone),
        _mean(bare),
        _mean(gated),
        _mean(ungated),
        max(gated, default=None),
        max(ungated, default=None),
        _mean(told),
        len(several),
        len(wide),
    )


def chosen_of(rows: Sequence[Row], validator: str, *, gate: bool, across: bool = True) -> Row:
    """The row that a validator chooses, as `--select` would.

    Args:
        rows: the candidates, of one seed, in the order of their steps.
        validator: its name.
        gate: whether collapsed ones, and those that score worse than source-only, are refused.
        across: whether the candidates are of several methods, among them source-only; else they are steps of a run.
    """
    known = [row for row in rows if row.scores.get(validator) is not None]
    if not gate:
        return max(known, key=lambda row: row.scores[validator] or 0.0, default=rows[-1])
    by_name = {f"{row.method} {row.step}": row for row in rows}
    plain = max((row for row in rows if across and row.method == LOWER), key=lambda row: row.step, default=None)
    candidates = {name: Candidate(name, row.scores.get(validator), row.diversity) for name, row in by_name.items()}
    reference = candidates[f"{plain.method} {plain.step}"] if plain else None
    return by_name[choose([each for each in candidates.values() if each is not reference], reference).name]


def _points(candidates: Iterable[Row], chosen: Row) -> float:
    return 100 * (max(row.accuracy for row in candidates) - chosen.accuracy)


def _correlation(rows: Sequence[Row], validator: str) -> float | None:
    pairs = [(value, row.accuracy) for row in rows if (value := row.scores.get(validator)) is not None]
    if len({value for value, _ in pairs}) < 2 or len({accuracy for _, accuracy in pairs}) < 2:
        return None
    return float(spearmanr(*zip(*pairs)).statistic)


def _grouped(rows: Sequence[Row], key: Callable[[Row], Any]) -> Iterable[list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.step):
        groups[key(row)].append(row)
    return groups.values()


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


HEADS = {
    "all": "all candidates",
    "all_ungated": "without the gate",
    "worst": "worst",
    "worst_ungated": "worst, no gate",
    "correlation": "rank correlation",
    "steps": "steps of a run",
    "steps_ungated": "steps, no gate",
}
"""What a table of validators shows of a `Regret`, and how it is called."""


def as_columns(found: Sequence[Regret]) -> dict[str, list[str]]:
    """What stands beside the validators' names: heading -> a cell a validator."""
    columns = {head: [getattr(regret, name) for regret in found] for name, head in HEADS.items()}
    return {head: ["-" if value is None else f"{value:.2f}" for value in values] for head, values in columns.items()}


def explained(found: Sequence[Regret]) -> str:
    """What the numbers of the table are."""
    if not found:
        return ""
    return (
        f"Regret in points of accuracy on the target's test part: the best candidate minus the one that the validator "
        f"chooses. Candidates are all steps of all methods of a comparison and seed ({found[0].tasks} of them), or the "
        f"steps of a run ({found[0].runs}). The gate refuses what predicts few classes, and across methods what scores "
        f"worse than {LOWER}. Rank correlation: Spearman's, of score and accuracy over all candidates."
    )


def as_markdown(found: Sequence[Regret]) -> str:
    """The table of validators, and below it what its numbers are."""
    columns = as_columns(found)
    lines = [f"| validator | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for regret, *cells in zip(found, *columns.values()):
        lines.append(f"| {regret.validator} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", explained(found), ""])
