"""InfoNCE: among all candidates, the one that belongs to the anchor shall be the most probable."""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from landbridge.losses.pairs import Positives, Sets, Similarity, blocks, height, in_full_precision, matched, scores


@in_full_precision
def info_nce(
    a: Tensor,
    b: Tensor,
    positives: Positives = None,
    *,
    temperature: Tensor | float = 0.07,
    direction: Literal["both", "a_to_b"] = "both",
    reduction: Literal["mean", "sum"] = "mean",
    similarity: Similarity | Callable[[Tensor, Tensor], Tensor] = "cosine",
    local: bool = False,
) -> Tensor:
    """How improbable, among all candidates, those are that belong to the anchor.

        l_i = mean over p in P_i of  -log( exp(s_ip / t) / (exp(s_ip / t) + sum over k not in P_i of exp(s_ik / t)) )

    with s_ij the similarity of a_i and b_j, t the temperature and P_i what belongs to a_i. With one positive an anchor,
    P_i = {i}, it is -log(exp(s_ii / t) / sum_k exp(s_ik / t)) (van den Oord et al., arXiv:1807.03748); both
    directions and the mean make the loss of CLIP (Radford et al., ICML 2021), `direction="a_to_b"` and
    `reduction="sum"` the textbook's sum over i.

    With several positives, each competes with the negatives and not with its fellows: a caption that comes twice is no
    negative of itself, and changes nothing for its image, and the least loss is 0 however many positives there are. (In
    SupCon, Khosla et al., NeurIPS 2020, positives share the denominator and the least loss is log |P_i|.)

    Scores are computed in blocks, and again for the gradient: all pairs at once are never held. Across processes, the
    candidates are those of all of them.

    Args:
        a: anchors [n, D], any length.
        b: candidates [m, D].
        positives: which pairs belong together. None: a_i and b_i. Ids [n], int64: those of equal id; two such tensors,
            [n] and [m], where the sets differ. Or a mask [n, m], bool. An anchor without any has no term.
        temperature: t > 0; a tensor may learn.
        direction: `both` adds the b_j as anchors among the a_i, and halves the sum.
        reduction: the `mean` or the `sum` over the anchors.
        similarity: `cosine`, `dot`, `distance` (minus the Euclidean one), or a function from [k, D] and [m, D] to
            scores [k, m], which may have parameters that learn.
        local: contrast with what our own process holds, and send nothing.

    Returns:
        A scalar, >= 0.

    Raises:
        ValueError: shapes that do not fit, or a mask across processes.

    >>> image, text = torch.eye(3), torch.eye(3)
    >>> info_nce(image, text, temperature=1.0)  # log(1 + 2 / e)
    tensor(0.5514)
    >>> info_nce(image, text[[0, 1, 1]], torch.tensor([0, 1, 1]), temperature=0.1).item() < 1e-3
    False
    >>> info_nce(image[[0, 1, 1]], text[[0, 1, 1]], torch.tensor([0, 1, 1]), temperature=0.1).item() < 1e-3
    True
    """
    sets, both = matched(a, b, positives, local), direction == "both"
    if callable(similarity) or similarity == "distance":
        by_row, by_column, own = _log_sums_of(similarity, temperature, sets, both)
    else:
        if similarity == "cosine":
            sets = sets._replace(a=F.normalize(sets.a, dim=1), b=F.normalize(sets.b, dim=1))
        by_row, by_column, own = _LogSums.apply(sets.a / temperature, sets.b, sets.rows, sets.columns, both)
    loss = _improbability(own, by_row, sets.rows, reduction)
    return (loss + _improbability(own, by_column, sets.columns, reduction)) / 2 if both else loss


def _improbability(own: Tensor, negatives: Tensor, anchors: Tensor, reduction: str) -> Tensor:
    """The l_i, from the scores of the positives [P], the log-sum-exp of each anchor's negatives, and whose they are."""
    count = anchors.bincount(minlength=len(negatives))
    each = F.softplus(negatives.index_select(0, anchors) - own, threshold=40)
    total = (each / count.index_select(0, anchors)).sum()
    return total / (count > 0).sum().clamp(min=1) if reduction == "mean" else total


