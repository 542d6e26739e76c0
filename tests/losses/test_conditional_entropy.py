import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import conditional_entropy


def logits(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 99))
def test_equals_the_naive_sum_and_keeps_its_bounds(n: int, classes: int, seed: int) -> None:
    z = logits(n, classes, seed)
    total = 0.0
    for row in z.tolist():
        powers = [math.exp(v) for v in row]
        total -= sum(p / sum(powers) * math.log(p / sum(powers)) for p in powers)
    assert float(conditional_entropy(z)) == pytest.approx(total / n, rel=1e-9)
    assert 0 <= float(conditional_entropy(z)) <= math.log(classes) + 1e-12


def test_gradient_where_probabilities_are_rounded_to_zero_too() -> None:
    assert gradcheck(conditional_entropy, (logits(4, 3, 0).requires_grad_(),))
    z = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    conditional_entropy(z).backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0]]
