"""Losses of the adversarial game between features and a domain discriminator."""

import torch
from torch import Tensor
from torch.nn import functional as F


def domain_classification(logits: Tensor, sources: int, weights: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of a discriminator that shall say 1 for the source and 0 for the target.

    Mean over the examples of -log D(source) and -log(1 - D(target)), D the sigmoid of the logit
    (Ganin et al., JMLR 2016, eq. 9, the two sums weighted equally where the halves are of one size).

    Args:
        logits: one logit an example, [N] or [N, 1]; the first `sources` rows are from the source.
        sources: how many rows are from the source, in [0, N].
        weights: how much each example counts [N]; all alike by default.

    Returns:
        A scalar, >= 0; log 2 where the domains are confused.

    Raises:
        ValueError: more than one logit an example. A softmax over a single unit, or two logits read as one, has no
            gradient at all or a wrong one, and goes unnoticed.

    >>> domain_classification(torch.zeros(4, 1), sources=2)
    tensor(0.6931)
    """
    flat = _one_logit_each(logits)
    return F.binary_cross_entropy_with_logits(flat, _is_source(flat, sources), weights)


def domain_accuracy(logits: Tensor, sources: int) -> Tensor:
    """Share of examples whose domain the discriminator tells rightly, in [0, 1]; 0.5 is confusion.

    Args:
        logits: as in `domain_classification`.
        sources: how many of the first rows are from the source.
    """
    flat = _one_logit_each(logits)
    return ((flat > 0) == (_is_source(flat, sources) > 0)).float().mean()


def _one_logit_each(logits: Tensor) -> Tensor:
    if logits.dim() > 1 and logits.shape[1:].numel() != 1:
        raise ValueError(f"a domain discriminator gives one logit an example, not {tuple(logits.shape[1:])}")
    return logits.flatten()


def _is_source(logits: Tensor, sources: int) -> Tensor:
    target = torch.zeros_like(logits)
    target[:sources] = 1.0
    return target
