"""Losses for a target with classes of its own."""

from torch import Tensor


def unknown_boundary(logits: Tensor, boundary: float = 0.5) -> Tensor:
    """Cross-entropy between "unknown with probability t" and what a model says of target examples.

        mean over x of  - t log p(unknown | x) - (1 - t) log(1 - p(unknown | x))

    (Saito et al., "Open set domain adaptation by backpropagation", ECCV 2018, eq. 3.)

    Args:
        logits: [N, K + 1], that of `unknown` last.
        boundary: t, in (0, 1).

    Returns:
        A scalar, > 0; least where p(unknown) = t for all.

    >>> import torch
    >>> unknown_boundary(torch.zeros(3, 2))
    tensor(0.6931)
    """
    said = logits.log_softmax(1)
    return -(boundary * said[:, -1] + (1 - boundary) * said[:, :-1].logsumexp(1)).mean()
