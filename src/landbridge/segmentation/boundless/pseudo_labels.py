"""Which pixels of the target a network may label itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landbridge.data.label_maps import VOID
from landbridge.losses import class_thresholds
from landbridge.segmentation.boundless.classes import ClassSpace


@dataclass(frozen=True)
class Shares:
    """How many pixels are labelled.

    Attributes:
        shared: of the pixels that are called a shared class, the share that is labelled so, in [0, 1].
        private: likewise of those called a private class.
        least: the share of all pixels that is labelled each private class at least, in (0, 1].
    """

    shared: float
    private: float
    least: float


@torch.no_grad()
def trust(probabilities: Tensor, space: ClassSpace, shares: Shares) -> Tensor:
    """For each class, which probability a pixel must have for its label to be taken.

    Of a private class c, the pixels that have it most are taken: the n_c = max(private M_c, least M) with the largest
    probability of c, of all M pixels of the target, M_c of which are called c. The first is the rule of ZS3Net's
    self-training: of the pixels that are called unseen, the share of which the network is surest. But a classifier that
    knows a class by generated features alone may call no pixel so (the bias to what was seen) while its score still
    ranks them; therefore the first `least` of that ranking are taken at least. Of the pixels that are called a shared
    class, the surest share `shared` are.

    Args:
        probabilities: p of pixels from all over the target [M, K + P].
        space: the classes.
        shares: how many to take.

    Returns:
        Thresholds [K + P]; infinite for shared classes of which none is taken.

    >>> space = ClassSpace(("road", "car"), ("tuk-tuk",))
    >>> p = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.2, 0.4, 0.4], [0.2, 0.3, 0.5]])
    >>> trust(p, space, Shares(shared=1.0, private=0.5, least=0.5))
    tensor([0.8000, 0.4000, 0.4000])
    """
    certainty, labels = probabilities.max(1)
    thresholds = probabilities.new_full((len(space.every),), torch.inf)
    if shares.shared:
        seen = torch.bincount(labels, minlength=len(space.every)) > 0
        surest = class_thresholds(certainty, labels, len(space.every), shares.shared)
        thresholds = torch.where(seen, surest, thresholds)
    for number in space.private_numbers:
        called = int((labels == number).sum())
        count = max(math.floor(shares.private * called), math.ceil(shares.least * len(labels)))
        thresholds[number] = probabilities[:, number].topk(count).values[-1]
    return thresholds


@torch.no_grad()
def trusted_labels(probabilities: Tensor, thresholds: Tensor, space: ClassSpace) -> Tensor:
    """The private class that a pixel has enough of; else the class it is called, if that is certain enough; else void.

    Args:
        probabilities: [n, K + P, H, W].
        thresholds: [K + P], see `trust`.
        space: the classes.

    Returns:
        int64 [n, H, W].

    >>> p = torch.tensor([0.6, 0.3, 0.1]).view(1, 3, 1, 1)
    >>> space = ClassSpace(("road", "car"), ("tuk-tuk",))
    >>> [trusted_labels(p, torch.tensor(each), space).item() for each in ([0.5, 0.5, 0.2], [0.5, 0.5, 0.05])]
    [0, 2]
    """
    certainty, labels = probabilities.max(1)
    labels = labels.masked_fill((certainty < thresholds[labels]) | (labels >= len(space.shared)), VOID)
    first = len(space.shared)
    ratio, which = (probabilities[:, first:] / thresholds[first:].clamp_min(1e-12).view(1, -1, 1, 1)).max(1)
    return torch.where(ratio >= 1, which + first, labels)
