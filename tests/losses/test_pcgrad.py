"""Gradients without conflicts, against algorithm 1 in plain Python."""

import itertools
import math

import pytest
import torch

from landbridge.losses.pcgrad import conflicts, without_conflicts


def naive(gradients: list[list[float]], orders: list[list[int]]) -> list[float]:
    total = [0.0] * len(gradients[0])
    for i, order in enumerate(orders):
        g = list(gradients[i])
        for j in order:
            if j == i:
                continue
            dot = math.fsum(a * b for a, b in zip(g, gradients[j]))
            if dot < 0:
                square = math.fsum(b * b for b in gradients[j])
                g = [a - dot / square * b for a, b in zip(g, gradients[j])]
        total = [a + b for a, b in zip(total, g)]
    return total


@pytest.mark.parametrize("seed", range(20))
def test_against_plain_python(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    gradients = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    orders = [torch.randperm(4, generator=generator).tolist() for _ in range(4)]
    expected = torch.tensor(naive(gradients.tolist(), orders), dtype=torch.float64)
    torch.testing.assert_close(without_conflicts(gradients, orders), expected)


def test_the_order_matters_where_three_tasks_fight() -> None:
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [-0.5, -1.0]])
    sums = {tuple(without_conflicts(gradients, [list(o)] * 3).tolist()) for o in itertools.permutations(range(3))}
    assert len(sums) > 1


def test_two_tasks_end_up_without_conflict() -> None:
    one, other = torch.tensor([[1.0, 0.2]]), torch.tensor([[-1.0, 1.0]])
    both = torch.cat([one, other])
    assert (without_conflicts(both, [[1], [0]]) @ both.T >= -1e-6).all()


def test_agreeing_tasks_are_added_up() -> None:
    gradients = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert torch.equal(without_conflicts(gradients, [[1, 0], [0, 1]]), gradients.sum(0))


def test_a_task_without_gradient_changes_nothing() -> None:
    gradients = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    assert torch.equal(without_conflicts(gradients, [[1], [0]]), gradients[0])
    assert conflicts(gradients) == 0
