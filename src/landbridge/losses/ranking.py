"""Ranking losses: the true class's score shall lead those of the others by a margin."""

import torch
from torch import Tensor

from landbridge.losses.triplet import hinge


def hinge_rank(scores: Tensor, y: Tensor, margin: float = 0.1) -> Tensor:
    """What each wrong class lacks of lying a margin behind the true one, summed.

        mean over i of  sum over c != y_i of max(0, margin - F(x_i, y_i) + F(x_i, c))

    (Frome et al., NIPS 2013, equation 1, where the margin is 0.1): `triplet`, with the class words as candidates.

    Args:
        scores: F(x_i, c) [N, C], C >= 2.
        y: true classes [N], in [0, C).
        margin: > 0.

    Returns:
        A scalar, >= 0.

    >>> hinge_rank(torch.tensor([[1.0, 0.95, 0.0]]), torch.tensor([0]))
    tensor(0.0500)
    """
    return _violations(scores, y, margin).sum(1).mean()


def devise(images: Tensor, words: Tensor, y: Tensor, margin: float = 0.1) -> Tensor:
    """How far images lie from leading their class's word before the words of all other classes.

        mean over i of  sum over c != y_i of max(0, margin - <x_i, w_{y_i}> + <x_i, w_c>)

    the dot form of `triplet`, summed over the wrong words (Frome et al., NIPS 2013, equation 1; there, the word vectors
    have length 1, and x_i is a linear map of an image's features).

    Args:
        images: the x_i [N, D].
        words: the w_c [C, D], C >= 2.
        y: true classes [N], in [0, C).
        margin: > 0.

    Returns:
        A scalar, >= 0.

    >>> devise(torch.tensor([[1.0, 0.95]]), torch.eye(2), torch.tensor([0]))
    tensor(0.0500)
    """
    return hinge_rank(images @ words.T, y, margin)


def weighted_rank(scores: Tensor, y: Tensor, margin: float = 1.0) -> Tensor:
    """As `hinge_rank`, weighted so that the top of the ranking counts most.

        mean over i of  beta(r_i) / r_i  sum over c != y_i of max(0, margin + F(x_i, c) - F(x_i, y_i)),
        r_i = |{c != y_i: margin + F(x_i, c) > F(x_i, y_i)}|,   beta(r) = 1 + 1/2 + ... + 1/r

    (Akata et al., TPAMI 2016, section 3.3: the weighted approximate ranking of Usunier et al., ICML 2009, over all
    classes rather than sampled ones). The weights are taken as constants.

    Args:
        scores: F(x_i, c) [N, C], C >= 2.
        y: true classes [N], in [0, C).
        margin: > 0.

    Returns:
        A scalar, >= 0.

    >>> weighted_rank(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([0]))
    tensor(1.5000)
    """
    violations = _violations(scores, y, margin)
    rank = (violations > 0).sum(1)
    steps = 1 / torch.arange(1, scores.shape[1] + 1, dtype=scores.dtype, device=scores.device)
    beta = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    return (beta[rank] / rank.clamp(min=1) * violations.sum(1)).mean()


def structured_hinge(scores: Tensor, y: Tensor, margin: float = 1.0) -> Tensor:
    """What the worst wrong class lacks of lying a margin behind the true one.

        mean over i of  max over c of max(0, margin [c != y_i] + F(x_i, c) - F(x_i, y_i))

    (Akata et al., CVPR 2015, section 3.2; the structured hinge of Tsochantaridis et al., JMLR 2005).

    Args:
        scores: F(x_i, c) [N, C], C >= 2.
        y: true classes [N], in [0, C).
        margin: > 0.

    Returns:
        A scalar, >= 0.

    >>> structured_hinge(torch.tensor([[1.0, 0.5, 0.25]]), torch.tensor([0]))
    tensor(0.5000)
    """
    return _violations(scores, y, margin).amax(1).mean()


def _violations(scores: Tensor, y: Tensor, margin: float) -> Tensor:
    """max(0, margin + F(x_i, c) - F(x_i, y_i)) [N, C], 0 for the true class."""
    if scores.dim() != 2 or y.shape != scores.shape[:1]:
        raise ValueError(f"scores [N, C] and classes [N], not {list(scores.shape)} and {list(y.shape)}")
    lacking = hinge(scores.gather(1, y[:, None]), scores, margin)
    return lacking.masked_fill(torch.zeros_like(lacking).scatter(1, y[:, None], 1.0).bool(), 0.0)
