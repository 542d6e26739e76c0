import inspect
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from landbridge.evaluation.domain_distance import coral_distance, frechet_distance, mmd, proxy_a_distance
from landbridge.losses.mmd import SCALES

SEEDS = st.integers(0, 99)
DISTANCES = (proxy_a_distance, mmd, coral_distance, frechet_distance)
Distance = Callable[[np.ndarray, np.ndarray], float]


def clouds(n: int, m: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)), rng.normal(size=(m, width)) @ rng.normal(size=(width, width)) + 1


def naive_mmd(source: np.ndarray, target: np.ndarray) -> float:
    """Pair by pair; the bandwidth is the median over pairs of different points, the lower one of two."""
    both = np.concatenate([source, target])
    distances = sorted(float(np.square(a - b).sum()) for a, b in itertools.combinations(both, 2))
    median = distances[(len(distances) - 1) // 2]

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([math.exp(-np.square(a - b).sum() / (2 * scale * median)) for scale in SCALES]))

    inside = [np.mean([kernel(*pair) for pair in itertools.permutations(z, 2)]) for z in (source, target)]
    return float(sum(inside) - 2 * np.mean([kernel(a, b) for a in source for b in target]))


def naive_coral(source: np.ndarray, target: np.ndarray) -> float:
    width = source.shape[1]
    gap = np.cov(source, rowvar=False) - np.cov(target, rowvar=False)
    return float(np.square(gap).sum() / (4 * width**2))


def naive_frechet(source: np.ndarray, target: np.ndarray) -> float:
    """With the root of the product of the covariances, which needs them regular."""
    here, there = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (source, target))
    gap = np.square(source.mean(0) - target.mean(0)).sum()
    return float(gap + np.trace(here + there - 2 * sqrtm(here @ there).real))


@pytest.mark.parametrize(
    ("distance", "naive"),
    [(mmd, naive_mmd), (coral_distance, naive_coral), (frechet_distance, naive_frechet)],
    ids=["mmd", "coral", "frechet"],
)
@pytest.mark.parametrize(("n", "m", "width"), [(9, 12, 3), (20, 8, 5), (7, 7, 1)])
def test_equals_the_naive_form(distance: Distance, naive: Distance, n: int, m: int, width: int) -> None:
    source, target = clouds(n, m, width, 0)
    assert distance(source, target) == pytest.approx(naive(source, target), rel=1e-8)


def test_frechet_of_singular_covariances() -> None:
    """Wider than there are examples: the same as in the space that the examples span, where they are regular."""
    source, target = clouds(6, 5, 2, 0)
    lift = np.linalg.qr(np.random.default_rng(1).normal(size=(30, 30)))[0][:2]
    lifted = frechet_distance(source @ lift, target @ lift)
    assert lifted == pytest.approx(naive_frechet(source, target), rel=1e-8)


def test_frechet_of_a_shift_and_a_scale() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    assert frechet_distance(x, x + np.array([3, 4, 0, 0])) == pytest.approx(25.0)
    assert frechet_distance(x, 3 * x - 2 * x.mean(0)) == pytest.approx(4 * np.trace(np.cov(x.T)))


@pytest.mark.parametrize("distance", DISTANCES)
@given(SEEDS)
def test_laws(distance: Distance, seed: int) -> None:
    """Near zero of a set to itself, the same both ways; the order of the features does not matter."""
    source, target = clouds(12, 12, 3, seed)
    there = distance(source, target)
    assert distance(source, source) <= 1e-9
    assert there >= (-1 if distance is mmd else 0)
    # Where folds are drawn, the two ways draw others.
    assert distance(target, source) == pytest.approx(there, rel=1e-7, abs=1.0 if distance is proxy_a_distance else 1e-9)
    assert distance(source[:, ::-1], target[:, ::-1]) == pytest.approx(there, rel=1e-6, abs=1e-9)


@given(SEEDS, st.floats(0.1, 10))
def test_how_they_grow_with_the_scale(seed: int, scale: float) -> None:
    source, target = clouds(9, 8, 3, seed)
    for distance, power in ((mmd, 0), (frechet_distance, 2), (coral_distance, 4)):
        grown = distance(scale * source, scale * target)
        assert grown == pytest.approx(scale**power * distance(source, target), rel=1e-6, abs=1e-9)


def test_coral_is_blind_to_the_mean() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert coral_distance(x, x + 5) == pytest.approx(0.0, abs=1e-20)


def test_proxy_a_distance_of_one_and_of_two_distributions() -> None:
    rng = np.random.default_rng(0)
    x, y, z = (rng.normal(size=(400, 5)).astype(np.float32) for _ in range(3))
    assert proxy_a_distance(x, y) < 0.25
    assert 0.25 < proxy_a_distance(x, y + 0.5) < proxy_a_distance(x, y + 1) < 2.0
    assert proxy_a_distance(x, z + 50) == 2.0


def test_proxy_a_distance_is_that_of_the_held_out_error() -> None:
    """One feature, cut at the middle: 10 of 100 examples lie on the wrong side."""
    source, target = np.repeat([0.0, 1.0], [45, 5])[:, None], np.repeat([0.0, 1.0], [5, 45])[:, None]
    assert proxy_a_distance(source, target) == pytest.approx(2 * (1 - 2 * 0.1))


def test_proxy_a_distance_takes_as_many_of_the_larger_domain() -> None:
    """Otherwise a classifier that always says `source` would be right 9 times in 10, and the distance 1.6."""
    rng = np.random.default_rng(0)
    assert proxy_a_distance(rng.normal(size=(900, 2)), rng.normal(size=(100, 2))) < 0.5


def test_constant_features_are_no_distance() -> None:
    x = np.full((20, 3), 0.1)
    for distance in DISTANCES:
        assert distance(x, x) == pytest.approx(0.0, abs=1e-12)


def test_mmd_looks_at_some_only() -> None:
    source, target = clouds(60, 50, 3, 0)
    assert mmd(source, target, most=10) == mmd(source, target, most=10)
    assert mmd(source, target, most=10) != mmd(source, target, most=10, seed=1)
    picked = np.random.default_rng(0).permutation(60)[:60]
    assert mmd(source, target, most=60) == pytest.approx(naive_mmd(source[picked], target), rel=1e-8)


@pytest.mark.parametrize("distance", [mmd, coral_distance, frechet_distance])
def test_single_precision_will_do(distance: Distance) -> None:
    source, target = clouds(20, 30, 4, 0)
    assert distance(source.astype(np.float32), target.astype(np.float32)) == pytest.approx(
        distance(source, target), rel=1e-5
    )


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(("n", "width"), [(1, 3), (4, 2)])
def test_refuses_what_does_not_fit(distance: Distance, n: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"one width, not \[{n}, {width}\] and \[5, 3\]"):
        distance(np.zeros((n, width)), np.zeros((5, 3)))


@pytest.mark.parametrize("distance", DISTANCES)
def test_it_says_what_it_predicts_and_when_it_misleads(distance: Distance) -> None:
    text = inspect.getdoc(distance) or ""
    assert "predicts" in text
    assert "misleads" in text
