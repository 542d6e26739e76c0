from pathlib import Path

import pytest

from landbridge.core.errors import MissingDataError
from landbridge.evaluation.speakers import read_leave_out
from made_up_tables import left_out


def test_ratios_are_of_errors_on_the_same_examples(tmp_path: Path) -> None:
    ann, bob, cy = read_leave_out(left_out(tmp_path)).rows
    assert ann.everything == 0.8
    assert ann.before.mean == pytest.approx(0.75)
    assert (ann.ratio("full"), bob.ratio("frozen")) == (pytest.approx(0.3), pytest.approx(0.9))
    assert (ann.halved("full"), bob.halved("frozen")) == (True, False)
    assert (cy.ratio("full"), cy.halved("full")) == (None, True)


def test_with_fewer_draws_the_error_before_is_of_those(tmp_path: Path) -> None:
    table = read_leave_out(left_out(tmp_path, ("ann",), unfinished=1))
    (row,) = table.rows
    assert table.unfinished == 1
    assert list(row.after["frozen"].values) == [0]
    assert row.ratio("frozen") == pytest.approx(0.4)


def test_means_over_speakers_and_verdicts(tmp_path: Path) -> None:
    table = read_leave_out(left_out(tmp_path))
    assert table.best == "full"
    assert [row.group for row in table.halved("frozen")] == ["ann", "cy"]
    without, full, frozen = table.verdicts()
    assert without == "Without adaptation a speaker never met reaches 76.7 % accuracy (bob 60.0 to cy 100.0 %)."
    assert full == "full: 5 labelled examples a class take the error from 23.3 to 9.2 %; at least halved for 3 of 3."
    assert frozen.endswith("at least halved for 2 of 3.")


def test_the_table_says_who_is_halved_and_how_it_came_about(tmp_path: Path) -> None:
    text = read_leave_out(left_out(tmp_path)).to_markdown()
    bob = next(line for line in text.splitlines() if line.startswith("| bob"))
    assert "(x0.45)" in bob
    assert "(x0.90)" in bob
    assert bob.endswith("| full |")
    assert "| **mean** |" in text
    for said in ("each speaker left out in turn", "speech-cnn", "5 labelled examples a class", "`landbridge finetune"):
        assert said in text
    alone = read_leave_out(left_out(tmp_path / "one", ("bob",))).to_markdown()
    assert "mean**" not in alone
    assert "at least halved so." in alone


def test_nothing_measured(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no group of .* is measured yet"):
        read_leave_out(left_out(tmp_path, measured=False))
