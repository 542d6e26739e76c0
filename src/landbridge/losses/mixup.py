"""Learning from mixtures of two examples."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Mixture(NamedTuple):
    """A batch mixed with itself.

    Attributes:
        x: share * x_i + (1 - share) * x_partner(i), of the shape of the batch.
        partner: position in the batch of the example mixed in, int64 [N].
        share: of the first example, in [0, 1].
    """

    x: Tensor
    partner: Tensor
    share: float


def mixup(x: Tensor, alpha: float) -> Mixture:
    """Mix each example with another of its batch, all by one share drawn from Beta(alpha, alpha).

    Zhang et al., ICLR 2018, eq. 1; one share a batch, as in their algorithm.

    Args:
        x: inputs or features [N, ...].
        alpha: > 0; the larger, the more even the mixture.

    Returns:
        The mixtures, and how they came about.

    >>> mixture = mixup(torch.arange(4.0), 0.2)
    >>> bool(torch.isclose(mixture.x, mixture.share * torch.arange(4.0) + (1 - mixture.share) * mixture.partner).all())
    True
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    partner = torch.randperm(len(x), device=x.device)
    return Mixture(torch.lerp(x[partner], x, share), partner, share)


def mixed_cross_entropy(logits: Tensor, labels: Tensor, mixture: Mixture, label_smoothing: float = 0.0) -> Tensor:
    """The cross-entropy to the labels of both examples of each mixture, by their shares.

    share * CE(z, y) + (1 - share) * CE(z, y_partner), which is the cross-entropy to the mixed one-hot labels.

    Args:
        logits: [N, classes] of the mixtures.
        labels: class numbers of the batch before it was mixed, int64 [N].
        mixture: what `mixup` returned.
        label_smoothing: in [0, 1).

    Returns:
        A scalar >= 0.

    >>> mixture = Mixture(torch.zeros(2, 1), partner=torch.tensor([1, 0]), share=0.25)
    >>> mixed_cross_entropy(torch.tensor([[100.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]), mixture)
    tensor(37.8466)
    """
    first = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    second = F.cross_entropy(logits, labels[mixture.partner], label_smoothing=label_smoothing)
    return mixture.share * first + (1 - mixture.share) * second
