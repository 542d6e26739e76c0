import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import correlation_alignment


def points(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive(source: torch.Tensor, target: torch.Tensor) -> float:
    """Entry by entry, as the equations stand."""
    width, total = source.shape[1], 0.0
    for i in range(width):
        for j in range(width):
            entries = []
            for x in (source.tolist(), target.tolist()):
                means = [sum(row[k] for row in x) / len(x) for k in (i, j)]
                entries.append(sum((row[i] - means[0]) * (row[j] - means[1]) for row in x) / (len(x) - 1))
            total += (entries[0] - entries[1]) ** 2
    return total / (4 * width**2)


@given(st.integers(2, 8), st.integers(2, 8), st.integers(1, 5), st.integers(0, 99))
def test_equals_the_naive_sum(n: int, m: int, width: int, seed: int) -> None:
    source, target = points(n, width, seed), 3 * points(m, width, seed + 100) + 2
    assert float(correlation_alignment(source, target)) == pytest.approx(naive(source, target), rel=1e-9)


@given(st.integers(0, 99))
def test_sees_neither_means_nor_a_common_turn(seed: int) -> None:
    source, target = points(9, 4, seed), 2 * points(7, 4, seed + 100)
    turn = torch.linalg.qr(points(4, 4, seed + 200)).Q
    plain = float(correlation_alignment(source, target))
    assert float(correlation_alignment((source + 5) @ turn, (target - 3) @ turn)) == pytest.approx(plain, rel=1e-9)


def test_gradient() -> None:
    source, target = points(5, 3, 0).requires_grad_(), points(4, 3, 1).requires_grad_()
    assert gradcheck(correlation_alignment, (source, target))


@pytest.mark.parametrize(("n", "width"), [(1, 3), (4, 2)])
def test_refuses_what_has_no_covariance(n: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"one width, not \[{n}, {width}\] and \[5, 3\]"):
        correlation_alignment(torch.zeros(n, width), torch.zeros(5, 3))
