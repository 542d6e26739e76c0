"""The table of a search: what is chosen, what never is, and which numbers on the target are looked at."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import made_up_tables
from landbridge.core.errors import MissingDataError
from landbridge.evaluation.trials import PLAIN, TrialsTable, read_trials


def search(folder: Path, trials: Mapping[int, Mapping[str, Any] | None]) -> TrialsTable:
    return read_trials(made_up_tables.trials(folder, trials))


def order(table: TrialsTable) -> list[int]:
    return [row.number for row in table.rows]


def test_the_best_is_chosen_by_score_alone(tmp_path: Path) -> None:
    table = search(tmp_path / "t", {0: {"score": 1.1, "target_accuracy": 0.99}, 1: {"score": 1.2}, 2: {"score": 1.15}})
    assert order(table) == [1, 2, 0]
    assert table.best is table.rows[0]
    assert table.command == "landbridge adapt 1"
    assert [row.values for row in table.rows] == [{"weight": 2.0}, {"weight": 4.0}, {"weight": 1.0}]
    assert table.unfinished == 1
    assert "1 trials are not done yet" in table.to_markdown()


def test_the_target_is_looked_at_for_two_trials_only(tmp_path: Path) -> None:
    """Numbers of other trials are neither shown nor read."""
    shown = {PLAIN: {"score": 0.5, "target_accuracy": 0.111}, 0: {"target_accuracy": 0.222}}
    trials = {**shown, 1: {"score": 1.2, "target_accuracy": 0.333}, 2: {"target_accuracy": 0.444}}
    table = search(tmp_path / "t", trials)
    assert sorted(table.measured) == [PLAIN, 0, 1]
    written = json.dumps(table.to_json()) + table.to_markdown() + table.to_csv()
    for value, times in (("0.111", 1), ("0.222", 1), ("0.333", 1), ("0.444", 0)):
        assert written.count(value) == times
    assert all(f" {value} " in table.to_markdown() for value in ("11.1", "22.2", "33.3"))
    assert "44.4" not in table.to_markdown()
    other = search(tmp_path / "other", {**trials, 2: {"target_accuracy": 0.9}})
    assert other.to_json() == table.to_json()


def test_what_collapsed_or_diverged_is_never_chosen(tmp_path: Path) -> None:
    table = search(
        tmp_path / "t", {0: {"score": 0.2}, 1: {"score": 9.0, "diversity": 0.1}, 2: None, 3: {"score": None}}
    )
    assert order(table)[0] == 0
    assert table.best is table.default
    assert {row.number: row.outcome for row in table.rows} == {
        0: "finished", 1: "collapsed", 2: "diverged", 3: "collapsed",
    }  # fmt: skip
    assert "predicts few classes" in next(row.why for row in table.rows if row.number == 1)
    assert next(row.why for row in table.rows if row.number == 2) == "training diverged at step 3"
    assert "| 2 | 4 | - | diverged | - |" in table.to_markdown()


def test_what_is_worse_than_no_adaptation_is_never_chosen(tmp_path: Path) -> None:
    table = search(tmp_path / "t", {PLAIN: {"score": 1.0}, 0: {"score": 0.9}, 1: {"score": 1.3}})
    assert order(table) == [1, PLAIN, 0]
    assert table.outcome(table.rows[2]) == "worse than source-only"
    nothing = search(tmp_path / "nothing", {PLAIN: {"score": 1.0}, 0: {"score": 0.9}, 1: None})
    assert nothing.best is nothing.plain
    assert nothing.command == "landbridge adapt -1"
    level = search(tmp_path / "level", {PLAIN: {}, 0: {}, 1: {}})
    assert level.best is level.default, "of what is level, the first trial"


def test_nothing_sound_means_nothing_is_chosen(tmp_path: Path) -> None:
    table = search(tmp_path / "t", {PLAIN: {}, 0: None, 1: {"diversity": 0.0}})
    assert table.best is None
    assert table.command == ""
    broken = search(tmp_path / "broken", {PLAIN: {"score": 2.0, "diversity": 0.0}, 0: {}})
    assert broken.best is broken.default, "a collapsed run without adaptation is no measure"


def test_folders_without_a_search(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no search for settings in .*tune\.json"):
        read_trials(tmp_path)
    with pytest.raises(MissingDataError, match=r"no trial in .* is done yet: give the command again"):
        search(tmp_path / "t", {})
