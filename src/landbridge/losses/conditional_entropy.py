"""How unsure a classifier is."""

from torch import Tensor


def conditional_entropy(logits: Tensor) -> Tensor:
    """The mean entropy of predictions: small where the boundary between classes keeps away from the examples.

        -1 / N sum over i, k of p_ik log p_ik,   p = softmax(Z)

    (Grandvalet and Bengio, "Semi-supervised learning by entropy minimization", NeurIPS 2004.)

    Args:
        logits: Z [N, K].

    Returns:
        A scalar in [0, log K].

    >>> import torch
    >>> conditional_entropy(torch.zeros(3, 2)), conditional_entropy(torch.tensor([[1000.0, 0.0]]))
    (tensor(0.6931), tensor(-0.))
    """
    # From log-probabilities: the gradient of p log p is lost where p is rounded to 0.
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()
