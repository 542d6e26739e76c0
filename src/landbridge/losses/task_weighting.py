"""How much each of several losses counts, by how uncertain its task is."""

from torch import Tensor


def uncertainty_weighted(loss: Tensor, log_variance: Tensor, *, regression: bool) -> Tensor:
    """A task's loss under a learned noise, with what keeps the noise from growing without end.

        regression:      loss / (2 sigma^2) + log sigma      (Kendall, Gal and Cipolla, CVPR 2018, eq. 5 and 7)
        classification:  loss /    sigma^2  + log sigma      (eq. 9-10, the temperature of a softmax)

    written with s = log sigma^2, which may be any number (section 3.2): exp(-s) loss / 2 + s / 2, or without the first
    half. For a given loss the least value is at sigma^2 = loss (regression) or 2 loss (classification).

    Args:
        loss: squared error for `regression`, else cross-entropy, a scalar.
        log_variance: s, a scalar.
        regression: which of the two.

    >>> import torch
    >>> uncertainty_weighted(torch.tensor(3.0), torch.tensor(0.0), regression=True).item()
    1.5
    >>> uncertainty_weighted(torch.tensor(3.0), torch.tensor(0.0), regression=False).item()
    3.0
    """
    precision = (-log_variance).exp()
    return (0.5 if regression else 1.0) * precision * loss + 0.5 * log_variance
