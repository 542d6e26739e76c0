"""A loss under a learned noise, against the likelihoods that the paper derives it from."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.losses.task_weighting import uncertainty_weighted

numbers = st.floats(-3, 3)


@given(numbers, numbers, numbers)
def test_regression_is_the_negative_log_likelihood_of_a_gaussian(y: float, said: float, s: float) -> None:
    """Eq. 5: up to the constant log sqrt(2 pi)."""
    variance = math.exp(s)
    density = math.exp(-((y - said) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    ours = uncertainty_weighted(torch.tensor((y - said) ** 2, dtype=torch.float64), torch.tensor(s), regression=True)
    if density > 0:
        assert float(ours) == pytest.approx(-math.log(density) - 0.5 * math.log(2 * math.pi), abs=1e-4)


@given(st.floats(0.1, 10), numbers)
def test_classification_is_loss_over_variance_plus_log_deviation(loss: float, s: float) -> None:
    """Eq. 10."""
    sigma = math.exp(s / 2)
    ours = uncertainty_weighted(torch.tensor(loss), torch.tensor(s), regression=False)
    assert float(ours) == pytest.approx(loss / sigma**2 + math.log(sigma), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("regression", "best"), [(True, 3.0), (False, 6.0)])
def test_the_variance_settles_where_the_docstring_says(regression: bool, best: float) -> None:
    s = torch.tensor(math.log(best), dtype=torch.float64, requires_grad=True)
    uncertainty_weighted(torch.tensor(3.0, dtype=torch.float64), s, regression=regression).backward()
    assert s.grad is not None
    assert float(s.grad) == pytest.approx(0, abs=1e-12)


def test_gradients() -> None:
    loss, s = torch.tensor([2.0, 0.3], dtype=torch.float64, requires_grad=True).unbind()
    for regression in (True, False):
        assert torch.autograd.gradcheck(lambda a, b: uncertainty_weighted(a, b, regression=regression), (loss, s))  # noqa: B023
