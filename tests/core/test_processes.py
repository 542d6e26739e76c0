from typing import Any

import torch

from landbridge.core.processes import average_gradients, gather, noise_like, share_buffers, world
from two_processes import Pair


def averaged(rank: int) -> list[Any]:
    parameters = [
        torch.nn.Parameter(torch.zeros(2, 3)),
        torch.nn.Parameter(torch.zeros(4)),
        torch.nn.Parameter(torch.zeros(1)),
    ]
    parameters[0].grad = torch.full((2, 3), float(rank))
    parameters[1].grad = torch.full((4,), 10.0 * (rank + 1)) if rank else None
    parameters[2].grad = torch.tensor([2.0 * rank])
    average_gradients(parameters)
    return [p.grad.flatten().tolist() for p in parameters if p.grad is not None]


def buffers(rank: int) -> float:
    module = torch.nn.BatchNorm1d(1)
    module.running_mean.fill_(rank + 5.0)
    share_buffers(module)
    return float(module.running_mean)


def gathered(rank: int) -> tuple[Any, Any]:
    """The loss over both processes' rows, and the gradient averaged over processes of a weight that made them."""
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    rows = (torch.arange(6, dtype=torch.float64).view(2, 3)[rank] + 1) * weight
    loss = gather(rows[:, None]).var() ** 2
    loss.backward()
    average_gradients([weight])
    return float(loss), float(weight.grad)


def noise(rank: int) -> Any:
    torch.manual_seed(rank)
    return noise_like(torch.empty(3, 2)).tolist()


def test_alone() -> None:
    assert world() == (0, 1)
    x = torch.ones(2)
    assert gather(x) is x


def test_gradients_are_averaged_and_a_missing_one_is_zero(pair: Pair) -> None:
    for answer in pair.run(averaged):
        assert answer == [[0.5] * 6, [10.0] * 4, [1.0]]


def test_buffers_of_the_first(pair: Pair) -> None:
    assert pair.run(buffers) == [5.0, 5.0]


def test_gathered_losses_equal_one_process(pair: Pair) -> None:
    weight = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    loss = ((torch.arange(6, dtype=torch.float64) + 1) * weight).var() ** 2
    loss.backward()
    for ours, gradient in pair.run(gathered):
        assert abs(ours - float(loss)) < 1e-9
        assert abs(gradient - float(weight.grad)) < 1e-9


def test_noise_is_that_of_one_process_with_the_whole_batch(pair: Pair) -> None:
    """Each process has every second row, as it has every second example."""
    torch.manual_seed(0)
    whole = noise_like(torch.empty(6, 2))
    assert pair.run(noise) == [whole[0::2].tolist(), whole[1::2].tolist()]
