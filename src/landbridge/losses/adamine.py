"""AdaMine's double triplet: the right one nearest, those of its class nearer than others; only what is wrong counts."""

import torch
from torch import Tensor

from landbridge.core.processes import gather
from landbridge.losses.pairs import Positives, in_full_precision, matched, scores


@in_full_precision
def adamine(
    a: Tensor,
    b: Tensor,
    classes: Tensor,
    positives: Positives = None,
    *,
    margin: float = 0.3,
    weight: float = 0.3,
    local: bool = False,
) -> Tensor:
    """Triplets by instance and triplets by class, each kind in the mean over those that are not yet satisfied.

        L_instance + weight L_semantic,
        L = sum over both directions of  1 / beta'  sum over triplets of max(0, margin - cos(q, p) + cos(q, n))

    with beta' the number of triplets of this kind and direction that are above 0: adaptive mining, from the mean over
    all triplets early in training, when nearly all are active, to the hardest few late. By instance, p is what belongs
    to the query q, and n everything else of the other kind; semantically, p is of q's class but does not belong to it,
    and n is of another class (Carvalho et al., SIGIR 2018, section 3; alpha and lambda, 0.3 there, are `margin` and
    `weight`). The paper draws one p a query and as many n for all queries; here all triplets count. It writes distances
    1 - cos, which is the same.

    N^2 scores are held, not N^3 triplets: a score's weight is in how many active triplets it stands.

    Args:
        a: images [N, D], any length.
        b: recipes [N, D].
        classes: of each pair [N], int64; below 0: unknown, and then in no semantic triplet.
        positives: which pairs belong together, by default a_i and b_i: see `info_nce`. Others are no negatives.
        margin: > 0, at most 2 makes sense.
        weight: of the semantic part, >= 0.
        local: make triplets of what our own process holds, and send nothing.

    Returns:
        A scalar, from 0 to 2 (1 + weight) (margin + 2).

    Raises:
        ValueError: shapes that do not fit, or a mask across processes.

    >>> image, recipe = torch.eye(3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> adamine(image, recipe, torch.tensor([0, 1, 0]), weight=0.0)  # (0.3 + 0.3 + 0.3) / 3 + (0.3 + 1.3) / 2
    tensor(1.1000)
    """
    if classes.shape != a.shape[:1] or len(a) != len(b):
        raise ValueError(f"one class a pair [N], not {list(classes.shape)} for {len(a)} and {len(b)} vectors")
    sets = matched(a, b, positives, local)
    classes = classes.to(a.device) if local else gather(classes.to(a.device))
    alike = scores(sets.a, sets.b, "cosine")
    own = torch.zeros_like(alike, dtype=torch.bool)
    own[sets.rows, sets.columns] = True
    known = (classes >= 0)[:, None] & (classes >= 0)
    same = classes[:, None] == classes
    by_instance = active_mean(alike, own, ~own, margin) + active_mean(alike.T, own.T, ~own.T, margin)
    near, far = known & same & ~own, known & ~same & ~own
    return by_instance + weight * (active_mean(alike, near, far, margin) + active_mean(alike.T, near.T, far.T, margin))


def active_mean(alike: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """The mean of max(0, margin - s_qp + s_qn) over the triplets (q, p, n) where it is above 0; 0 if there are none.

    Each active triplet adds its margin, -s_qp and s_qn, so that the sum over them needs just the number of active
    triplets in which each score stands: N x N counts, found by sorting, rather than N x N x N triplets.

    Args:
        alike: scores s of queries (rows) and candidates [N, M].
        positive: which candidates are positives of a query [N, M], bool.
        negative: which are its negatives [N, M], bool.
        margin: > 0.

    Returns:
        A scalar, >= 0.

    >>> scores = torch.tensor([[0.5, 0.4, 0.0, 0.3]])
    >>> active_mean(scores, torch.tensor([[1, 0, 0, 0]]).bool(), torch.tensor([[0, 1, 1, 1]]).bool(), 0.3)
    tensor(0.1500)
    """
    with torch.no_grad():
        infinity = alike.new_tensor(torch.inf)
        leading = torch.where(
            positive, alike, infinity
        )  # infinitely good positives, and bad negatives, are never active
        lacking = torch.where(negative, alike + margin, -infinity)
        of_positive = _above(lacking, leading)
        of_negative = _above(-leading, -lacking)
        count = of_positive.sum().to(alike.dtype)
        weights = (of_negative - of_positive).to(alike.dtype)
    total = margin * count + (weights * alike).sum()
    return total / count.clamp(min=1)


def _above(values: Tensor, bounds: Tensor) -> Tensor:
    """How many of a row's values are above each of its bounds [N, M]."""
    ordered = values.contiguous().sort(dim=1).values
    return values.shape[1] - torch.searchsorted(ordered, bounds.contiguous(), right=True)
