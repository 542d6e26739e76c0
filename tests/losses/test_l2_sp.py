import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import l2_sp

SHAPES = [(3, 2), (4,), (1, 2, 2, 1), ()]


def weights(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in SHAPES]


@given(st.integers(0, 99), st.integers(1, len(SHAPES)))
def test_equals_the_naive_sum(seed: int, count: int) -> None:
    now, before = weights(seed)[:count], weights(seed + 100)[:count]
    naive = 0.0
    for one, other in zip(now, before):
        for a, b in zip(one.flatten().tolist(), other.flatten().tolist()):
            naive += (a - b) ** 2 / 2
    assert float(l2_sp(now, before)) == pytest.approx(naive, rel=1e-12)


def test_the_gradient_is_the_way_back() -> None:
    now, before = [value.requires_grad_() for value in weights(0)], weights(1)
    assert gradcheck(lambda *values: l2_sp(values, before), tuple(now))
    for gradient, one, other in zip(torch.autograd.grad(l2_sp(now, before), now), now, before):
        torch.testing.assert_close(gradient, (one - other).detach())


def test_as_many_starts_as_weights() -> None:
    with pytest.raises(ValueError, match="shorter"):
        l2_sp(weights(0), weights(1)[:2])
