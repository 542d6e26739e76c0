import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import domain_accuracy, domain_classification


def naive(logits: list[float], sources: int) -> float:
    """Term by term, as the equation stands."""
    total = 0.0
    for number, logit in enumerate(logits):
        d = 1 / (1 + math.exp(-logit))
        total -= math.log(d) if number < sources else math.log(1 - d)
    return total / len(logits)


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=12), st.integers(0, 12))
def test_equals_the_naive_sum(logits: list[float], sources: int) -> None:
    sources = min(sources, len(logits))
    ours = domain_classification(torch.tensor(logits, dtype=torch.float64)[:, None], sources)
    assert float(ours) == pytest.approx(naive(logits, sources), rel=1e-9, abs=1e-12)


def test_gradient() -> None:
    logits = torch.randn(7, 1, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: domain_classification(x, 3), logits)


def test_the_gradient_is_never_zero_where_a_domain_is_mistaken() -> None:
    """The trap of a softmax over a single unit: a loss whose gradient vanishes everywhere."""
    logits = torch.zeros(4, 1, requires_grad=True)
    domain_classification(logits, 2).backward()
    assert (logits.grad.abs() > 0).all()


def test_refuses_two_logits_an_example() -> None:
    with pytest.raises(ValueError, match="one logit"):
        domain_classification(torch.zeros(4, 2), 2)


def test_accuracy() -> None:
    assert float(domain_accuracy(torch.tensor([1.0, -1.0, -1.0, 2.0]), 2)) == 0.5
