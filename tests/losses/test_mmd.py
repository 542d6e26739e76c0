import itertools
import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import GaussianKernel, joint_discrepancy, maximum_mean_discrepancy, median_distance
from landbridge.losses.mmd import SCALES


def points(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def squared(a: list[float], b: list[float]) -> float:
    return sum((p - q) ** 2 for p, q in zip(a, b))


def naive(source: torch.Tensor, target: torch.Tensor, bandwidth: float) -> float:
    """Pair by pair, as the equation stands."""

    def kernel(a: list[float], b: list[float]) -> float:
        return statistics.fmean(math.exp(-squared(a, b) / (2 * scale * bandwidth)) for scale in SCALES)

    x, y = source.tolist(), target.tolist()
    inside = [statistics.fmean(kernel(*pair) for pair in itertools.permutations(z, 2)) for z in (x, y)]
    return sum(inside) - 2 * statistics.fmean(kernel(a, b) for a in x for b in y)


@given(st.integers(2, 8), st.integers(2, 8), st.integers(1, 4), st.floats(0.1, 10), st.integers(0, 99))
def test_equals_the_naive_sum(n: int, m: int, width: int, bandwidth: float, seed: int) -> None:
    source, target = points(n, width, seed), points(m, width, seed + 100) + 1
    ours = float(maximum_mean_discrepancy(source, target, bandwidth))
    assert ours == pytest.approx(naive(source, target, bandwidth), rel=1e-9, abs=1e-12)


@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_the_bandwidth_is_the_median_of_the_pairs(n: int, m: int, seed: int) -> None:
    source, target = points(n, 3, seed), points(m, 3, seed + 100)
    pairs = [squared(a, b) for a, b in itertools.combinations([*source.tolist(), *target.tolist()], 2)]
    assert float(median_distance(source, target)) == pytest.approx(statistics.median_low(pairs), rel=1e-9)
    by_default = maximum_mean_discrepancy(source, target)
    assert float(by_default) == pytest.approx(naive(source, target, statistics.median_low(pairs)), rel=1e-9, abs=1e-12)


def test_copies_of_one_point_are_no_distance() -> None:
    x = torch.full((6, 2), 0.1, dtype=torch.float64)
    y = torch.cat([x, x[:1] + 2])
    assert float(median_distance(x, x)) == 1.0
    assert float(median_distance(x, y)) == pytest.approx(8.0)
    assert float(maximum_mean_discrepancy(x, x)) == pytest.approx(0.0, abs=1e-12)


@given(st.integers(0, 99), st.floats(0.01, 100))
def test_follows_neither_scale_nor_place(seed: int, scale: float) -> None:
    source, target = points(6, 3, seed), points(5, 3, seed + 100)
    plain = float(maximum_mean_discrepancy(source, target))
    moved = float(maximum_mean_discrepancy(scale * source + 7, scale * target + 7))
    assert moved == pytest.approx(plain, rel=1e-6, abs=1e-9)
    assert float(maximum_mean_discrepancy(target, source)) == pytest.approx(plain, rel=1e-9, abs=1e-12)


def test_far_apart_is_two() -> None:
    """Two heaps so far apart that no kernel reaches across."""
    x = 1e-3 * points(20, 2, 0)
    assert float(maximum_mean_discrepancy(x, x + 100, bandwidth=1.0)) == pytest.approx(2.0, abs=1e-4)


def test_gradient() -> None:
    source, target = points(4, 3, 0).requires_grad_(), points(5, 3, 1).requires_grad_()
    assert gradcheck(lambda a, b: maximum_mean_discrepancy(a, b, 2.0), (source, target))


def test_the_median_has_no_gradient() -> None:
    source = points(4, 3, 0).requires_grad_()
    assert not median_distance(source, points(5, 3, 1)).requires_grad


@pytest.mark.parametrize(("n", "width"), [(1, 3), (4, 2)])
def test_refuses_what_has_no_pairs(n: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"one width, not \[{n}, {width}\] and \[5, 3\]"):
        maximum_mean_discrepancy(torch.zeros(n, width), torch.zeros(5, 3))


def naive_joint(source: list[torch.Tensor], target: list[torch.Tensor], kernels: list[GaussianKernel]) -> float:
    """Pair by pair: k is the product of the layers' kernels."""

    def alike(a: list[list[float]], b: list[list[float]]) -> float:
        layers = [
            statistics.fmean(math.exp(-squared(p, q) / (2 * scale * kernel.bandwidth)) for scale in kernel.scales)
            for p, q, kernel in zip(a, b, kernels)
        ]
        return math.prod(layers)

    x, y = (list(zip(*(layer.tolist() for layer in side))) for side in (source, target))
    inside = [statistics.fmean(alike(*pair) for pair in itertools.permutations(z, 2)) for z in (x, y)]
    return sum(inside) - 2 * statistics.fmean(alike(a, b) for a in x for b in y)


@given(st.integers(2, 6), st.integers(2, 6), st.floats(0.1, 10), st.integers(0, 99))
def test_several_layers_equal_the_naive_sum(n: int, m: int, bandwidth: float, seed: int) -> None:
    source = [points(n, 3, seed), points(n, 2, seed + 1)]
    target = [points(m, 3, seed + 100) + 1, points(m, 2, seed + 101)]
    kernels = [GaussianKernel(bandwidth), GaussianKernel(0.84, scales=(1.0,))]
    ours = float(joint_discrepancy(source, target, kernels))
    assert ours == pytest.approx(naive_joint(source, target, kernels), rel=1e-9, abs=1e-12)


def test_layers_are_compared_together() -> None:
    """Each layer by itself has one distribution in both domains, but what goes with what is the other way round."""
    x = torch.arange(200.0)[:, None] % 2
    kernel = GaussianKernel(0.1, scales=(1.0,))
    assert abs(float(joint_discrepancy([x], [1 - x], [kernel]))) < 0.02
    assert abs(float(joint_discrepancy([x, x], [x, x], [kernel, kernel]))) < 0.02
    assert float(joint_discrepancy([x, x], [x, 1 - x], [kernel, kernel])) > 0.9


def test_gradient_of_several_layers() -> None:
    sides = [
        points(n, width, seed).requires_grad_() for seed, (n, width) in enumerate([(4, 3), (4, 2), (5, 3), (5, 2)])
    ]
    kernels = [GaussianKernel(2.0), GaussianKernel(0.84, scales=(1.0,))]
    assert gradcheck(lambda a, b, c, d: joint_discrepancy([a, b], [c, d], kernels), sides)


def test_refuses_layers_of_different_examples() -> None:
    x, y = torch.zeros(4, 2), torch.zeros(3, 2)
    with pytest.raises(ValueError, match="layers must be of the same examples"):
        joint_discrepancy([x, y], [x, x], [GaussianKernel(1.0)] * 2)
