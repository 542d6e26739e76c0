import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import certainty, class_confusion


def logits(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive(z: torch.Tensor, temperature: float) -> float:
    """Entry by entry, as the equations stand."""
    told = []
    for row in z.tolist():
        powers = [math.exp(v / temperature) for v in row]
        told.append([p / sum(powers) for p in powers])
    weights = [1 + math.exp(sum(p * math.log(p) for p in row)) for row in told]
    weights = [len(told) * w / sum(weights) for w in weights]
    k, total = z.shape[1], 0.0
    for j in range(k):
        entries = [sum(w * row[j] * row[other] for w, row in zip(weights, told)) for other in range(k)]
        total += sum(entry for other, entry in enumerate(entries) if other != j) / sum(entries)
    return total / k


@given(st.integers(1, 9), st.integers(2, 6), st.floats(0.5, 5), st.integers(0, 99))
def test_equals_the_naive_sum(n: int, classes: int, temperature: float, seed: int) -> None:
    z = logits(n, classes, seed)
    assert float(class_confusion(z, temperature)) == pytest.approx(naive(z, temperature), rel=1e-9)


@given(st.integers(2, 9), st.integers(2, 6), st.integers(0, 99))
def test_its_bounds_and_its_weights(n: int, classes: int, seed: int) -> None:
    z = logits(n, classes, seed)
    assert 0 <= float(class_confusion(z)) <= 1 - 1 / classes + 1e-9
    assert ((1 + 1 / classes - 1e-9 <= certainty(z.softmax(1))) & (certainty(z.softmax(1)) <= 2)).all()
    assert float(class_confusion(torch.zeros(n, classes))) == pytest.approx(1 - 1 / classes)


def test_the_gradient_takes_weights_as_constants() -> None:
    z = logits(5, 4, 0).requires_grad_()
    (ours,) = torch.autograd.grad(class_confusion(z), z)
    told, weights = (z / 2.5).softmax(1), certainty((z / 2.5).softmax(1))
    assert not weights.requires_grad

    def weighed(free: torch.Tensor) -> torch.Tensor:
        soft = (free / 2.5).softmax(1)
        rows = (soft * weights[:, None]).T @ soft
        rows = rows / rows.sum(1, keepdim=True)
        return (rows.sum() - rows.trace()) / 4

    assert told.requires_grad
    assert gradcheck(weighed, (z,))
    torch.testing.assert_close(ours, torch.autograd.grad(weighed(z), z)[0])


@pytest.mark.parametrize("shape", [(0, 3), (4, 1), (4,)])
def test_what_it_refuses(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="class confusion needs logits"):
        class_confusion(torch.zeros(shape))
