"""How far two classifiers disagree: what an opponent of the features can make of the target."""

import math

from torch import Tensor
from torch.nn import functional as F


def classifier_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of what two classifiers predict.

        mean over examples of  1 / K sum over classes k of |p1_k - p2_k|

    (Saito et al., CVPR 2018, section 3.2), p1 and p2 the softmax of the logits.

    Args:
        first: logits of the one classifier [n, K], n >= 1.
        second: logits of the other [n, K].

    Returns:
        A scalar in [0, 2 / K]; 0 where both predict the same.

    Raises:
        ValueError: the two differ in shape.

    >>> import torch
    >>> sure = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    >>> classifier_discrepancy(sure, sure), classifier_discrepancy(sure, -sure)
    (tensor(0.), tensor(1.))
    """
    if first.dim() != 2 or first.shape != second.shape:
        raise ValueError(f"both classifiers give logits [n, K], not {list(first.shape)} and {list(second.shape)}")
    return (first.softmax(1) - second.softmax(1)).abs().mean()


def margin_disparity(
    source: Tensor, source_classes: Tensor, target: Tensor, target_classes: Tensor, margin: float = 4.0
) -> Tensor:
    """How much more a second classifier disagrees with a first one on the target than on the source.

        mean over the target of log(1 - s_h(z)) + margin * mean over the source of log s_h(z),

    s_h(z) the softmax of the second one's logits z at the class h that the first one predicts (Zhang et al., ICML 2019,
    section 5.2). The second one raises it, to agree on the source and disagree on the target; the features lower it. On
    the target log(1 - s) stands for -log s, which an opponent could raise without end. At the best second classifier
    s = margin / (1 + margin) where the features of both domains are alike.

    Args:
        source: logits of the second classifier on the source [n, K], n >= 1, K >= 2.
        source_classes: class numbers that the first one predicts there [n].
        target: logits of the second classifier on the target [m, K], m >= 1.
        target_classes: class numbers that the first one predicts there [m].
        margin: gamma > 0; how much agreeing on the source counts.

    Returns:
        A scalar <= 0.

    Raises:
        ValueError: a single class, or different numbers of them.

    >>> import torch
    >>> margin_disparity(torch.zeros(1, 2), torch.tensor([0]), torch.zeros(1, 2), torch.tensor([0]), margin=1.0)
    tensor(-1.3863)
    """
    if source.dim() != 2 or target.dim() != 2 or source.shape[1] != target.shape[1] or source.shape[1] < 2:
        raise ValueError(
            f"the disparity needs logits [n, K >= 2] of the same classes, not {list(source.shape)} and "
            f"{list(target.shape)}"
        )
    agreeing = -F.cross_entropy(source, source_classes)
    others = target.scatter(1, target_classes[:, None], -math.inf)
    differing = (others.logsumexp(1) - target.logsumexp(1)).mean()
    return differing + margin * agreeing
