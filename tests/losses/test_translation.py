import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import least_squares_discrimination, least_squares_fooling, semantic_consistency

ANSWERS = st.lists(st.floats(-5, 5), min_size=1, max_size=8)


@given(ANSWERS, ANSWERS)
def test_least_squares_equal_the_naive_sums(real: list[float], fake: list[float]) -> None:
    told = sum((d - 1) ** 2 for d in real) / len(real) + sum(d**2 for d in fake) / len(fake)
    fooled = sum((d - 1) ** 2 for d in fake) / len(fake)
    made, found = torch.tensor(fake, dtype=torch.float64), torch.tensor(real, dtype=torch.float64)
    assert float(least_squares_discrimination(found, made)) == pytest.approx(told / 2, rel=1e-9, abs=1e-12)
    assert float(least_squares_fooling(made)) == pytest.approx(fooled, rel=1e-9, abs=1e-12)


def test_several_answers_an_example_count_alike() -> None:
    patches = torch.rand(3, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(least_squares_fooling(patches), least_squares_fooling(patches.flatten()))


def test_meaning_equals_the_naive_sum_and_ignores_the_gradient_before() -> None:
    generator = torch.Generator().manual_seed(0)
    before = torch.randn(6, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    after = torch.randn(6, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    naive = 0.0
    for q, p in zip(before.tolist(), after.tolist()):
        naive -= p[q.index(max(q))] - math.log(sum(map(math.exp, p)))
    loss = semantic_consistency(before, after)
    assert loss.item() == pytest.approx(naive / 6, rel=1e-9)
    loss.backward()
    assert before.grad is None
    assert after.grad is not None


def test_gradients() -> None:
    real, fake = (torch.randn(4, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(least_squares_discrimination, (real, fake))
    assert gradcheck(least_squares_fooling, (fake,))
    assert gradcheck(lambda after: semantic_consistency(real.detach(), after), (fake,))
