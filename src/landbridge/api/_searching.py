"""A search for settings: what is tried, trial by trial, each a run folder of its own, until the best is known."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from landbridge.api._cell import Settings, train_cell
from landbridge.api._grid import claim
from landbridge.api._recipe import Machine, flags, method_flags
from landbridge.api._spans import Span
from landbridge.core.errors import DivergedError, LandbridgeError, UnknownNameError
from landbridge.core.executors import execute
from landbridge.core.files import atomic_path, write_text
from landbridge.core.registry import nearest
from landbridge.data.batches import seed_of
from landbridge.evaluation.table import LOWER
from landbridge.evaluation.trials import DIVERGED, PLAIN, PLAN, TrialsTable, folder_of, read_trial
from landbridge.evaluation.validators import VALIDATORS
from landbridge.reports.trials import write_trials_report
from landbridge.runs import versions


def run_search(
    folder: Path,
    first: Settings,
    spans: Mapping[str, Span],
    trials: int,
    validator: str,
    machine: Machine,
    jobs: int = 1,
    executor: str = "local",
    command: str = "",
) -> TrialsTable:
    """Try settings until there are so many trials, and take the best; what is done already is kept.

    The journal holds what was asked for and found. `jobs` trials at a time are asked for at once, each by a generator
    seeded by its number, from the trials before them: so the search is a function of seed, `jobs` and the trials' own
    numbers, wherever it was cut off.

    Args:
        folder: where the search stands.
        first: the settings to begin with, which are the first trial.
        spans: what is searched.
        trials: how many.
        validator: the judge.
        machine: on what.
        jobs: trials side by side.
        executor: where they run, see `landbridge.core.executors`.
        command: the command line that does it again.

    Returns:
        The table; `tune.json`, `table.json`, `table.md`, `trials.csv`, `report.html` and the best trial's `model/`
        stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.
    """
    optuna = _optuna()
    plan: dict[str, Any] = {
        "method": first.method,
        "source": first.source,
        "target": first.target,
        "validator": validator,
        "trials": trials,
        "jobs": jobs,
        "space": {name: asdict(span) for name, span in spans.items()},
        "settings": {
            name: value for name, value in asdict(first).items() if name not in ("method", "source", "target")
        },
        "command": command,
        "versions": {**versions(), "optuna": optuna.__version__},
    }
    claim(folder / PLAN, plan, ("method", "source", "target", "validator", "jobs", "space", "settings"), "search")
    study, store = _study(folder), folder / "trials" / ".phases"

    def trial(number: int, settings: Settings, what: str) -> Callable[[], None]:
        return partial(_try, settings, folder_of(folder, number), machine, store, f"[{what}] {_said(settings, spans)}")

    tasks = []
    if first.baseline and read_trial(folder, PLAIN, plan) is None:
        tasks.append(trial(PLAIN, replace(first, method=LOWER, options={}, baseline=False), f"0/{trials}"))
    for begin in range(0, trials, jobs):
        batch = range(begin, min(begin + jobs, trials))
        while len(study.trials) < batch.stop:
            _ask(study, spans, first.seed)
        still = [asked for asked in study.trials[begin : batch.stop] if not asked.state.is_finished()]
        for asked in still:
            settings = _settings(first, spans, asked.params if asked.number else {})
            tasks.append(trial(asked.number, settings, f"{asked.number + 1}/{trials}"))
        execute(tasks, jobs, executor)
        tasks = []
        for asked in still:
            _tell(study, folder, asked.number, plan)
    return _finish(folder)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise LandbridgeError("tune needs Optuna: pip install 'landbridge[tune]'") from None
    return optuna


def _study(folder: Path) -> Any:
    """What Optuna knows of the search so far, kept in a journal."""
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    return optuna.create_study(study_name="tune", storage=storage, direction="maximize", load_if_exists=True)


def _ask(study: Any, spans: Mapping[str, Span], seed: int) -> None:
    """Add a trial to be run: the settings to begin with, then what the trials so far suggest.

    It is drawn beside the journal, and written down whole.
    """
    import optuna

    space = {name: span.distribution for name, span in spans.items()}
    so_far = study.trials
    if so_far:
        sampler = optuna.samplers.TPESampler(seed=seed_of(seed, "trial", len(so_far)) % 2**32, constant_liar=True)
        beside = optuna.create_study(direction="maximize", sampler=sampler)
        beside.add_trials(so_far)
        params = {name: spans[name].plain(value) for name, value in beside.ask(space).params.items()}
    else:
        params = {name: span.start for name, span in spans.items() if span.holds(span.start)}
    running = optuna.trial.TrialState.RUNNING
    known = {name: space[name] for name in params}
    study.add_trial(optuna.trial.create_trial(state=running, params=params, distributions=known))


def _settings(first: Settings, spans: Mapping[str, Span], params: Mapping[str, Any]) -> Settings:
    options = {name: value for name, value in params.items() if spans[name].option}
    others = {name: value for name, value in params.items() if not spans[name].option}
    return replace(first, options={**first.options, **options}, baseline=False, **others)


def _said(settings: Settings, spans: Mapping[str, Span]) -> str:
    """What the progress bar calls a trial."""
    given = {**asdict(settings), **settings.options}
    values = [f"{name} {given[name]:g}" for name in spans if given.get(name) is not None]
    return " ".join([settings.method, *(values if settings.method != LOWER else [])])


def _try(settings: Settings, folder: Path, machine: Machine, store: Path, title: str) -> None:
    """Train with some settings; that they do not get along is an outcome, and written down."""
    if (folder / DIVERGED).is_file():
        return
    try:
        train_cell(settings, folder, machine, store, title)
    except DivergedError as error:
        write_text(folder / DIVERGED, f"{error}\n")


def _tell(study: Any, folder: Path, number: int, plan: Mapping[str, Any]) -> None:
    """Write the outcome of a trial down; what collapsed or diverged is worse than any score."""
    from optuna.trial import TrialState

    trial = read_trial(folder, number, plan)
    assert trial is not None
    if trial.outcome in ("finished", "worse"):
        study.tell(number, trial.score)
    else:
        study.tell(number, state=TrialState.PRUNED)


def _finish(folder: Path) -> TrialsTable:
    """Table, report, and the model of the best trial."""
    table = write_trials_report(folder)
    if table.best is None:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in table.counts.items())
        raise LandbridgeError(
            f"none of the {len(table.trials)} trials can be used ({counts}): try more --steps, a lower "
            f"--rate or --clip; they are listed in {table.report}"
        )
    with atomic_path(folder / "model") as temporary:
        shutil.copytree(table.best.folder / "model", temporary)
    return table


def command_words(first: Settings, usual: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The words of the command line that searches again.

    Args:
        first: the settings to begin with, as they were given.
        usual: what the options of the command are by default.
        asked: what only this command has.
    """
    hidden = ("source", "target", "options", "baseline")
    said = {name: value for name, value in asdict(first).items() if name in usual and name not in hidden}
    words = ["landbridge", "tune", first.source, first.target, *flags({**said, **asked}, usual)]
    return [*words, *method_flags(first.options)]


def judged_by(first: Settings, validator: str) -> Settings:
    """The settings with which a judge sees what it needs: as a rule that selects, it has source examples held out.

    Raises:
        UnknownNameError: there is no such judge.
    """
    if validator not in VALIDATORS:
        hint = nearest(validator, VALIDATORS) or f"; known: {', '.join(VALIDATORS)}"
        raise UnknownNameError(f"unknown validator '{validator}'{hint}")
    rule = VALIDATORS[validator]
    return replace(first, select=validator) if rule.needs_source or rule.anew else first
