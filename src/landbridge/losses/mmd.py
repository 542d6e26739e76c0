"""Maximum mean discrepancy between two sets of features."""

import torch
from torch import Tensor

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Squared bandwidths of the kernels, in units of the median squared distance."""


@torch.no_grad()
def median_distance(source: Tensor, target: Tensor) -> Tensor:
    """The median squared distance between different points of both sets together, by which kernels are scaled.

    The median heuristic of Gretton et al. (JMLR 2012). Copies of one point do not count, so that it is above
    zero; where all points are one, it is 1. It has no gradient.

    Args:
        source: features [n, D].
        target: features [m, D].

    >>> median_distance(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0]]))
    tensor(9.)
    """
    both = torch.cat([source, target])
    distances = _squared_distances(both, both)
    # What rounding leaves of the distance between two copies is not a distance.
    different = distances[distances > 10 * torch.finfo(distances.dtype).eps * distances.max()]
    return different.median() if len(different) else distances.new_tensor(1.0)


def maximum_mean_discrepancy(source: Tensor, target: Tensor, bandwidth: Tensor | float | None = None) -> Tensor:
    """Squared maximum mean discrepancy, unbiased, for Gaussian kernels of several widths.

        mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j) - 2 mean over i, j of k(x_i, y_j)

    (Gretton et al., JMLR 2012, lemma 6, eq. 3), k the mean of exp(-||a - b||^2 / (2 s bandwidth)) over the `SCALES` s.
    It is zero in expectation just where both sets are drawn from one distribution, and may come out below zero.

    Args:
        source: features [n, D], n >= 2.
        target: features [m, D], m >= 2.
        bandwidth: a squared distance > 0; by default `median_distance` of the two sets, taken as a constant.

    Returns:
        A scalar, at most 2.

    Raises:
        ValueError: fewer than two examples, or different widths.

    >>> generator = torch.Generator().manual_seed(0)
    >>> x, y = torch.randn(2, 500, 3, generator=generator)
    >>> f"{maximum_mean_discrepancy(x, y):.2f} {maximum_mean_discrepancy(x, y + 1):.2f}"
    '0.00 0.16'
    """
    if source.shape[1:] != target.shape[1:] or min(len(source), len(target)) < 2:
        raise ValueError(
            f"the discrepancy needs two sets [n >= 2, D] of one width, not {list(source.shape)} and "
            f"{list(target.shape)}"
        )
    if bandwidth is None:
        bandwidth = median_distance(source, target)
    across = _kernel(source, target, bandwidth).mean()
    return _mean_of_pairs(source, bandwidth) + _mean_of_pairs(target, bandwidth) - 2 * across


def _mean_of_pairs(x: Tensor, bandwidth: Tensor | float) -> Tensor:
    """Mean kernel over pairs of different examples; each example with itself, k = 1, is left out."""
    n = len(x)
    return (_kernel(x, x, bandwidth).sum() - n) / (n * (n - 1))


def _kernel(a: Tensor, b: Tensor, bandwidth: Tensor | float) -> Tensor:
    exponents = -_squared_distances(a, b) / (2 * bandwidth)
    return torch.stack([(exponents / scale).exp() for scale in SCALES]).mean(0)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[n, m], by ||a||^2 + ||b||^2 - 2 a b; around the common centre, where cancellation loses least."""
    centre = b.mean(0).detach()
    a, b = a - centre, b - centre
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)
