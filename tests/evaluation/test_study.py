from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.evaluation.study import Estimate, read_cell, read_plan


def test_the_interval_is_that_of_students_t() -> None:
    values = [0.61, 0.7, 0.66, 0.75]
    found = Estimate.of(dict(enumerate(values)))
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert found.interval == pytest.approx((low, high))
    assert Estimate.of({0: 0.5}).interval is None


def test_differences_are_paired_by_draw() -> None:
    hard_and_easy = {0: 0.2, 1: 0.5, 2: 0.9}
    low, high = (
        Estimate.of(hard_and_easy),
        Estimate.of({seed: v + 0.01 + 0.001 * seed for seed, v in hard_and_easy.items()}),
    )
    assert high.differs(low)
    difference = high.minus(low)
    assert difference is not None
    assert difference.mean == pytest.approx(0.011)
    only_one = Estimate.of({2: 0.9})
    assert only_one.minus(low) == Estimate.of({2: 0.0})
    assert only_one.minus(Estimate.of({7: 0.9})) is None
    assert only_one.differs(low) is None


def test_unpaired_means_differ_where_intervals_are_apart() -> None:
    one = Estimate.of({0: 0.2, 1: 0.21, 2: 0.2})
    other = Estimate.of({5: 0.8, 6: 0.81, 7: 0.8})
    assert one.differs(other)
    assert not one.differs(Estimate.of({5: 0.2, 6: 0.22, 7: 0.19}))


def test_files_that_are_not_there_or_damaged(tmp_path: Path) -> None:
    assert read_cell(tmp_path / "1.json") is None
    (tmp_path / "1.json").write_text('{"metrics": ')
    with pytest.raises(BadDataError, match=r"1\.json is damaged: remove it"):
        read_cell(tmp_path / "1.json")
    with pytest.raises(MissingDataError, match=r"no table over shots in .*: it has no shots\.json"):
        read_plan(tmp_path / "shots.json", "table over shots")
