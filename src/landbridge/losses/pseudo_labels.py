"""Labels that features give themselves."""

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def centroid_labels(features: Tensor, probabilities: Tensor) -> Tensor:
    """For each example the class whose centre is nearest by angle, the centres being found without labels.

        c_k = sum_i p_ik f_i / sum_i p_ik,  y_i = argmin_k D(f_i, c_k),  D the cosine distance,

    then once more with the labels 1[y_i = k] in place of p_ik (Liang et al., ICML 2020, eq. 4-6). A class that the
    first round gives to no example has no centre in the second, and so no examples.

    Args:
        features: f [n, D].
        probabilities: p [n, K]; rows sum to 1.

    Returns:
        y, class numbers int64 [n].

    >>> features = torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.1, 1.0], [0.8, 0.3]])
    >>> told = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.4, 0.6]])
    >>> centroid_labels(features, told).tolist()  # the last is called 1, but lies with those of class 0
    [0, 0, 1, 0]
    """
    unit = F.normalize(features, dim=1)

    def nearest(weights: Tensor) -> Tensor:
        # A centre's length does not matter for the angle, so that the sums need no division.
        similarity = unit @ F.normalize(weights.T @ features, dim=1).T
        return similarity.masked_fill(weights.sum(0) == 0, -torch.inf).argmax(1)

    first = nearest(probabilities)
    return nearest(F.one_hot(first, probabilities.shape[1]).to(features.dtype))
