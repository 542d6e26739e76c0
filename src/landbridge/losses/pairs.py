"""What the losses over two sets share: how alike their rows are, which belong together, and blocks of rows.

A batch of N pairs has N x N scores. No loss here ever holds them all: they are computed a block of rows at a time, and
again, block by block, where gradients need them.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Literal, NamedTuple, ParamSpec

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.processes import gather, world

Similarity = Literal["cosine", "dot", "distance"]
Positives = Tensor | tuple[Tensor, Tensor] | None
Arguments = ParamSpec("Arguments")

ENTRIES = 2**22
"""Scores in a block: few enough to stay in a processor's cache (16 MB), enough for products to run at full speed."""


class Sets(NamedTuple):
    """Two sets of vectors, and the pairs of them that belong together.

    Attributes:
        a: vectors [n, D].
        b: vectors [m, D].
        rows: i of each pair (a_i, b_j) that belongs together [P], ascending.
        columns: its j [P].
    """

    a: Tensor
    b: Tensor
    rows: Tensor
    columns: Tensor


class Block(NamedTuple):
    """Some rows of the first set, against all of the second.

    Attributes:
        rows: which rows.
        pairs: which of the pairs that belong together lie in them.
        at: where these lie in the block's scores: their rows, counted from the block's first, and their columns.
    """

    rows: slice
    pairs: slice
    at: tuple[Tensor, Tensor]


def in_full_precision(
    loss: Callable[Concatenate[Tensor, Tensor, Arguments], Tensor],
) -> Callable[Concatenate[Tensor, Tensor, Arguments], Tensor]:
    """Let a loss of two sets compute in float32 or better under autocast too: it lives on differences of scores."""

    @wraps(loss)
    def inside(a: Tensor, b: Tensor, /, *args: Arguments.args, **options: Arguments.kwargs) -> Tensor:
        a, b = (x.float() if x.itemsize < 4 else x for x in (a, b))
        with torch.autocast(a.device.type, enabled=False):
            return loss(a, b, *args, **options)

    return inside


def scores(a: Tensor, b: Tensor, similarity: Similarity) -> Tensor:
    """How alike each of `a` [n, D] and each of `b` [m, D] are [n, m]; more is more alike.

    <a_i, b_j> for `dot`, cos(a_i, b_j) for `cosine`, -||a_i - b_j|| for `distance`.

    >>> scores(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), "distance")
    tensor([[-5., -0.]])
    """
    if similarity == "distance":
        return -torch.cdist(a, b)
    if similarity == "cosine":
        a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return a @ b.T


def scores_in_rows(a: Tensor, b: Tensor, similarity: Similarity) -> Tensor:
    """How alike the vectors of `a` [..., D] and `b` [..., D] are, one by one [...]; see `scores`.

    >>> scores_in_rows(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 0.0]), "cosine")
    tensor(0.6000)
    """
    if similarity == "distance":
        distance: Tensor = torch.linalg.vector_norm(a - b, dim=-1)
        return -distance
    if similarity == "cosine":
        a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return torch.sum(a * b, -1)


def matched(a: Tensor, b: Tensor, positives: Positives, local: bool) -> Sets:
    """The vectors of all processes, and which of them belong together.

    Args:
        a: our vectors [n, D].
        b: our vectors [m, D].
        positives: what belongs together. None: a_i with b_i. Ids [n], for a and b alike: those with the same id. Two
            tensors of ids, [n] for a and [m] for b: likewise. A mask [n, m] of bool: where it is true.
        local: look at our process alone.

    Raises:
        ValueError: shapes that do not fit, or a mask, which speaks of our rows only, across processes.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) == 0:
        raise ValueError(f"two sets [n, D] and [m, D] of vectors, not {list(a.shape)} and {list(b.shape)}")
    if isinstance(positives, Tensor) and positives.dtype == torch.bool:
        if positives.shape != (len(a), len(b)):
            raise ValueError(f"a mask of {list(positives.shape)} for {len(a)} x {len(b)} pairs")
        if world()[1] > 1 and not local:
            raise ValueError("across processes, say by ids which pairs belong together: a mask knows only our own rows")
        rows, columns = positives.to(a.device).nonzero().unbind(1)
        return Sets(a, b, rows, columns)
    of_a, of_b = positives if isinstance(positives, tuple) else (positives, positives)
    for ids, vectors in ((of_a, a), (of_b, b)):
        if ids is not None and ids.shape != vectors.shape[:1]:
            raise ValueError(f"ids of {list(ids.shape)} for {len(vectors)} vectors")
    if of_a is None and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} vectors: say by `positives` which of them belong together")
    if not local:
        a, b = gather(a), gather(b)
        of_a, of_b = (None if ids is None else gather(ids.to(a.device)) for ids in (of_a, of_b))
    if of_a is None or of_b is None:
        each = torch.arange(len(a), device=a.device)
        return Sets(a, b, each, each)
    return Sets(a, b, *_equal(of_a.to(a.device), of_b.to(a.device)))


def _equal(of_a: Tensor, of_b: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs (i, j) of equal ids, by i."""
    starts, found = range(0, len(of_a), max(1, ENTRIES // len(of_b))), []
    for start in starts:
        rows, columns = (of_a[start : start + starts.step, None] == of_b).nonzero().unbind(1)
        found.append((rows + start, columns))
    rows, columns = map(torch.cat, zip(*found))
    return rows, columns


def height(sets: Sets) -> int:
    """Rows of a block: as many as make `ENTRIES` scores, and at least one."""
    return max(1, min(len(sets.a), ENTRIES // len(sets.b)))


def blocks(sets: Sets) -> list[Block]:
    """All rows of the first set, some `ENTRIES` scores at a time."""
    starts = [*range(0, len(sets.a), height(sets)), len(sets.a)]
    ends = torch.searchsorted(sets.rows, torch.tensor(starts, device=sets.rows.device)).tolist()
    found = []
    for start, stop, first, last in zip(starts, starts[1:], ends, ends[1:]):
        at = (sets.rows[first:last] - start, sets.columns[first:last])
        found.append(Block(slice(start, stop), slice(first, last), at))
    return found
