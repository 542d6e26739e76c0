"""How good a ranking is, for examples that may have several labels. Opens no seal: `metrics` hands the labels in."""

import torch
from torch import Tensor

LEVELS = 10
"""Steps of recall: precision is looked up at 0, 0.1, ... 1."""


def average_precision_11_point(scores: Tensor, truth: Tensor) -> float:
    """The average precision of VOC 2007, of one class.

    1/11 sum over r in {0, 0.1, ..., 1} of  max over recalls r' >= r of  precision(r')
    (Everingham et al., IJCV 2010, section 4.2). Examples that are not to be judged are left out before anything is
    counted. Those of equal score come together, so that their order does not matter.

    Args:
        scores: how sure a classifier is of the class, [N]; only the order counts.
        truth: 1 has the class, -1 has it not, 0 is not to be judged, [N].

    Returns:
        The average precision in [0, 1]; NaN where no example has the class.

    >>> average_precision_11_point(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, -1, -1]))
    1.0
    >>> round(average_precision_11_point(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, -1, 1])), 4)  # 6 of 11 at 1
    0.8485
    """
    judged = truth != 0
    scores, truth = scores[judged], truth[judged]
    positives = int((truth == 1).sum())
    if not positives:
        return float("nan")
    scores, order = scores.sort(descending=True)
    found = (truth[order] == 1).cumsum(0)
    last = torch.cat([scores[1:] != scores[:-1], torch.ones(1, dtype=torch.bool, device=scores.device)])
    found, seen = found[last], last.nonzero().flatten() + 1
    best_from_here = (found.double() / seen).flip(0).cummax(0).values.flip(0)
    # Whole numbers, since 3 / 10 is below 3 * 0.1 in floating point: recall >= level / 10.
    levels = torch.arange(LEVELS + 1, device=scores.device) * positives
    first = torch.searchsorted(found * LEVELS, levels)
    return float(best_from_here[first].mean())
