"""Gradient reversal: the identity forwards, minus lambda times the gradient backwards."""

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * -ctx.weight, None


def reverse_gradient(x: Tensor, weight: float = 1.0) -> Tensor:
    """Pass `x` on unchanged; on the way back multiply its gradient by `-weight`.

    What lies before the reversal learns to *raise* the loss that what lies behind it lowers: a minimax game in one
    backward pass (Ganin and Lempitsky, ICML 2015, eq. 7-8).

    Args:
        x: any tensor.
        weight: lambda, the strength of the reversal; 0 cuts the gradient.

    >>> x = torch.ones(2, requires_grad=True)
    >>> reverse_gradient(x, 0.5).sum().backward()
    >>> x.grad
    tensor([-0.5000, -0.5000])
    """
    reversed_: Tensor = _Reverse.apply(x, weight)
    return reversed_
