"""Being sure of each example, and of different classes."""

import math

from torch import Tensor

from landbridge.losses.conditional_entropy import conditional_entropy


def information_maximisation(logits: Tensor) -> Tensor:
    """The mean entropy of predictions minus the entropy of their mean.

        1/n sum over i of H(p_i) - H(1/n sum over i of p_i),  p_i = softmax(z_i),

    which is minus the mutual information of example and prediction (Krause et al., NeurIPS 2010, eq. 3). The first part
    alone is least where all examples are surely of one class; here that is worth nothing.

    Args:
        logits: z [n, K], n >= 1.

    Returns:
        A scalar in [-log K, 0].

    >>> import torch
    >>> sure, one_class = torch.tensor([[50.0, 0.0], [0.0, 50.0]]), torch.tensor([[50.0, 0.0], [50.0, 0.0]])
    >>> information_maximisation(sure).round(decimals=4), information_maximisation(one_class).abs()
    (tensor(-0.6931), tensor(0.))
    """
    # The mean in logarithms: its gradient stays finite for a class that no example is given.
    mean = logits.log_softmax(1).logsumexp(0) - math.log(len(logits))
    return conditional_entropy(logits) + (mean.exp() * mean).sum()
