import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import Mixture, mixed_cross_entropy, mixup


def naive(logits: torch.Tensor, labels: torch.Tensor, mixture: Mixture, smoothing: float) -> float:
    """The mean cross-entropy to mixed, smoothed one-hot labels, number by number."""
    count, classes = logits.shape
    total = 0.0
    for row, label, partner in zip(logits.tolist(), labels.tolist(), mixture.partner.tolist()):
        norm = math.log(sum(math.exp(value) for value in row))
        for number, value in enumerate(row):
            hot = mixture.share * (number == label) + (1 - mixture.share) * (number == int(labels[partner]))
            total -= ((1 - smoothing) * hot + smoothing / classes) * (value - norm)
    return total / count


@given(st.integers(1, 7), st.integers(2, 5), st.floats(0, 1), st.floats(0, 0.9), st.integers(0, 99))
def test_equals_the_cross_entropy_to_mixed_labels(
    count: int, classes: int, share: float, smoothing: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, classes, dtype=torch.float64, generator=generator)
    labels = torch.randint(classes, (count,), generator=generator)
    mixture = Mixture(logits, torch.randperm(count, generator=generator), share)
    ours = float(mixed_cross_entropy(logits, labels, mixture, smoothing))
    assert ours == pytest.approx(naive(logits, labels, mixture, smoothing), rel=1e-9, abs=1e-12)


def test_gradient() -> None:
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mixture = Mixture(logits, torch.tensor([2, 3, 0, 1]), 0.3)
    assert gradcheck(lambda z: mixed_cross_entropy(z, torch.tensor([0, 1, 2, 1]), mixture, 0.1), (logits,))


@given(st.integers(1, 6), st.floats(0.01, 5), st.integers(0, 99))
def test_mixes_each_example_with_its_partner(count: int, alpha: float, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(count, 2, 3, 3, dtype=torch.float64)
    mixture = mixup(x, alpha)
    assert 0 <= mixture.share <= 1
    assert sorted(mixture.partner.tolist()) == list(range(count))
    for mixed, one, other in zip(mixture.x, x, x[mixture.partner]):
        torch.testing.assert_close(mixed, mixture.share * one + (1 - mixture.share) * other)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    """Its mean is 1/2, its variance 1 / (4 (2 alpha + 1))."""
    torch.manual_seed(0)
    shares = torch.tensor([mixup(torch.zeros(1), alpha).share for _ in range(4000)])
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)
