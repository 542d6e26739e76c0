import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import classifier_discrepancy, margin_disparity


def logits(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value) for value in row]
    return [power / sum(powers) for power in powers]


@given(st.integers(1, 8), st.integers(2, 6), st.integers(0, 99))
def test_the_discrepancy_equals_the_naive_mean(n: int, classes: int, seed: int) -> None:
    first, second = logits(n, classes, seed), logits(n, classes, seed + 100)
    pairs = [zip(softmax(a), softmax(b)) for a, b in zip(first.tolist(), second.tolist())]
    naive = statistics.fmean(sum(abs(p - q) for p, q in pair) / classes for pair in pairs)
    ours = float(classifier_discrepancy(first, second))
    assert ours == pytest.approx(naive, rel=1e-9)
    assert 0 <= ours <= 2 / classes
    assert float(classifier_discrepancy(second, first)) == pytest.approx(ours)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(2, 6), st.floats(0.5, 8), st.integers(0, 99))
def test_the_disparity_equals_the_naive_means(n: int, m: int, classes: int, margin: float, seed: int) -> None:
    source, target = logits(n, classes, seed), logits(m, classes, seed + 100)
    h_source, h_target = torch.arange(n) % classes, torch.arange(m) % classes
    agreeing = [math.log(softmax(row)[h]) for row, h in zip(source.tolist(), h_source.tolist())]
    differing = [math.log(1 - softmax(row)[h]) for row, h in zip(target.tolist(), h_target.tolist())]
    naive = statistics.fmean(differing) + margin * statistics.fmean(agreeing)
    assert float(margin_disparity(source, h_source, target, h_target, margin)) == pytest.approx(naive, rel=1e-9)


def test_gradients() -> None:
    first, second = logits(4, 3, 0).requires_grad_(), logits(4, 3, 1).requires_grad_()
    assert gradcheck(classifier_discrepancy, (first, second))
    told = torch.tensor([0, 1, 2, 0])
    assert gradcheck(lambda a, b: margin_disparity(a, told, b, told, 4.0), (first, second))


@pytest.mark.parametrize("margin", [1.0, 4.0])
def test_the_best_opponent_is_as_sure_as_the_margin_says(margin: float) -> None:
    """On features that both domains share, s = margin / (1 + margin) is where it cannot do better."""
    best = torch.tensor([[math.log(margin), 0.0]], dtype=torch.float64, requires_grad=True)
    told = torch.tensor([0])
    (gradient,) = torch.autograd.grad(margin_disparity(best, told, best, told, margin), best)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_the_disparity_stays_finite_where_the_opponent_is_sure() -> None:
    sure, told = torch.tensor([[80.0, -80.0]], requires_grad=True), torch.tensor([0])
    disparity = margin_disparity(sure, told, sure, told)
    assert disparity.item() == pytest.approx(-160)
    (gradient,) = torch.autograd.grad(disparity, sure)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3, 2), (3, 4)), ((3,), (3,))])
def test_the_discrepancy_refuses_other_shapes(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"both classifiers give logits \[n, K\], not"):
        classifier_discrepancy(*map(torch.zeros, shapes))


@pytest.mark.parametrize("shapes", [((3, 1), (3, 1)), ((3, 2), (3, 4)), ((3,), (3, 2))])
def test_the_disparity_refuses_other_shapes(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    source, target = map(torch.zeros, shapes)
    told = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"logits \[n, K >= 2\] of the same classes, not"):
        margin_disparity(source, told, target, told)
