"""Gradients of several tasks, made to stop working against each other."""

from collections.abc import Sequence

import torch
from torch import Tensor


def without_conflicts(gradients: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """The sum of the tasks' gradients, each first freed of what points against the others'.

        for each task i: g = g_i;  for each j != i in random order with g . g_j < 0:
            g <- g - (g . g_j / ||g_j||^2) g_j

    (Yu et al., NeurIPS 2020, algorithm 1), g_j always as it was at first.

    Args:
        gradients: of each task in the shared parameters, [T, D].
        orders: for each task in which order it meets the tasks; itself is passed over.

    Returns:
        The sum over the tasks, [D].

    >>> against = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    >>> without_conflicts(against, [[0, 1], [0, 1]])
    tensor([0.5000, 1.5000])
    """
    squares = gradients.square().sum(1)
    freed = []
    for task, order in enumerate(orders):
        gradient = gradients[task]
        for other in order:
            along = gradient @ gradients[other]
            if other != task and along < 0:
                gradient = gradient - along / squares[other] * gradients[other]
        freed.append(gradient)
    return torch.stack(freed).sum(0)


def conflicts(gradients: Tensor) -> Tensor:
    """The share of pairs of tasks whose gradients point against each other (a cosine below 0), in [0, 1].

    Yu et al., NeurIPS 2020, definition 1.

    >>> conflicts(torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, 1.0]]))
    tensor(0.3333)
    """
    tasks = len(gradients)
    above = torch.triu(torch.ones(tasks, tasks, dtype=torch.bool, device=gradients.device), diagonal=1)
    return ((gradients @ gradients.T)[above] < 0).float().mean()
