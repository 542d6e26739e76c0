"""How unsure a segmenter is of each pixel."""

import math
from typing import Any

import torch
from torch import Tensor


def entropy_map(logits: Tensor) -> Tensor:
    """The entropy of the prediction at each pixel, as a share of the largest there is.

        E(h, w) = -1 / log K  sum over k of  P(h, w, k) log P(h, w, k),   P = softmax(Z)

    (Vu et al., "ADVENT", CVPR 2019, eq. 2.)

    Args:
        logits: Z [n, K, H, W], or of any number of dimensions with the classes second; K >= 2.

    Returns:
        E [n, H, W], each in [0, 1].

    Raises:
        ValueError: fewer than two classes.

    >>> entropy_map(torch.tensor([[0.0, 1000.0], [0.0, 0.0]]).view(1, 2, 1, 2))
    tensor([[[1., -0.]]])
    """
    entropy: Tensor = _Entropy.apply(logits, _largest(logits))
    return entropy


def mean_pixel_entropy(logits: Tensor) -> Tensor:
    """The mean of the entropy map: the loss of direct entropy minimisation, MinEnt.

    Vu et al. (CVPR 2019, eq. 3) write the sum over the pixels of an image, and their published weight of 0.001 goes
    with the mean, which is what this is.

    Args:
        logits: Z [n, K, H, W], K >= 2.

    Returns:
        A scalar in [0, 1].

    >>> mean_pixel_entropy(torch.zeros(2, 5, 3, 4))
    tensor(1.)
    """
    return entropy_map(logits).mean()


def robust_entropy(logits: Tensor, eta: float = 2.0, epsilon: float = 0.001) -> Tensor:
    """The mean over pixels of a penalty on the entropy that makes little of what is nearly sure.

        rho(x) = (x^2 + epsilon^2)^eta  at each pixel, x its entropy as a share of log K

    (Yang and Soatto, "FDA", CVPR 2020, section 3.1: the Charbonnier penalty, with eta = 2.)

    Args:
        logits: Z [n, K, H, W], K >= 2.
        eta: the power, above 0.5.
        epsilon: keeps the gradient finite where the entropy is 0.

    Returns:
        A scalar, about in [0, 1].

    >>> robust_entropy(torch.zeros(1, 3, 2, 2))
    tensor(1.0000)
    """
    return (entropy_map(logits).square() + epsilon**2).pow(eta).mean()


def self_information(logits: Tensor) -> Tensor:
    """How much each class adds to the entropy of each pixel: what AdvEnt's discriminator tells the domains by.

        I(h, w, k) = -P(h, w, k) log P(h, w, k) / log K,   P = softmax(Z)

    (Vu et al., CVPR 2019, section 3.2, "weighted self-information maps"; divided by log K as their code does, so that
    the sum over k is the entropy map.)

    Args:
        logits: Z [n, K, H, W], K >= 2.

    Returns:
        I, of the same shape, each in [0, 1 / (e log K)].

    Raises:
        ValueError: fewer than two classes.

    >>> self_information(torch.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """
    # From log-probabilities: the gradient of p log p is lost where p is rounded to 0.
    log = logits.log_softmax(1)
    return log.exp() * log * (-1 / _largest(logits))


def _largest(logits: Tensor) -> float:
    """The entropy of a draw from K equal classes."""
    if logits.dim() < 2 or logits.shape[1] < 2:
        raise ValueError(f"entropy takes logits [n, K >= 2, ...], not {list(logits.shape)}")
    return math.log(logits.shape[1])


class _Entropy(torch.autograd.Function):
    """H / largest, with its gradient in closed form: dH / dz_k = -p_k (log p_k + H).

    The chain softmax, logarithm, product and sum passes over the memory of all logits several times more.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, largest: float) -> Tensor:
        log = logits.log_softmax(1)
        p = log.exp()
        entropy = torch.linalg.vecdot(p, log, dim=1).neg_()
        ctx.save_for_backward(log, p, entropy)
        ctx.largest = largest
        share: Tensor = entropy / largest
        return share

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        log, p, entropy = ctx.saved_tensors
        weight = (gradients[0] / -ctx.largest)[:, None]
        return (log + entropy[:, None]).mul_(p).mul_(weight), None
