"""What makes a rule the same in several source domains, so that it may hold in one never seen."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F


def moment_gap(features: Tensor, group: Tensor) -> Tensor:
    """How far the means and the covariances of the groups lie apart, on average over pairs of groups.

        ||m_a - m_b||^2 / D + ||C_a - C_b||_F^2 / D^2,  C = (X - m)^T (X - m) / (n - 1)

    (CORAL between source domains, as in DomainBed, Gulrajani and Lopez-Paz, ICLR 2021: mean squared differences.)

    Args:
        features: [N, D].
        group: which group each example is from, int64 [N]; those with a single example are left out.

    Returns:
        A scalar, >= 0; 0 where fewer than two groups are left.

    >>> x = torch.tensor([[0.0], [2.0], [1.0], [3.0], [0.0]])
    >>> moment_gap(x, torch.tensor([0, 0, 1, 1, 2]))
    tensor(1.)
    """
    parts = [features[group == one] for one in group.unique()]
    moments = [(part.mean(0), part.T.cov().view(part.shape[1], -1)) for part in parts if len(part) > 1]
    gaps = [
        (mean - other_mean).square().mean() + (covariance - other).square().mean()
        for (mean, covariance), (other_mean, other) in combinations(moments, 2)
    ]
    return torch.stack(gaps).mean() if gaps else features.sum() * 0


def mean_by_group(values: Tensor, group: Tensor, count: int) -> Tensor:
    """The mean of the values [N] in each of `count` groups; 0 for a group without any.

    >>> mean_by_group(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 3)
    tensor([2., 0., 5.])
    """
    members = F.one_hot(group, count).to(values)
    return values @ members / members.sum(0).clamp_min(1)


def scale_penalty(logits: Tensor, labels: Tensor, group: Tensor, count: int) -> Tensor:
    """By how much each group would rather have all logits scaled.

        mean over groups e of (d/dw R_e(w z) at w = 1)^2,  d/dw = mean over e of (sum_k p_k z_k - z_y)

    R_e the cross-entropy in group e (invariant risk minimisation, IRMv1, Arjovsky et al., arXiv:1907.02893, section
    3.1; the derivative is written out).

    Args:
        logits: z, [N, K].
        labels: class numbers y [N].
        group: which group each example is from, int64 [N].
        count: how many groups there are.

    Returns:
        A scalar, >= 0; 0 where no group gains by scaling.

    >>> scale_penalty(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1]), torch.tensor([0, 1]), 2)
    tensor(0.)
    """
    slope = (logits.softmax(1) * logits).sum(1) - logits.gather(1, labels[:, None])[:, 0]
    return mean_by_group(slope, group, count).square().mean()
