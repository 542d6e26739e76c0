"""Losses of translators between two domains: the least-squares game, and meaning that translation must keep."""

from torch import Tensor
from torch.nn import functional as F


def least_squares_discrimination(real: Tensor, fake: Tensor) -> Tensor:
    """What a discriminator lowers that shall say 1 for what is real and 0 for what is not.

        (E[(D(real) - 1)^2] + E[D(fake)^2]) / 2

    (Mao et al., ICCV 2017, equation 9.) Unlike cross-entropy it does not level off where the discriminator is sure, so
    that translators keep learning.

    Args:
        real: D's answers on real examples, of any shape; several an example where D judges patch by patch.
        fake: on made ones.

    Returns:
        A scalar, >= 0; 1/4 where the two cannot be told apart and D says 1/2.

    >>> import torch
    >>> least_squares_discrimination(torch.tensor([1.0, 0.5]), torch.tensor([0.0]))
    tensor(0.0625)
    """
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_fooling(fake: Tensor) -> Tensor:
    """What a translator lowers that shall pass for real: E[(D(fake) - 1)^2].

    Twice what Mao et al. (ICCV 2017, equation 9) write, as CycleGAN (Zhu et al., ICCV 2017, section 4) has it, whose
    weights are relative to this.

    Args:
        fake: D's answers on made examples, of any shape.

    Returns:
        A scalar, >= 0.

    >>> import torch
    >>> least_squares_fooling(torch.tensor([1.0, 0.0]))
    tensor(0.5000)
    """
    return (fake - 1).square().mean()


def semantic_consistency(before: Tensor, after: Tensor) -> Tensor:
    """How far a classifier changes its mind when an example is translated.

        E[-log p(argmax_k q_k)],

    q what it says before, which is taken as given, and p after (Hoffman et al., ICML 2018, equation 4).

    Args:
        before: its logits on the examples as they were [N, K]; no gradient flows into them.
        after: its logits on the translated ones [N, K].

    Returns:
        A scalar, >= 0.

    >>> import torch
    >>> semantic_consistency(torch.tensor([[9.0, 1.0]]), torch.zeros(1, 2))
    tensor(0.6931)
    """
    return F.cross_entropy(after, before.detach().argmax(1))
