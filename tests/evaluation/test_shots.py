from pathlib import Path

import numpy as np
import pytest

from landbridge.core.errors import MissingDataError
from landbridge.evaluation.shots import read_shots
from made_up_tables import study


def test_means_intervals_and_gaps_by_method_and_shots(tmp_path: Path) -> None:
    table = read_shots(study(tmp_path))
    assert table.shots == [1, 10]
    point = table.rows["svm"][10]
    assert point.test.mean == pytest.approx(np.mean([0.77, 0.79, 0.81, 0.83]))
    assert list(point.test.values) == [3, 4, 5, 6]
    assert point.gap == pytest.approx(0.1)
    assert (table.draws("svm"), table.draws("full"), table.unfinished) == ("4", "2", 0)
    assert len(table.to_json()["rows"]) == 6


def test_verdicts_say_what_the_paired_differences_say(tmp_path: Path) -> None:
    best, deep = read_shots(study(tmp_path)).verdicts()
    assert "with 1 it is svm (50.0 %);" in best
    assert "with 10 it is deep (80.6 %)" in best
    assert deep.startswith("With 10 a class the deep head is 0.6 points above the SVM")
    assert "4 draws: +0.4 to +0.8" in deep
    (only,) = read_shots(study(tmp_path / "one", {"svm": 1})).verdicts()
    assert "with 10 it is svm (77.0 %)." in only


def test_a_lead_within_chance_is_called_so(tmp_path: Path) -> None:
    table = read_shots(study(tmp_path, {"svm": 2, "deep": 2}))
    assert table.best(1) == ("svm", ["deep"])
    assert "not beyond chance above deep" in table.verdicts()[0]


def test_the_table_says_how_it_came_about(tmp_path: Path) -> None:
    text = read_shots(study(tmp_path, ways=5, unfinished=1)).to_markdown()
    assert "| class-averaged accuracy (%), labelled a class: | 1 | 10 | draws |" in text
    assert "| svm | 50.0 ± 4.1 | 80.0 ± 4.1 | 4 |" in text
    assert "| full | " in text
    assert "1-2 |" in text
    for said in ("5 of 101 classes", "1 cells unfinished", "draws by seeds from 3 on", "a cut", "`landbridge finetune"):
        assert said in text


def test_nothing_finished(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no cell of .* is finished yet"):
        read_shots(study(tmp_path, {"svm": 1}, unfinished=2))
