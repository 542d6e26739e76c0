"""The balance of gradients, against a network whose norms are differentiated as the paper writes them."""

import torch
from torch import nn

from landbridge.losses.gradnorm import gradient_balance


def test_against_the_second_derivative_of_a_network() -> None:
    """Algorithm 1, with `create_graph`: the gradient in the weights is the same."""
    torch.manual_seed(0)
    shared, heads = nn.Linear(5, 4).double(), [nn.Linear(4, 1).double() for _ in range(3)]
    x, targets = torch.randn(8, 5, dtype=torch.float64), torch.randn(3, 8, 1, dtype=torch.float64)
    weights = torch.tensor([0.5, 1.7, 0.8], dtype=torch.float64, requires_grad=True)
    initial, alpha = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64), 1.5
    losses = [(head(shared(x).tanh()) - y).square().mean() for head, y in zip(heads, targets)]

    norms = []
    for weight, loss in zip(weights, losses):
        (gradient,) = torch.autograd.grad(weight * loss, shared.weight, create_graph=True)
        norms.append(gradient.norm())
    mean = sum(float(norm.detach()) for norm in norms) / 3
    ratios = [float(loss.detach() / first) for loss, first in zip(losses, initial)]
    naive = torch.zeros((), dtype=torch.float64)
    for norm, ratio in zip(norms, ratios):
        naive = naive + (norm - mean * (ratio / (sum(ratios) / 3)) ** alpha).abs()
    (expected,) = torch.autograd.grad(naive, weights, retain_graph=True)

    plain = torch.stack([torch.autograd.grad(loss, shared.weight, retain_graph=True)[0].norm() for loss in losses])
    ours = gradient_balance(weights, plain, torch.stack(losses), initial, alpha)
    (gradient,) = torch.autograd.grad(ours, weights)
    torch.testing.assert_close(ours, naive)
    torch.testing.assert_close(gradient, expected)


def test_equal_tasks_are_in_balance() -> None:
    one = torch.ones(4)
    assert gradient_balance(one, one, one, one, 1.5) == 0


def test_a_slow_task_is_to_have_a_larger_gradient() -> None:
    """The first task has not learned anything yet, the other has: the first one's weight is to rise."""
    weights = torch.ones(2, requires_grad=True)
    gradient_balance(weights, torch.ones(2), torch.tensor([1.0, 0.1]), torch.ones(2), 1.0).backward()
    assert weights.grad is not None
    assert weights.grad[0] < 0 < weights.grad[1]


def test_alpha_of_zero_only_makes_norms_equal() -> None:
    values = [gradient_balance(torch.ones(2), torch.ones(2), torch.tensor([3.0, 0.1]), torch.ones(2), 0.0)]
    assert values == [0]
