"""Staying near where training began."""

from collections.abc import Sequence

import torch
from torch import Tensor


def l2_sp(parameters: Sequence[Tensor], start: Sequence[Tensor]) -> Tensor:
    """Half the squared distance of the weights from where they started.

    1/2 ||w - w0||^2, summed over all parameters (Li, Grandvalet and Davoine, ICML 2018, eq. 3, without its factors).

    Args:
        parameters: the weights now, at least one, any shapes.
        start: the weights at the start, of the same shapes.

    Returns:
        A scalar >= 0.

    >>> l2_sp([torch.tensor([3.0, 0.0])], [torch.tensor([1.0, 0.0])])
    tensor(2.)
    """
    pairs = zip(parameters, start, strict=True)
    return 0.5 * torch.stack([(now - before).square().sum() for now, before in pairs]).sum()
