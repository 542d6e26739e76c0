"""Predictions that stay as they are in a small ball around each example."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], Tensor]


def virtual_adversarial(
    network: Network,
    x: Tensor,
    logits: Tensor,
    noise: Tensor,
    radius: float,
    *,
    probe: float = 0.01,
    iterations: int = 1,
) -> Tensor:
    """How far the worst of all small moves of an example takes its prediction away from where it stands.

        mean over x of  KL(p(x) || p(x + r)),   r = argmax over |r| <= radius of KL(p(x) || p(x + r)),

    p the softmax of the network (Miyato et al., "Virtual adversarial training", TPAMI 2018, section 3.2). The
    prediction p(x) is taken as a constant, and so is r, see `worst_direction`.

    Args:
        network: inputs to logits; called `iterations` + 1 times.
        x: inputs [N, ...].
        logits: what the network says to them [N, K].
        noise: where the search for r begins, not 0, of the shape of `x`: normal noise.
        radius: largest Euclidean norm of a move, > 0, in units of `x`.
        probe: how far the search looks, as a share of the radius.
        iterations: steps of the search, >= 1.

    Returns:
        A scalar >= 0.

    >>> right = lambda x: torch.stack([0 * x[:, 0], x[:, 0]], 1)
    >>> x = torch.tensor([[0.0, 7.0], [9.0, 7.0]])
    >>> virtual_adversarial(right, x, right(x), torch.ones(2, 2), radius=1.0)
    tensor(0.0601)
    """
    told = logits.detach().log_softmax(1)
    direction = worst_direction(network, x, told, noise, probe * radius, iterations)
    return F.kl_div(network(x + radius * direction).log_softmax(1), told, reduction="batchmean", log_target=True)


def worst_direction(
    network: Network, x: Tensor, told: Tensor, noise: Tensor, probe: float, iterations: int = 1
) -> Tensor:
    """The direction of unit length in which a prediction changes most, by the power method.

        d <- g / |g|,   g = gradient with respect to r of KL(p(x) || p(x + r)) at r = probe * d,

    which turns d towards the first eigenvector of the divergence's Hessian (Miyato et al., TPAMI 2018, section 3.3 and
    algorithm 1). The authors probe at a length of 1e-6, at which float32 no longer tells the predictions apart: here it
    is up to the caller, and predictions are made in full precision. Where nothing changes, the direction is 0.

    Args:
        network: inputs to logits.
        x: inputs [N, ...].
        told: log p(x) [N, K], without a gradient.
        noise: where d begins, of the shape of `x`.
        probe: length of the probe, > 0.
        iterations: how often d is turned, >= 1.

    Returns:
        Unit vectors, of the shape of `x`, without a gradient.
    """
    direction = _unit(noise)
    for _ in range(iterations):
        # An enabled gradient, since a caller may measure under `no_grad`.
        with torch.enable_grad(), torch.autocast(x.device.type, enabled=False):
            move = (probe * direction).requires_grad_()
            there = network(x + move).log_softmax(1)
            divergence = F.kl_div(there, told.to(there.dtype), reduction="sum", log_target=True)
            (gradient,) = torch.autograd.grad(divergence, move)
        direction = _unit(gradient)
    return direction


def _unit(vectors: Tensor) -> Tensor:
    """Each example's vector at length 1."""
    return F.normalize(vectors.flatten(1), dim=1).view_as(vectors)
