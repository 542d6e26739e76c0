"""Whether a classifier is as sure as it is right, and one number that mends it."""

import math

from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError

BINS = 15
"""Of confidence, as in Guo et al."""

WIDEST = math.log(1000)
"""The temperature is looked for from 1/1000 to 1000."""


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T > 0 that makes softmax(logits / T) likeliest (Guo et al., ICML 2017); no answer changes.

    Args:
        logits: [n, C].
        labels: classes int64 [n], of validation examples.

    Raises:
        BadDataError: there are no examples.

    >>> import torch
    >>> sure = torch.tensor([[9.0, 0.0]] * 4)
    >>> round(fitted_temperature(sure, torch.tensor([0, 0, 0, 1])), 2)  # right in 3 of 4: log 3 = 9 / T
    8.19
    """
    if not len(labels):
        raise BadDataError("there are no validation examples to fit a temperature on")
    exact = logits.double()

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(exact / math.exp(log_temperature), labels))

    found = minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ECE = sum_b |B_b| / n * |accuracy(B_b) - confidence(B_b)| (Guo et al., ICML 2017), in [0, 1].

    Args:
        probabilities: [n, C], rows sum to 1.
        labels: classes int64 [n].
        bins: of equal width, by the largest probability.

    >>> import torch
    >>> round(expected_calibration_error(torch.tensor([[0.8, 0.2]] * 4), torch.tensor([0, 0, 0, 1])), 3)
    0.05
    """
    from torchmetrics.functional.classification import multiclass_calibration_error  # takes seconds to import

    classes = probabilities.shape[1]
    return float(multiclass_calibration_error(probabilities, labels, num_classes=classes, n_bins=bins, norm="l1"))
