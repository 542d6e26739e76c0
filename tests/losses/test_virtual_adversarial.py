import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from landbridge.losses.virtual_adversarial import virtual_adversarial, worst_direction


def network(inputs: int = 5, classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, classes)).double()


def batch(shape: tuple[int, ...] = (4, 5), seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def divergence(p: torch.Tensor, q: torch.Tensor) -> float:
    """KL(p || q) of two rows of logits, number by number."""
    first, second = ([math.exp(v) for v in row.tolist()] for row in (p, q))
    shares = [(a / sum(first), b / sum(second)) for a, b in zip(first, second)]
    return sum(a * math.log(a / b) for a, b in shares)


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_direction_is_that_of_the_power_method_on_the_true_hessian(iterations: int) -> None:
    net, x, noise = network(), batch(), batch(seed=2)
    found = worst_direction(net, x, net(x).detach().log_softmax(1), noise, probe=1e-5, iterations=iterations)
    for row, start, direction in zip(x, noise, found):
        told = net(row).detach().softmax(0)

        def away(move: torch.Tensor, row: torch.Tensor = row, told: torch.Tensor = told) -> torch.Tensor:
            return -(told * net(row + move).log_softmax(0)).sum()

        hessian = torch.autograd.functional.hessian(away, torch.zeros_like(row))
        expected = start
        for _ in range(iterations):
            expected = hessian @ (expected / expected.norm())
        torch.testing.assert_close(direction, expected / expected.norm(), rtol=1e-3, atol=1e-3)


def test_equals_the_naive_mean_of_divergences() -> None:
    net, x, noise, radius = network(), batch(), batch(seed=2), 0.7
    moved = x + radius * worst_direction(net, x, net(x).detach().log_softmax(1), noise, probe=0.007)
    with torch.no_grad():
        expected = sum(divergence(p, q) for p, q in zip(net(x), net(moved))) / len(x)
    ours = virtual_adversarial(net, x, net(x), noise, radius)
    assert ours.item() == pytest.approx(expected, rel=1e-9)
    assert (moved - x).flatten(1).norm(dim=1).tolist() == pytest.approx([radius] * len(x))


def test_the_move_found_is_worse_than_random_ones() -> None:
    net, x, radius = network(), batch((64, 5)), 0.5
    random = torch.nn.functional.normalize(batch((64, 5), seed=3), dim=1)
    with torch.no_grad():
        usual = sum(divergence(p, q) for p, q in zip(net(x), net(x + radius * random))) / len(x)
    assert virtual_adversarial(net, x, net(x), random, radius).item() > 1.5 * usual


def test_float32_finds_the_direction_of_float64() -> None:
    """Which it does not at the authors' probe of 1e-6: there, differences of predictions are rounded away."""
    net, x, noise = network(), batch((32, 5)), batch((32, 5), seed=2)
    exact = worst_direction(net, x, net(x).detach().log_softmax(1), noise, probe=0.01).float()
    net, x, noise = net.float(), x.float(), noise.float()
    told = net(x).detach().log_softmax(1)

    def agreement(probe: float) -> float:
        return float((worst_direction(net, x, told, noise, probe) * exact).sum(1).min())

    assert agreement(0.01) > 0.999
    assert agreement(1e-6) < 0.9


def test_gradient_reaches_the_weights_and_neither_the_prediction_nor_the_move() -> None:
    net, x, noise = network(), batch(), batch(seed=2)
    told = net(x).detach()
    direction = worst_direction(net, x, told.log_softmax(1), noise, probe=0.005)
    assert not direction.requires_grad
    assert all(p.grad is None for p in net.parameters()), "the search leaves no gradient"
    weight = net[2].weight.detach().clone().requires_grad_()

    def loss(free: torch.Tensor) -> torch.Tensor:
        moved = torch.func.functional_call(net, {"2.weight": free}, (x + 0.5 * direction,))
        return (told.softmax(1) * (told.log_softmax(1) - moved.log_softmax(1))).sum(1).mean()

    assert gradcheck(loss, (weight,))
    (ours,) = torch.autograd.grad(virtual_adversarial(net, x, net(x), noise, 0.5), net[2].weight)
    (expected,) = torch.autograd.grad(loss(weight), weight)
    torch.testing.assert_close(ours, expected)


def test_pictures_and_predictions_that_nothing_changes() -> None:
    x, noise = batch((2, 3, 4, 4)), batch((2, 3, 4, 4), seed=2)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).double()
    assert virtual_adversarial(flat, x, flat(x), noise, 1.0).item() > 0
    nn.init.zeros_(flat[1].weight)
    still = virtual_adversarial(flat, x, flat(x), noise, 1.0)
    still.backward()
    assert still.item() == pytest.approx(0, abs=1e-12)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in flat.parameters())


def test_works_where_gradients_are_off() -> None:
    net, x, noise = network(), batch(), batch(seed=2)
    with torch.no_grad():
        measured = virtual_adversarial(net, x, net(x), noise, 0.5)
    torch.testing.assert_close(measured, virtual_adversarial(net, x, net(x), noise, 0.5).detach())
