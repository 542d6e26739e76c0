"""The sigmoid loss: each pair by itself is told to belong together or not."""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from landbridge.losses.pairs import Positives, Sets, blocks, height, in_full_precision, matched


@in_full_precision
def siglip(
    a: Tensor,
    b: Tensor,
    positives: Positives = None,
    *,
    scale: Tensor | float = 10.0,
    bias: Tensor | float = -10.0,
    similarity: Literal["cosine", "dot"] = "cosine",
    local: bool = False,
) -> Tensor:
    """How badly each pair is told to belong together, or not to.

        -1/n  sum over i, j of  log sigmoid(z_ij (scale s_ij + bias)),    z_ij = 1 where a_i and b_j belong together,
                                                                          else -1

    (Zhai et al., ICCV 2023). No pair depends on another, so that any number of positives is right. Scores
    and their gradients are computed in blocks: all pairs at once are never held. Across processes, the pairs are those
    between all of them.

    Args:
        a: vectors [n, D], any length.
        b: vectors [m, D].
        positives: which pairs belong together. None: a_i and b_i. Ids [n], int64: those of equal id; two such tensors,
            [n] and [m], where the sets differ. Or a mask [n, m], bool.
        scale: > 0; a tensor may learn, as exp of a parameter that starts at log 10 in the paper.
        bias: starts at -10 in the paper, where nearly all pairs are negatives; a tensor may learn.
        similarity: `cosine` or `dot`.
        local: pair what our own process holds, and send nothing.

    Returns:
        A scalar, >= 0.

    Raises:
        ValueError: shapes that do not fit, or a mask across processes.

    >>> image = torch.eye(2)
    >>> siglip(image, image, scale=2.0, bias=-1.0)  # log(1 + 1/e) for each of the four pairs
    tensor(0.6265)
    """
    sets = matched(a, b, positives, local)
    if similarity == "cosine":
        sets = sets._replace(a=F.normalize(sets.a, dim=1), b=F.normalize(sets.b, dim=1))
    scale, bias = (torch.as_tensor(x, dtype=sets.a.dtype, device=sets.a.device) for x in (scale, bias))
    total: Tensor = _SigmoidSum.apply(sets.a, sets.b, scale, bias, sets.rows, sets.columns, torch.is_grad_enabled())
    return total / len(sets.a)


class _SigmoidSum(torch.autograd.Function):
    """Sum over i, j of -log sigmoid(z_ij (scale <a_i, b_j> + bias)).

    The gradient of a logit, -z_ij sigmoid(-z_ij logit_ij), depends on no other: forward sums it up as it goes.
    """

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, scale: Tensor, bias: Tensor, rows: Tensor, columns: Tensor, learning: bool
    ) -> Tensor:
        losses, grads_of_scale, grads_of_bias = [], [], []
        if learning := learning and any(ctx.needs_input_grad):
            grad_a, grad_b = torch.empty_like(a), torch.zeros_like(b)
        sets = Sets(a, b, rows, columns)
        space, more = a.new_empty(2, height(sets), len(b))
        zero = a.new_zeros(())
        for block in blocks(sets):
            some = scale * a[block.rows]
            wrong = torch.mm(some, b.T, out=space[: len(some)]).add_(bias)  # -z_ij times the logit
            wrong[block.at] = -wrong[block.at]
            losses.append(torch.logaddexp(wrong, zero, out=more[: len(some)]).sum())
            if learning:
                grad = wrong.sigmoid_()
                grad[block.at] = -grad[block.at]
                grad_some = torch.mm(grad, b, out=grad_a[block.rows])
                grad_b.addmm_(grad.T, some)
                grads_of_scale.append((a[block.rows] * grad_some).sum())
                grads_of_bias.append(grad.sum())
                grad_some *= scale
        if learning:
            ctx.save_for_backward(grad_a, grad_b, torch.stack(grads_of_scale).sum(), torch.stack(grads_of_bias).sum())
        return torch.stack(losses).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *(upstream * grad for grad in ctx.saved_tensors), None, None, None