def _log_sums_of(
    similarity: Literal["distance"] | Callable[[Tensor, Tensor], Tensor],
    temperature: Tensor | float,
    sets: Sets,
    both: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `_LogSums`, for any similarity: autograd finds the gradients of a block that it computes anew."""

    def of_block(some: Tensor, all_: Tensor, *at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        block = similarity(some, all_) if callable(similarity) else scores(some, all_, similarity)
        block = block / temperature
        negatives = block.index_put(at, block.new_tensor(_lowest(block)))
        return negatives.logsumexp(1), negatives.logsumexp(0) if both else negatives[0], block[at]

    parts = [checkpoint(of_block, sets.a[block.rows], sets.b, *block.at, use_reentrant=False) for block in blocks(sets)]
    by_row, by_column, own = zip(*parts)
    return torch.cat(by_row), torch.stack(by_column).logsumexp(0), torch.cat(own)


class _LogSums(torch.autograd.Function):
    """log sum exp <a_i, b_j> over the negatives j of each row i [n], over the negatives i of each column j [m], and
    the scores of the positives [P].

    With r, c and o these three and g their gradients, the gradient of a score is g^r_i exp(s_ij - r_i) +
    g^c_j exp(s_ij - c_j) at a negative and g^o at a positive. Inside, logarithms are to the base 2: where exp2 is not
    faster than exp, it is no slower.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, rows: Tensor, columns: Tensor, both: bool) -> tuple[Tensor, ...]:
        by_row, own = a.new_empty(len(a)), a.new_empty(len(rows))
        by_column = a.new_full((len(b),), _lowest(a))
        sets = Sets(a, b, rows, columns)
        space, more = a.new_empty(2, height(sets), len(b))
        for block in blocks(sets):
            some = a[block.rows] / math.log(2)
            s = torch.mm(some, b.T, out=space[: len(some)])
            own[block.pairs] = s[block.at]
            s[block.at] = _lowest(a)
            by_row[block.rows] = _log_sum(s, 1, more)
            if both:
                by_column = torch.logaddexp2(by_column, _log_sum(s, 0, more))
        ctx.save_for_backward(a, b, rows, columns, by_row, by_column)
        ctx.both = both
        return tuple(math.log(2) * x for x in (by_row, by_column, own))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_row: Tensor, of_column: Tensor, of_own: Tensor) -> tuple[Tensor | None, ...]:
        a, b, rows, columns, by_row, by_column = ctx.saved_tensors
        grad_a, grad_b = torch.empty_like(a), torch.zeros_like(b)
        sets = Sets(a, b, rows, columns)
        space, more = a.new_empty(2, height(sets), len(b))
        with torch.autocast(a.device.type, enabled=False):
            for block in blocks(sets):
                some = a[block.rows]
                s = torch.mm(some / math.log(2), b.T, out=space[: len(some)])
                grad = torch.sub(s, by_row[block.rows, None], out=more[: len(some)])
                grad.exp2_().mul_(of_row[block.rows, None])
                if ctx.both:
                    grad.add_(s.sub_(by_column).exp2_().mul_(of_column))
                grad[block.at] = of_own[block.pairs]
                torch.mm(grad, b, out=grad_a[block.rows])
                grad_b.addmm_(grad.T, some)
        return grad_a, grad_b, None, None, None


def _log_sum(s: Tensor, dim: int, space: Tensor) -> Tensor:
    """log2 of the sum over one dimension of 2^s, computed in the space given."""
    most = s.amax(dim, keepdim=True)
    return torch.sub(s, most, out=space[: len(s)]).exp2_().sum(dim).log2_().add_(most.squeeze(dim))


def _lowest(like: Tensor) -> float:
    """The score of what is left out: like minus infinity, but a difference of two of them is a number."""
    return torch.finfo(like.dtype).min
