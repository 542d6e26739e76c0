"""The table of a search for settings: what was tried, best first by a judge that sees no label of the target."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from landbridge.core.errors import MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.selection import Candidate, refusal
from landbridge.evaluation.study import read_plan
from landbridge.evaluation.table import LOWER, METRICS, headline
from landbridge.runs import Result, Run
from landbridge.runs.run import read_config

PLAN = "tune.json"
"""The file that says what is searched, and how."""

DIVERGED = "diverged.txt"
"""The file that says why a trial has no numbers."""

PLAIN = -1
"""The number of the run without adaptation, which is no trial."""

OUTCOMES = {"finished": "", "worse": f"worse than {LOWER}", "collapsed": "collapsed", "diverged": "diverged"}
"""What may become of a trial, best first, and how a table says it; the last three are never chosen."""


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        number: from 0 on, 0 are the settings to begin with; `PLAIN` for the run without adaptation.
        values: the searched settings by name; empty without adaptation.
        folder: its run.
        score: the judge's, higher is better; None where there is none.
        outcome: one of `OUTCOMES`.
        why: what speaks against it.
        seconds: time spent in training.
    """

    number: int
    values: Mapping[str, Any]
    folder: Path
    score: float | None = None
    outcome: str = "finished"
    why: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What a table calls it."""
        return {PLAIN: LOWER, 0: "0 (to begin with)"}.get(self.number, str(self.number))


@dataclass(frozen=True)
class TrialsTable:
    """The trials of a search.

    Attributes:
        folder: where it stands.
        plan: what was searched, and how.
        rows: those that are done, best first, and among them the run without adaptation.
    """

    folder: Path
    plan: Mapping[str, Any]
    rows: tuple[Trial, ...]

    @property
    def report(self) -> Path:
        """Where the report stands."""
        return self.folder / "report.html"

    @property
    def trials(self) -> list[Trial]:
        """The trials that are done, best first."""
        return [row for row in self.rows if row.number != PLAIN]

    @property
    def plain(self) -> Trial | None:
        """The run without adaptation, where there is one."""
        return next((row for row in self.rows if row.number == PLAIN), None)

    @property
    def default(self) -> Trial | None:
        """The settings to begin with, where they are done."""
        return next((row for row in self.rows if row.number == 0), None)

    @property
    def counts(self) -> Counter[str]:
        """How many trials had which outcome."""
        return Counter(trial.outcome for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """What is chosen: the best trial, or no adaptation where all are judged worse; None where nothing is sound."""
        sound = [row for row in self.rows if row.outcome == "finished"]
        return sound[0] if sound and (self.counts["finished"] or self.counts["worse"]) else None

    @cached_property
    def measured(self) -> dict[int, Result]:
        """The numbers on the target, by trial: of what is chosen, of no adaptation, and of the settings to begin with.

        Those of the other trials are not looked at: whoever sees them chooses by them.
        """
        looked_at = [row for row in (self.plain, self.default, self.best) if row and row.outcome != "diverged"]
        return {row.number: Run.open(row.folder).result for row in looked_at}

    @property
    def metric(self) -> str:
        """How the headline metric is called."""
        result = next(iter(self.measured.values()), None)
        return METRICS[headline(result) if result else "target_accuracy"]

    @property
    def command(self) -> str:
        """The command line that trains what is chosen; empty where nothing is."""
        return self.measured[self.best.number].command if self.best else ""

    @property
    def unfinished(self) -> int:
        """How many trials are still to be done."""
        return int(self.plan["trials"]) - len(self.trials)

    def accuracy(self, row: Trial) -> float | None:
        """The headline metric on the target; None where it is unknown or not looked at."""
        result = self.measured.get(row.number)
        return None if result is None else result.metrics[headline(result)]

    def outcome(self, row: Trial) -> str:
        """What became of a trial, in a word or two."""
        return "chosen" if row is self.best else OUTCOMES[row.outcome]

    def columns(self) -> dict[str, list[str]]:
        """The cells of the table: heading -> a cell a row."""
        searched = {spaced(name): [shown(row.values.get(name)) for row in self.rows] for name in self.plan["space"]}
        return {
            "trial": [row.name for row in self.rows],
            **searched,
            self.plan["validator"]: [scored(row.score) for row in self.rows],
            "outcome": [self.outcome(row) for row in self.rows],
            f"{self.metric} (%)": [percent(self.accuracy(row)) for row in self.rows],
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        records = [
            {
                "trial": row.name if row.number == PLAIN else row.number,
                "values": dict(row.values),
                "score": row.score,
                "outcome": row.outcome,
                "chosen": row is self.best,
                "why": row.why,
                "target": self.accuracy(row),
                "train_seconds": row.seconds,
            }
            for row in self.rows
        ]
        return {**self.plan, "unfinished": self.unfinished, "best_command": self.command, "rows": records}

    def to_csv(self) -> str:
        """A line a trial: number, searched settings, score, outcome, seconds."""
        names, out = list(self.plan["space"]), io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["trial", *names, "score", "outcome", "train_seconds"])
        for trial in self.trials:
            values = [trial.values[name] for name in names]
            writer.writerow([trial.number, *values, trial.score, trial.outcome, trial.seconds])
        return out.getvalue()

    def to_markdown(self) -> str:
        """The table, how the best settings were chosen, and the command that trains with them."""
        columns = self.columns()
        lines = [
            f"**{self.plan['method']}, {self.plan['source']} to {self.plan['target']}: {len(self.trials)} trials**"
        ]
        lines += ["", f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
        lines += [f"| {' | '.join(row)} |" for row in zip(*columns.values())]
        lines += ["", self.rule()]
        if self.command:
            lines += ["", "The best settings:", "", f"    {self.command}"]
        return "\n".join(lines) + "\n"

    def rule(self) -> str:
        """How the settings were chosen."""
        left = f" {self.unfinished} trials are not done yet." if self.unfinished else ""
        return (
            f"Chosen by {self.plan['validator']} on unlabelled target examples; no label of the target had a say. Of "
            "the trials, the target is measured for the chosen one and for the settings to begin with alone: whoever "
            f"sees the others chooses by them.{left}"
        )


def read_trials(folder: Path) -> TrialsTable:
    """The table of a search, from the trials that are done.

    Raises:
        MissingDataError: there is no search, or no trial is done.
        BadDataError: a file cannot be read.
    """
    plan = read_plan(folder / PLAN, "search for settings")
    found = [read_trial(folder, number, plan) for number in range(PLAIN, plan["trials"])]
    rows = [row for row in found if row is not None]
    if not any(row.number != PLAIN for row in rows):
        raise MissingDataError(f"no trial in {folder} is done yet: give the command again to go on")
    return TrialsTable(folder, plan, tuple(sorted(rows, key=_rank)))


def _rank(row: Trial) -> tuple[int, float, bool, int]:
    """By outcome, then by score; of two that are level a trial first, and the earlier one."""
    return list(OUTCOMES).index(row.outcome), -(row.score or 0.0), row.number == PLAIN, row.number


def folder_of(folder: Path, number: int) -> Path:
    """Where the run of a trial stands."""
    return folder / LOWER if number == PLAIN else folder / "trials" / str(number)


def read_trial(folder: Path, number: int, plan: Mapping[str, Any]) -> Trial | None:
    """What became of a trial; None of one that is not done.

    Here it is said which trials may be chosen, by numbers for which no label of the target was needed.

    Args:
        folder: of the search.
        number: of the trial.
        plan: of the search.
    """
    place = folder_of(folder, number)
    diverged = place / DIVERGED
    if not (diverged.is_file() or (place / "metrics.json").is_file()):
        return None
    config = read_config(place)
    given = {**config, **config["options"]}
    searched = {} if number == PLAIN else plan["space"]
    trial = Trial(number, {name: given.get(name, span["start"]) for name, span in searched.items()}, place)
    if diverged.is_file():
        return replace(trial, outcome="diverged", why=diverged.read_text(encoding="utf-8").strip())
    result = Run.open(place).result
    trial = replace(trial, score=result.metrics["validators"][plan["validator"]], seconds=result.train_seconds)
    candidate = Candidate(trial.name, trial.score, result.metrics["diversity"])
    if unsound := refusal(candidate, None):
        return replace(trial, outcome="collapsed", why=unsound)
    plain = None if number == PLAIN else read_trial(folder, PLAIN, plan)
    if plain and plain.outcome == "finished" and (worse := refusal(candidate, Candidate(LOWER, plain.score, 1.0))):
        return replace(trial, outcome="worse", why=worse)
    return trial


def shown(value: Any) -> str:
    """A setting as a table shows it.

    >>> shown(0.05), shown(1.0), shown(None)
    ('0.05', '1', '-')
    """
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def scored(score: float | None) -> str:
    """A score as a table shows it, with figures enough to tell trials apart."""
    return "-" if score is None else f"{score:.5g}"


def spaced(name: str) -> str:
    """The name of a setting as people write it."""
    return name.replace("_", " ")
