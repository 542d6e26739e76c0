"""Learning from labelled pixels, some of which are void, and from pixels that a network labels itself."""

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.processes import gather
from landbridge.core.void import VOID


def pixel_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean cross-entropy of the labelled pixels.

        1 / |L|  sum over pixels i in L of  -w_i log p_i(y_i),   L those that are not void.

    Args:
        logits: [n, K, H, W].
        labels: y, class numbers int64 [n, H, W]; `VOID` where there is none.
        weights: w, [n, H, W] or what is broadcast to it; 1 by default.

    Returns:
        A scalar >= 0; 0, with a gradient of 0, where every pixel is void.

    >>> labels, void = torch.tensor([[[0, VOID]]]), torch.tensor([[[VOID, VOID]]])
    >>> pixel_cross_entropy(torch.zeros(1, 2, 1, 2), labels), pixel_cross_entropy(torch.zeros(1, 2, 1, 2), void)
    (tensor(0.6931), tensor(0.))
    """
    # The mean is over the pixels of all processes together, so that many void ones in one of them change nothing.
    count = gather((labels != VOID).sum().view(1)).float().mean().clamp_min(1)
    if weights is None:
        return F.cross_entropy(logits, labels, ignore_index=VOID, reduction="sum") / count
    return (F.cross_entropy(logits, labels, ignore_index=VOID, reduction="none") * weights).sum() / count


@torch.no_grad()
def pixel_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of the labelled pixels whose likeliest class is the right one, in [0, 1]; 0 where all are void.

    Args:
        logits: [n, K, H, W].
        labels: class numbers int64 [n, H, W]; `VOID` where there is none.

    >>> pixel_accuracy(torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]]]), torch.tensor([[[0, VOID]]]))
    tensor(1.)
    """
    return (logits.argmax(1) == labels).sum() / (labels != VOID).sum().clamp_min(1)


@torch.no_grad()
def sure_share(probabilities: Tensor, threshold: float = 0.968) -> Tensor:
    """How far a teacher is to be trusted on each image: the share of pixels that it is sure of.

        q = 1 / (H W)  sum over pixels of  [max_k p_k > threshold]

    (Tranheden et al., "DACS", WACV 2021, section 3.2, whose threshold this is; Hoyer et al., "DAFormer", CVPR 2022,
    section 3.1; "MIC", CVPR 2023, section 3.1.)

    Args:
        probabilities: p [n, K, H, W].
        threshold: in [0, 1].

    Returns:
        q [n], in [0, 1], without a gradient.

    >>> sure_share(torch.tensor([[[[0.99, 0.6]], [[0.01, 0.4]]]]))
    tensor([0.5000])
    """
    return (probabilities.amax(1) > threshold).to(probabilities.dtype).mean((1, 2))


@torch.no_grad()
def class_thresholds(certainty: Tensor, labels: Tensor, classes: int, share: float) -> Tensor:
    """For each class the certainty that the surest `share` of the pixels called so reach.

    With the M_k certainties of class k in descending order, exp(-lambda_k) is that at the place floor(share M_k)
    (Zou et al., "Class-balanced self-training", ECCV 2018, algorithm 2): rare and hard classes, of which a network is
    never very sure, get labels as frequent ones do.

    Args:
        certainty: the largest probability of each pixel, [M], in any order.
        labels: the class of it, int64 [M].
        classes: how many there are.
        share: in (0, 1].

    Returns:
        exp(-lambda), [classes]; 1 for a class that no pixel is called.

    >>> class_thresholds(torch.tensor([0.9, 0.5, 0.7, 0.6]), torch.tensor([0, 0, 0, 1]), 3, 0.67)
    tensor([0.7000, 0.6000, 1.0000])
    """
    by_certainty = certainty.argsort(descending=True)
    order = by_certainty[labels[by_certainty].argsort(stable=True)]
    counts = torch.bincount(labels, minlength=classes)
    first = counts.cumsum(0) - counts
    # A class of few pixels has its surest one at least.
    last = first + ((counts * share).floor().long() - 1).clamp_min(0)
    ranked = certainty[order]
    reached = ranked[last.clamp_max(len(ranked) - 1)] if len(ranked) else certainty.new_ones(classes)
    return torch.where(counts > 0, reached, torch.ones_like(reached))


@torch.no_grad()
def balanced_labels(probabilities: Tensor, thresholds: Tensor) -> Tensor:
    """Pseudo-labels by thresholds of their own for each class; void where no class reaches its own.

        y = argmax_k p_k / exp(-lambda_k)  where that largest ratio is at least 1, void elsewhere

    (Zou et al., ECCV 2018, section 3.2; their `greater than` leaves out the pixel that sets the threshold.)

    Args:
        probabilities: p [n, K, H, W].
        thresholds: exp(-lambda) [K], in (0, 1].

    Returns:
        Class numbers int64 [n, H, W], `VOID` for void.

    >>> p = torch.tensor([[[[0.7, 0.6]], [[0.3, 0.4]]]])
    >>> balanced_labels(p, torch.tensor([0.8, 0.35])).tolist()
    [[[255, 1]]]
    """
    ratio, labels = (probabilities / thresholds.view(1, -1, *[1] * (probabilities.dim() - 2))).max(1)
    return labels.masked_fill_(ratio < 1, VOID)


def feature_distance(
    features: Tensor, reference: Tensor, labels: Tensor, things: Tensor, share: float = 0.75
) -> Tensor:
    """How far features have moved from those of the network that training began with, on objects that it knew.

        d = ||F_reference(x) - F(x)||_2  at each place;  the mean of d over the places M where the share of a place's
        pixels that have one of the `things` as their class, and all the same one, is greater than `share`

    (Hoyer et al., "DAFormer", CVPR 2022, section 3.3, with r = 0.75; ImageNet's classes are things, not streets or
    sky.)

    Args:
        features: F(x) [n, D, h, w].
        reference: F_reference(x), of the same shape; taken as constants.
        labels: of the image, int64 [n, H, W].
        things: numbers of the classes that count, int64 [t].
        share: r, in [0.5, 1).

    Returns:
        A scalar >= 0; 0 where M is empty.

    >>> moved, labels = torch.ones(1, 4, 1, 2), torch.tensor([[[3, 3, 0, 3], [3, 3, 0, 3]]])
    >>> feature_distance(moved, torch.zeros(1, 4, 1, 2), labels, torch.tensor([3]))
    tensor(2.)
    """
    with torch.no_grad():
        is_thing = (labels[:, None] == things.view(1, -1, 1, 1)).to(features.dtype)
        counted = (F.adaptive_avg_pool2d(is_thing, (features.shape[2], features.shape[3])) > share).any(1)
    # As for labelled pixels: a mean over the places of all processes.
    count = gather(counted.sum().view(1)).float().mean().clamp_min(1)
    distances = torch.linalg.vector_norm((features - reference.detach()).movedim(1, -1)[counted], dim=1)
    mean: Tensor = distances.sum() / count
    return mean
