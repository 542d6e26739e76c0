import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import adamine
from landbridge.losses.adamine import active_mean
from naive_pairs import related, relation, table, turned, vectors


def mean_of_active(losses: list[float]) -> float:
    active = [each for each in losses if each > 0]
    return math.fsum(active) / len(active) if active else 0.0


def naive(s: list[list[float]], own: list[list[bool]], classes: list[int], margin: float, weight: float) -> float:
    """Triplet by triplet."""
    total, everyone = 0.0, range(len(s))
    for scores, belong in ((s, own), (turned(s), turned(own))):
        instance = [
            max(0.0, margin - scores[q][p] + scores[q][n])
            for q in everyone
            for p in everyone
            for n in everyone
            if belong[q][p] and not belong[q][n]
        ]
        semantic = [
            max(0.0, margin - scores[q][p] + scores[q][n])
            for q in everyone
            for p in everyone
            for n in everyone
            if min(classes[q], classes[p], classes[n]) >= 0
            and classes[q] == classes[p] != classes[n]
            and not belong[q][p]
            and not belong[q][n]
        ]
        total += mean_of_active(instance) + weight * mean_of_active(semantic)
    return total


@pytest.mark.parametrize("layout", ["alone", "ids", "mask", "all"])
@given(n=st.integers(1, 7), margin=st.floats(0.05, 2), weight=st.floats(0, 2), seed=st.integers(0, 99))
def test_equals_the_naive_triplets(layout: str, n: int, margin: float, weight: float, seed: int) -> None:
    a, b = vectors(n, 3, seed), vectors(n, 3, seed + 100)
    positives = relation(layout, n, n, seed)
    classes = torch.randint(-1, 3, (n,), generator=torch.Generator().manual_seed(seed))
    expected = naive(table(a, b, "cosine"), related(positives, n, n), classes.tolist(), margin, weight)
    assert float(adamine(a, b, classes, positives, margin=margin, weight=weight)) == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def test_gradient() -> None:
    a, b = vectors(6, 3, 0).requires_grad_(), vectors(6, 3, 1).requires_grad_()
    classes = torch.tensor([0, 0, 1, 1, -1, 0])
    assert gradcheck(lambda x, y: adamine(x, y, classes, weight=0.5), (a, b))


def test_satisfied_triplets_do_not_thin_out_the_gradient() -> None:
    """Adaptive mining: negatives that are already far change nothing, however many they are."""
    scores = torch.tensor([[0.5, 0.4, 0.3]])
    positive = torch.tensor([[True, False, False]])
    many = torch.cat([scores, torch.full((1, 100), -1.0)], 1)
    also = torch.cat([positive, torch.zeros(1, 100, dtype=torch.bool)], 1)
    assert float(active_mean(many, also, ~also, 0.3)) == pytest.approx(
        float(active_mean(scores, positive, ~positive, 0.3))
    )
    assert float(active_mean(scores, positive, ~positive, 0.3)) == pytest.approx(0.15)


def test_nothing_to_compare_is_zero() -> None:
    x = torch.eye(3, requires_grad=True)
    loss = adamine(x, torch.eye(3), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 0]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(x.grad, torch.zeros(3, 3))


def test_refuses_classes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"one class a pair \[N\], not \[2\] for 3 and 3 vectors"):
        adamine(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
