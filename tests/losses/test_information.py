import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import information_maximisation


def logits(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive(z: torch.Tensor) -> float:
    """Entry by entry, as the equation stands."""
    told = [[math.exp(v) / sum(math.exp(u) for u in row) for v in row] for row in z.tolist()]
    mean = [sum(row[k] for row in told) / len(told) for k in range(z.shape[1])]
    entropies = [-sum(p * math.log(p) for p in row) for row in told]
    return sum(entropies) / len(told) + sum(p * math.log(p) for p in mean)


@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 99))
def test_equals_the_naive_sum_and_keeps_its_bounds(n: int, classes: int, seed: int) -> None:
    z = logits(n, classes, seed)
    value = float(information_maximisation(z))
    assert value == pytest.approx(naive(z), rel=1e-9, abs=1e-12)
    assert -math.log(classes) - 1e-9 <= value <= 1e-9


def test_its_gradient() -> None:
    assert gradcheck(information_maximisation, (logits(5, 4, 0).requires_grad_(),))


def test_a_class_without_examples_has_a_finite_gradient() -> None:
    z = torch.tensor([[200.0, 0.0, -200.0], [0.0, 200.0, -200.0]], requires_grad=True)
    loss = information_maximisation(z)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(2))
    assert z.grad is not None
    assert z.grad.isfinite().all()
