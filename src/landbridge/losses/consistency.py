"""Learning from what a teacher, or the network itself, is sure of on another view of the same examples."""

import torch
from torch import Tensor
from torch.nn import functional as F


def confident_consistency(student: Tensor, teacher: Tensor, threshold: float) -> Tensor:
    """The squared difference of two predictions, where the teacher is sure.

        1 / N sum over i of [max_k t_ik > threshold]  1 / K sum over k of (s_ik - t_ik)^2

    (French, Mackiewicz and Fisher, "Self-ensembling for visual domain adaptation", ICLR 2018, sections 3.1 and 3.2.)

    Args:
        student: probabilities s [N, K].
        teacher: probabilities t [N, K]; taken as constants.
        threshold: in [0, 1].

    Returns:
        A scalar in [0, 1].

    >>> sure, unsure = [0.99, 0.01], [0.6, 0.4]
    >>> confident_consistency(torch.tensor([[0.49, 0.51]] * 2), torch.tensor([sure, unsure]), 0.968)
    tensor(0.1250)
    """
    teacher = teacher.detach()
    return ((student - teacher).square().mean(1) * is_sure(teacher, threshold)).mean()


def class_balance(probabilities: Tensor) -> Tensor:
    """How unequally a batch is shared out among the classes: the cross-entropy of the mean prediction to equal shares.

        -sum over k of  u log m_k + (1 - u) log(1 - m_k),   m the mean of the predictions, u = 1 / K

    (French, Mackiewicz and Fisher, ICLR 2018, section 3.4.) Least, though not 0, where m = u.

    Args:
        probabilities: [N, K] of the whole batch.

    Returns:
        A scalar > 0.

    >>> class_balance(torch.tensor([[1.0, 0.0], [0.0, 1.0]])) < class_balance(torch.tensor([[1.0, 0.0], [0.9, 0.1]]))
    tensor(True)
    """
    share, mean = 1 / probabilities.shape[1], probabilities.mean(0)
    taken, left = mean.clamp_min(1e-6).log(), (1 - mean).clamp_min(1e-6).log()
    return -(share * taken + (1 - share) * left).sum()


def confident_pseudo_labels(
    logits: Tensor, told_logits: Tensor, threshold: float = 0.95, temperature: float = 0.0
) -> Tensor:
    """The cross-entropy to the labels that another view of the same examples is given with certainty.

        1 / N sum over i of [max_k q_ik >= threshold]  CE(q'_i, softmax(z_i)),   q = softmax(told),

    q' the class of the largest q, or at a temperature T > 0 softmax(told / T) (Sohn et al., "FixMatch", NeurIPS 2020,
    eq. 4, and section 5 on the temperature). Examples that do not pass count in N.

    Args:
        logits: z [N, K], on the harder view.
        told_logits: [N, K], on the easier view; taken as constants.
        threshold: in [0, 1].
        temperature: T, >= 0; 0 gives hard labels.

    Returns:
        A scalar >= 0.

    >>> confident_pseudo_labels(torch.zeros(2, 2), torch.tensor([[9.0, 0.0], [0.1, 0.0]]))
    tensor(0.3466)
    """
    told = told_logits.detach()
    labels = (told / temperature).softmax(1) if temperature else told.argmax(1)
    loss = F.cross_entropy(logits, labels, reduction="none")
    return (loss * is_sure(told.softmax(1), threshold)).mean()


@torch.no_grad()
def is_sure(probabilities: Tensor, threshold: float) -> Tensor:
    """1 where the largest probability reaches the threshold and 0 elsewhere, [N], without a gradient.

    >>> is_sure(torch.tensor([[0.97, 0.03], [0.6, 0.4]]), 0.95)
    tensor([1., 0.])
    """
    return (probabilities.max(1).values >= threshold).to(probabilities.dtype)
