"""Triplets: what belongs to an anchor shall be more like it, by a margin, than what does not."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from landbridge.losses.pairs import (
    Positives,
    Sets,
    Similarity,
    blocks,
    in_full_precision,
    matched,
    scores,
    scores_in_rows,
)


def hinge(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """What the score of a positive lacks of leading that of a negative by a margin: max(0, margin - s + s').

    >>> hinge(torch.tensor(0.5), torch.tensor(0.4), 0.2)
    tensor(0.1000)
    """
    return (margin - positive + negative).clamp(min=0)


def triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.2, similarity: Similarity = "dot"
) -> Tensor:
    """What a positive lacks of being more like the anchor than a negative is, by a margin.

        max(0, margin - <y, z> + <y, z'>)    for `dot`; for `cosine` with y, z and z' of length 1
        max(0, margin + d(y, z) - d(y, z'))  for `distance`, d the Euclidean distance

    (Frome et al., NIPS 2013, for products; Weinberger and Saul, JMLR 2009, for distances, which they square.)

    Args:
        anchor: y [..., D].
        positive: z [..., D], which belongs to y.
        negative: z' [..., D], which does not.
        margin: > 0.
        similarity: `dot`, `cosine` or `distance`.

    Returns:
        One value a triplet [...], >= 0.

    >>> y, z, other = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
    >>> triplet(y, z, other)
    tensor(0.4000)
    >>> triplet(y, z, other, similarity="distance")
    tensor(0.4620)
    """
    return hinge(scores_in_rows(anchor, positive, similarity), scores_in_rows(anchor, negative, similarity), margin)


@in_full_precision
def sum_of_hinges(
    a: Tensor,
    b: Tensor,
    positives: Positives = None,
    *,
    margin: float = 0.2,
    similarity: Similarity = "cosine",
    local: bool = False,
) -> Tensor:
    """All triplets of a batch of pairs, in both directions.

        1/|B|  sum over n of  sum over m in C_n of loss(x_n, v_n, v_m) + sum over m in D_n of loss(v_n, x_n, x_m)

    with `triplet` as the loss, C_n the captions that are unrelated to the image x_n, and D_n the images that are
    unrelated to the caption v_n (Kiros et al., arXiv:1411.2539). Scores are computed in blocks.

    Args:
        a: the x_n [N, D].
        b: the v_n [N, D]; x_n and v_n always belong together.
        positives: what else is related. Ids [N], int64: pairs of equal id. Or a mask [N, N], bool: x_n and v_m.
        margin: > 0.
        similarity: `cosine`, `dot` or `distance`.
        local: make triplets of what our own process holds, and send nothing.

    Returns:
        A scalar, >= 0.

    Raises:
        ValueError: sets of different sizes, shapes that do not fit, or a mask across processes.

    >>> x, v = torch.eye(3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> sum_of_hinges(x, v, margin=0.5)  # images: 0.5 + 0 + 0.5 + 0.5; captions: 0 + 0 + 0.5 + 1.5
    tensor(1.1667)
    """
    toward_b, toward_a = _over_blocks(_paired(a, b, positives, local), margin, similarity, torch.sum)
    return (torch.cat(toward_b).sum() + torch.stack(toward_a).sum()) / sum(map(len, toward_b))


@in_full_precision
def hardest_triplet(
    a: Tensor,
    b: Tensor,
    positives: Positives = None,
    *,
    margin: float = 0.2,
    similarity: Similarity = "cosine",
    local: bool = False,
) -> Tensor:
    """The hardest triplet of each pair of a batch, in both directions.

        1/|B|  sum over n of  max over m in C_n of loss(x_n, v_n, v_m) + max over m in D_n of loss(v_n, x_n, x_m)

    (Faghri et al., BMVC 2018), with `triplet` as the loss and C_n and D_n, as in `sum_of_hinges`, the
    captions and the images that are unrelated to n. An empty set counts 0. Where several are hardest alike, they share
    the gradient. Scores are computed in blocks.

    Args:
        a: the x_n [N, D].
        b: the v_n [N, D]; x_n and v_n always belong together.
        positives: what else is related. Ids [N], int64: pairs of equal id. Or a mask [N, N], bool: x_n and v_m.
        margin: > 0.
        similarity: `cosine`, `dot` or `distance`.
        local: look for them in what our own process holds, and send nothing.

    Returns:
        A scalar, >= 0.

    Raises:
        ValueError: sets of different sizes, shapes that do not fit, or a mask across processes.

    >>> x, v = torch.eye(3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> hardest_triplet(x, v, margin=0.5)  # images: 0.5 + 0 + 0.5; captions: 0 + 0 + 1.5
    tensor(0.8333)
    """
    toward_b, toward_a = _over_blocks(_paired(a, b, positives, local), margin, similarity, torch.amax)
    return (torch.cat(toward_b).sum() + torch.stack(toward_a).amax(0).sum()) / sum(map(len, toward_b))


class Hardest(NamedTuple):
    """The hardest negatives of N pairs.

    Attributes:
        captions: the number of each image's hardest caption [N]; -1 where all are related.
        images: the number of each caption's hardest image [N]; -1 likewise.
        caption_losses: of the triplets with these captions [N].
        image_losses: of the triplets with these images [N].
    """

    captions: Tensor
    images: Tensor
    caption_losses: Tensor
    image_losses: Tensor


@torch.no_grad()
def hardest_negatives(
    a: Tensor, b: Tensor, positives: Positives = None, *, margin: float = 0.2, similarity: Similarity = "cosine"
) -> Hardest:
    """Which negatives `hardest_triplet` finds among what our own process holds, to be looked at.

    Args:
        a: the x_n [N, D].
        b: the v_n [N, D].
        positives: as in `hardest_triplet`.
        margin: > 0.
        similarity: `cosine`, `dot` or `distance`.

    >>> x, v = torch.eye(3), torch.tensor([[0.8, 0.6, 0.0], [0.6, 0.0, 0.8], [0.0, 0.6, 0.8]])
    >>> found = hardest_negatives(x, v, torch.tensor([0, 1, 0]))
    >>> found.captions, found.images
    (tensor([1, 0, 1]), tensor([1, 2, 1]))
    >>> found.caption_losses
    tensor([0.0000, 0.8000, 0.2000])
    """
    sets = _paired(a, b, positives, local=True)
    lowest = torch.finfo(a.dtype).min
    own = scores_in_rows(sets.a, sets.b, similarity)
    best = own.new_full(own.shape, lowest)
    images = torch.full_like(own, -1, dtype=torch.long)
    captions, likest = [], []
    for block in blocks(sets):
        unrelated = scores(sets.a[block.rows], sets.b, similarity).index_put(block.at, own.new_tensor(lowest))
        score, which = unrelated.max(1)
        captions.append(which.masked_fill(score == lowest, -1))
        likest.append(score)
        score, which = unrelated.max(0)
        images = torch.where(score > best, which + block.rows.start, images)
        best = torch.maximum(score, best)
    found = torch.cat(captions)
    return Hardest(found, images, hinge(own, torch.cat(likest), margin), hinge(own, best, margin))


def _paired(a: Tensor, b: Tensor, positives: Positives, local: bool) -> Sets:
    """As `matched`, for N pairs that belong together whatever `positives` says of others."""
    if len(a) != len(b) or isinstance(positives, tuple):
        raise ValueError(f"triplets of a batch need pairs, one id a pair, not {len(a)} and {len(b)} vectors apart")
    if positives is not None and positives.dtype == torch.bool and positives.shape == (len(a), len(b)):
        positives = positives | torch.eye(len(a), dtype=torch.bool, device=positives.device)
    return matched(a, b, positives, local)


def _over_blocks(
    sets: Sets, margin: float, similarity: Similarity, reduce: Callable[[Tensor, int], Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The losses of every pair against captions, some pairs a block, and against the images of a block, all pairs.

    What is related counts 0. `reduce` sums them up or finds the largest; gradients come from blocks computed anew.
    """
    own = scores_in_rows(sets.a, sets.b, similarity)

    def of_block(some: Tensor, b: Tensor, own: Tensor, first: int, *at: Tensor) -> tuple[Tensor, Tensor]:
        block, none = scores(some, b, similarity), some.new_zeros(())
        toward_b = hinge(own[first : first + len(some), None], block, margin).index_put(at, none)
        toward_a = hinge(own, block, margin).index_put(at, none)
        return reduce(toward_b, 1), reduce(toward_a, 0)

    parts = [
        checkpoint(of_block, sets.a[block.rows], sets.b, own, block.rows.start, *block.at, use_reentrant=False)
        for block in blocks(sets)
    ]
    toward_b, toward_a = zip(*parts)
    return toward_b, toward_a
