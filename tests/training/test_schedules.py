import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.training.schedules import cosine_rate, gradually


@given(st.floats(0, 1))
def test_the_cosine_falls_from_one_to_zero(progress: float) -> None:
    assert cosine_rate(progress) == pytest.approx(math.cos(math.pi * progress / 2) ** 2, abs=1e-12)
    assert cosine_rate(progress) + cosine_rate(1 - progress) == pytest.approx(1.0)


@given(st.integers(0, 30), st.floats(0.05, 1), st.floats(0, 1), st.floats(0, 1))
def test_unfreezing_never_goes_back_and_ends_with_all(groups: int, until: float, one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert gradually(0.0, groups, until) == 0
    assert 0 <= gradually(early, groups, until) <= gradually(late, groups, until) <= groups
    assert gradually(until, groups, until) == gradually(1.0, groups, until) == groups


@given(st.integers(1, 30), st.integers(1, 40))
def test_each_count_of_groups_has_an_equal_share_of_the_steps(groups: int, each: int) -> None:
    steps = 2 * each * (groups + 1)
    counts = [gradually(step / steps, groups) for step in range(steps)]
    assert [counts.count(number) for number in range(groups)] == [each] * groups
    assert counts.count(groups) == steps // 2 + each
