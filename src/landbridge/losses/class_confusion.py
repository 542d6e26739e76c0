"""How much a classifier mixes up pairs of classes on unlabelled examples."""

import torch
from torch import Tensor


def class_confusion(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """The share of predicted probability that lies between different classes.

        Y = softmax(Z / T),  w_i = 1 + exp(-H(Y_i)),
        C = Y^T diag(w) Y, each row divided by its sum;  loss = 1 / K sum over j != k of C_jk

    (Jin et al., "Minimum class confusion", ECCV 2020, eq. 3-7; H is the entropy of the softened prediction.) Examples
    of which the classifier is surer count more; these weights are taken as constants. The paper divides them by their
    mean, which dividing the rows takes back.

    Args:
        logits: Z [n, K], n >= 1, K >= 2.
        temperature: T > 0; the larger, the more the lesser classes of an example count.

    Returns:
        A scalar in [0, 1 - 1 / K]; 0 where every prediction is certain.

    Raises:
        ValueError: no examples, or a single class.

    >>> class_confusion(torch.tensor([[50.0, 0.0], [0.0, 50.0]])).round(decimals=4), class_confusion(torch.zeros(3, 2))
    (tensor(0.), tensor(0.5000))
    """
    if logits.dim() != 2 or not len(logits) or logits.shape[1] < 2:
        raise ValueError(f"class confusion needs logits [n >= 1, K >= 2], not {list(logits.shape)}")
    told = (logits / temperature).softmax(1)
    weights = certainty(told)
    confusion = (told * weights[:, None]).T @ told
    rows = confusion / confusion.sum(1, keepdim=True)
    return (rows.sum() - rows.trace()) / len(rows)


@torch.no_grad()
def certainty(probabilities: Tensor) -> Tensor:
    """Weights that grow with certainty, from 1 + 1 / K to 2: 1 + exp(-H), H the entropy [n]; without a gradient.

    Args:
        probabilities: [n, K]; rows sum to 1.

    >>> certainty(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([2.0000, 1.5000])
    """
    entropy: Tensor = torch.special.entr(probabilities).sum(1)
    return 1 + (-entropy).exp()
