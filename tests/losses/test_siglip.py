import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.nn import functional as F

from landbridge.losses import siglip
from naive_pairs import LAYOUTS, related, relation, small_blocks, table, vectors


def naive(s: list[list[float]], own: list[list[bool]], scale: float, bias: float) -> float:
    """Pair by pair, as the equation stands."""
    total = 0.0
    for row, of_row in zip(s, own, strict=True):
        for x, its in zip(row, of_row, strict=True):
            total += math.log(1 / (1 + math.exp(-(1 if its else -1) * (scale * x + bias))))
    return -total / len(s)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    n=st.integers(1, 6),
    more=st.integers(0, 3),
    similarity=st.sampled_from(["cosine", "dot"]),
    scale=st.floats(0.1, 20),
    bias=st.floats(-10, 10),
    entries=st.sampled_from([1, 10, 1000]),
    seed=st.integers(0, 99),
)
def test_equals_the_naive_sum(
    layout: str, n: int, more: int, similarity: str, scale: float, bias: float, entries: int, seed: int
) -> None:
    m = n if layout in ("alone", "ids") else n + more
    a, b = vectors(n, 3, seed), vectors(m, 3, seed + 100)
    positives = relation(layout, n, m, seed)
    expected = naive(table(a, b, similarity), related(positives, n, m), scale, bias)
    with small_blocks(entries):
        ours = siglip(a, b, positives, scale=scale, bias=bias, similarity=similarity)
    assert float(ours) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(layout: str) -> None:
    a, b = vectors(5, 3, 0).requires_grad_(), vectors(5, 3, 1).requires_grad_()
    scale, bias = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (1.5, -0.5))
    positives = relation(layout, 5, 5, 2)
    with small_blocks(10):
        assert gradcheck(lambda x, y, s, t: 3 * siglip(x, y, positives, scale=s, bias=t), (a, b, scale, bias))
        assert gradcheck(lambda x, s: siglip(x, b.detach(), positives, scale=s.exp(), similarity="dot"), (a, scale))


def test_only_the_scale_learns() -> None:
    """Frozen towers: the gradient of the scale does not need theirs."""
    a, b, scale = vectors(5, 3, 0), vectors(5, 3, 1), torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda s: siglip(a, b, scale=s), scale)


def test_equals_the_loss_of_open_clip() -> None:
    open_clip = pytest.importorskip("open_clip")
    image, text = (F.normalize(vectors(300, 16, seed), dim=1).requires_grad_() for seed in (0, 1))
    scale, bias = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (10.0, -10.0))
    theirs = open_clip.loss.SigLipLoss()(image, text, scale, bias)
    with small_blocks(1000):
        ours = siglip(image, text, scale=scale, bias=bias, similarity="dot")
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    inputs = (image, text, scale, bias)
    for mine, its in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs)):
        assert (mine - its).norm() <= 1e-10 * its.norm()


def test_large_logits_stay_numbers() -> None:
    a, b = (1e3 * vectors(4, 8, seed).float() for seed in (0, 1))
    a.requires_grad_()
    loss = siglip(a, b, similarity="dot")
    loss.backward()
    assert loss.isfinite()
    assert a.grad.isfinite().all()
    assert float(loss.detach()) == pytest.approx(
        float(siglip(a.detach().double(), b.double(), similarity="dot")), rel=1e-5
    )


def test_without_gradient_none_is_computed() -> None:
    a, b = vectors(4, 3, 0).requires_grad_(), vectors(4, 3, 1)
    with torch.no_grad():
        quiet = siglip(a, b)
    assert not quiet.requires_grad
    assert torch.equal(quiet, siglip(a, b).detach())
