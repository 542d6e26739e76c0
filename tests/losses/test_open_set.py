import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import unknown_boundary


def logits_of(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 6), st.integers(2, 5), st.floats(0.05, 0.95), st.integers(0, 99))
def test_equals_the_naive_sum(n: int, classes: int, boundary: float, seed: int) -> None:
    logits, total = logits_of(n, classes, seed), 0.0
    for row in logits.tolist():
        unknown = math.exp(row[-1]) / sum(map(math.exp, row))
        total -= boundary * math.log(unknown) + (1 - boundary) * math.log(1 - unknown)
    assert float(unknown_boundary(logits, boundary)) == pytest.approx(total / n, rel=1e-9)


def test_is_least_at_the_boundary_and_stays_finite_far_from_it() -> None:
    at = [float(unknown_boundary(torch.tensor([[0.0, logit]]), 0.5)) for logit in (-1.0, 0.0, 1.0)]
    assert at[1] == pytest.approx(math.log(2))
    assert at[1] < min(at[0], at[2])
    assert math.isfinite(float(unknown_boundary(torch.tensor([[0.0, 500.0], [0.0, -500.0]]))))


def test_gradient() -> None:
    assert gradcheck(unknown_boundary, (logits_of(4, 3, 0).requires_grad_(), 0.3))
