"""Maximum mean discrepancy between two sets of features, or of several layers' features taken together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

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
    return _median(_squared_distances(both, both))


def _median(distances: Tensor) -> Tensor:
    # What rounding leaves of the distance between two copies is not a distance.
    different = distances[distances > 10 * torch.finfo(distances.dtype).eps * distances.max()]
    return different.median() if len(different) else distances.new_tensor(1.0)


@dataclass(frozen=True)
class GaussianKernel:
    """How alike two points are, from 0 (far apart) to 1 (the same).

    k(a, b) = mean over s of exp(-||a - b||^2 / (2 s bandwidth))

    Attributes:
        bandwidth: a squared distance > 0; None takes the median between the points at hand, as a constant.
        scales: the s; several make a kernel of several widths.

    >>> GaussianKernel(bandwidth=0.5, scales=(1.0,))(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    tensor([[1.0000, 0.3679],
            [0.3679, 1.0000]])
    """

    bandwidth: Tensor | float | None = None
    scales: Sequence[float] = SCALES

    def __call__(self, points: Tensor) -> Tensor:
        """Kernel values of all pairs of points [n, D], [n, n]."""
        distances = _squared_distances(points, points)
        bandwidth = _median(distances.detach()) if self.bandwidth is None else self.bandwidth
        return torch.stack([(distances / (-2 * scale * bandwidth)).exp() for scale in self.scales]).mean(0)


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
    return joint_discrepancy([source], [target], [GaussianKernel(bandwidth)])


def joint_discrepancy(source: Sequence[Tensor], target: Sequence[Tensor], kernels: Sequence[GaussianKernel]) -> Tensor:
    """Squared maximum mean discrepancy of what several layers say together, unbiased.

    As `maximum_mean_discrepancy`, k the product over the layers l of k_l(a_l, b_l): two examples are alike where all
    layers find them so. It compares the joint distributions of the layers (Long et al., ICML 2017, section 4.1).

    Args:
        source: features of each layer [n, D_l], n >= 2, row i of all from one example.
        target: features of each layer [m, D_l], m >= 2.
        kernels: k_l.

    Returns:
        A scalar, at most 2.

    Raises:
        ValueError: fewer than two examples, different widths, or layers of different examples.

    >>> x = torch.arange(100.0)[:, None] % 2
    >>> along, against = (x, x), (x, 1 - x)  # either layer by itself has one distribution
    >>> kernel = GaussianKernel(bandwidth=0.1, scales=(1.0,))
    >>> [f"{joint_discrepancy(along[:n], against[:n], [kernel] * n):.2f}" for n in (1, 2)]
    ['-0.01', '0.98']
    """
    for x, y in zip(source, target, strict=True):
        if x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 2:
            raise ValueError(
                f"the discrepancy needs two sets [n >= 2, D] of one width, not {list(x.shape)} and {list(y.shape)}"
            )
    if len({len(x) for x in source}) > 1 or len({len(y) for y in target}) > 1:
        raise ValueError("the layers must be of the same examples, but they differ in how many they have")
    pooled = map(torch.cat, zip(source, target, strict=True))
    alike = reduce(torch.mul, (kernel(points) for kernel, points in zip(kernels, pooled, strict=True)))
    n = len(source[0])
    return _mean_of_pairs(alike[:n, :n]) + _mean_of_pairs(alike[n:, n:]) - 2 * alike[:n, n:].mean()


def _mean_of_pairs(kernel: Tensor) -> Tensor:
    """Mean over pairs of different examples [n, n]; each example with itself, k = 1, is left out."""
    n = len(kernel)
    return (kernel.sum() - n) / (n * (n - 1))


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[n, m], by ||a||^2 + ||b||^2 - 2 a b; around the common centre, where cancellation loses least."""
    centre = b.mean(0).detach()
    a, b = a - centre, b - centre
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)
