"""How good retrieval between images and texts is: where the right one stands among all that are looked through.

**Ties.** Equal scores come from duplicates, and from models that collapsed. What stands first among equals is chance,
so by default each number is its expectation over all orders of equals: a model that gives every image the same vector
is at chance, and not perfect as with an optimistic rank. `ties="pessimistic"` puts the right one behind its equals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.retrieval.index import Vectors, at_least_one, prepared

KS = (1, 5, 10)
"""The lengths of the lists that recall is told for by default."""

BLOCK = 2**21
"""Scores that are held at once: 8 MiB as float32."""

EQUAL = 2.0**-20
"""Cosines that differ by no more count as equal: about what float32 loses in a product of two unit vectors."""

Ties = Literal["expected", "pessimistic"]
"""What the rank of the right one is among those that score the same."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """Where the best right candidate of each query stands.

    Attributes:
        above: candidates that score higher, int64 [Q].
        equal: wrong candidates that score the same, int64 [Q].
        right: right candidates that score the same, the best one itself included, int64 [Q], at least 1.
    """

    above: Numbers
    equal: Numbers
    right: Numbers

    def ranks(self, ties: Ties = "expected") -> NDArray[np.float64]:
        """The rank of the best right candidate of each query, from 1 on.

        Of m right and t wrong equals in random order, the first right one stands at (t + m + 1) / (m + 1) in the mean.

        Args:
            ties: `expected` over the orders of equals, or `pessimistic`: behind all wrong equals.

        >>> Places(np.array([0, 2]), np.array([0, 4]), np.array([1, 1])).ranks()
        array([1., 5.])
        """
        if ties == "pessimistic":
            return np.asarray(1 + self.above + self.equal, np.float64)
        ranks: NDArray[np.float64] = self.above + (self.equal + self.right + 1) / (self.right + 1)
        return ranks

    def found(self, k: int, ties: Ties = "expected") -> NDArray[np.float64]:
        """How likely a right candidate is among the first k, by query, in [0, 1].

        With p = k - above places left for the t + m equals, none of them is right with probability
        C(t, p) / C(t + m, p) = product over j < m of (t - p + m - j) / (t + m - j).

        >>> Places(np.array([0, 2]), np.array([0, 4]), np.array([1, 1])).found(3)
        array([1. , 0.2])
        """
        if ties == "pessimistic":
            return (self.ranks(ties) <= at_least_one(k)).astype(np.float64)
        left = np.clip(at_least_one(k) - self.above, 0, None)
        missed = (left <= self.equal).astype(np.float64)
        for j in range(int(self.right.max(initial=0))):
            factor = (self.equal - left + self.right - j) / np.maximum(self.equal + self.right - j, 1)
            missed *= np.where(j < self.right, np.clip(factor, 0, 1), 1.0)
        return 1 - missed


@dataclass(frozen=True)
class Direction:
    """Retrieval in one direction.

    Attributes:
        recall: share of the queries whose right one is among the first k, by k, in [0, 1].
        median_rank: of the best right one, from 1 on; `MedR`.
        mean_rank: likewise.
        queries: how many looked.
        candidates: how many they looked through.
    """

    recall: dict[int, float]
    median_rank: float
    mean_rank: float
    queries: int
    candidates: int


@dataclass(frozen=True)
class CrossRetrieval:
    """Retrieval in both directions.

    Attributes:
        image_to_text: each image looks for any of its texts.
        text_to_image: each text looks for its image.
        ties: how equals are ranked.
    """

    image_to_text: Direction
    text_to_image: Direction
    ties: Ties

    def metrics(self) -> dict[str, float]:
        """One flat table: `image_to_text_recall_at_1`, `text_to_image_median_rank` and so on."""
        table: dict[str, float] = {}
        for name in ("image_to_text", "text_to_image"):
            way: Direction = getattr(self, name)
            table |= {f"{name}_recall_at_{k}": share for k, share in way.recall.items()}
            table |= {f"{name}_median_rank": way.median_rank, f"{name}_mean_rank": way.mean_rank}
        return table

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class SubsetRetrieval:
    """Means over random subsets, as the recipe literature reports them.

    Attributes:
        mean: of each number of `CrossRetrieval.metrics` over the draws.
        deviation: its standard deviation over the draws (of a sample; 0 with one draw).
        size: images a subset.
        draws: how many subsets.
        seed: of the draws.
    """

    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    size: int
    draws: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def cross_retrieval(
    images: ArrayLike,
    texts: ArrayLike,
    owner: ArrayLike | None = None,
    ks: Sequence[int] = KS,
    *,
    ties: Ties = "expected",
) -> CrossRetrieval:
    """Let images look for their texts and texts for their images, by the cosine, among all there are.

    Recall@k and ranks as in Karpathy and Fei-Fei (CVPR 2015, section 4.2): an image has found its texts once the first
    of them is found. Scores are made a block at a time and never sorted, so that memory stays bounded.

    Args:
        images: vectors of the images [N, D].
        texts: vectors of the texts [T, D].
        owner: the number of each text's image, int [T], in [0, N); every image has at least one text. By default text
            number n belongs to image number n.
        ks: for which k recall is told.
        ties: `expected` (equals in random order) or `pessimistic` (the right one behind its equals).

    Returns:
        Recall, median and mean rank, both ways.

    Raises:
        BadDataError: the three do not fit each other, or an image has no text.
        LandbridgeError: there is no such way with ties.

    Here the last text belongs to image 2 and looks like image 0, whose own texts it ties with:

    >>> eye = np.eye(3)
    >>> found = cross_retrieval(eye, eye[[0, 0, 1, 2, 0]], owner=[0, 0, 1, 2, 2], ks=[1])
    >>> found.image_to_text.recall, found.text_to_image.recall, found.text_to_image.mean_rank
    ({1: 0.888...}, {1: 0.8}, 1.3)
    >>> cross_retrieval(np.ones((10, 4)), np.ones((10, 4))).text_to_image.mean_rank  # all alike: chance
    5.5
    """
    if ties not in ("expected", "pessimistic"):
        raise LandbridgeError(f"ties are expected or pessimistic, not '{ties}'")
    pictures, sentences, owners = _fitting(images, texts, owner)
    by_image, by_text = places(pictures, sentences, owners)
    return CrossRetrieval(
        image_to_text=_told(by_image, len(sentences), ks, ties),
        text_to_image=_told(by_text, len(pictures), ks, ties),
        ties=ties,
    )


def subset_retrieval(
    images: ArrayLike,
    texts: ArrayLike,
    owner: ArrayLike | None = None,
    ks: Sequence[int] = KS,
    *,
    size: int = 1000,
    draws: int = 10,
    seed: int = 0,
    ties: Ties = "expected",
) -> SubsetRetrieval:
    """The mean of `cross_retrieval` over random subsets of the images with all their texts.

    Recipe retrieval is reported so (Salvador et al., CVPR 2017, section 4.1: ten subsets of 1,000; others add five of
    10,000): ranks grow with the number of candidates, and a fixed number makes test sets of any size comparable.

    Args:
        images: vectors of the images [N, D].
        texts: vectors of the texts [T, D].
        owner: as in `cross_retrieval`.
        ks: for which k recall is told.
        size: images a subset, at most N; without replacement.
        draws: how many subsets, at least 1.
        seed: of the draws.
        ties: as in `cross_retrieval`.

    Raises:
        BadDataError: as `cross_retrieval`, or there are fewer than `size` images.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 8))
    >>> told = subset_retrieval(x, x + rng.normal(size=x.shape), size=10, draws=4)
    >>> told.mean["text_to_image_median_rank"] < 3, told.size, told.draws
    (True, 10, 4)
    """
    pictures, sentences, owners = _fitting(images, texts, owner)
    if not 1 <= size <= len(pictures):
        raise BadDataError(f"subsets of {size} cannot be drawn from {len(pictures)} images: take a smaller size")
    rng = np.random.default_rng(seed)
    tables = []
    for _ in range(at_least_one(draws)):
        chosen = np.sort(rng.choice(len(pictures), size, replace=False))
        number = np.full(len(pictures), -1)
        number[chosen] = np.arange(size)
        kept = number[owners] >= 0
        part = cross_retrieval(pictures[chosen], sentences[kept], number[owners[kept]], ks, ties=ties)
        tables.append(part.metrics())
    columns = {name: np.array([table[name] for table in tables]) for name in tables[0]}
    return SubsetRetrieval(
        mean={name: float(values.mean()) for name, values in columns.items()},
        deviation={name: float(values.std(ddof=1)) if draws > 1 else 0.0 for name, values in columns.items()},
        size=size,
        draws=draws,
        seed=seed,
    )


def places(images: Vectors, texts: Vectors, owner: Numbers) -> tuple[Places, Places]:
    """Where the right ones stand, for each image and for each text.

    Only how many score higher, and how many the same, has to be counted: each block of scores is compared with the
    right scores of its texts and with the best right scores of all images, and forgotten.

    Args:
        images: float32 [N, D], rows of length 1 or 0.
        texts: float32 [T, D], likewise.
        owner: int64 [T].

    Returns:
        Places of the images' texts [N], and of the texts' images [T].
    """
    right = np.einsum("td,td->t", texts, images[owner])
    best = np.full(len(images), -np.inf, np.float32)
    np.maximum.at(best, owner, right)
    own = np.bincount(owner[right >= best[owner] - np.float32(EQUAL)], minlength=len(images))
    row_above, row_least = (np.empty(len(texts), np.int64) for _ in range(2))
    column_above, column_least = (np.zeros(len(images), np.int64) for _ in range(2))
    # A block has at most 255 rows, so that its columns can be counted in bytes.
    step = min(255, max(1, BLOCK // len(images)))
    scores, flags = np.empty((step, len(images)), np.float32), np.empty((step, len(images)), bool)
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        block, flag, end = scores[: len(part)], flags[: len(part)], start + len(part)
        np.matmul(part, images.T, out=block)
        # The product rounds otherwise than the sum above did: the right one must equal itself.
        block[np.arange(len(part)), owner[start:end]] = right[start:end]
        for shift, rows, columns in ((EQUAL, row_above, column_above), (-EQUAL, row_least, column_least)):
            compare = np.greater if shift > 0 else np.greater_equal
            compare(block, right[start:end, None] + np.float32(shift), out=flag)
            rows[start:end] = [np.count_nonzero(line) for line in flag]
            compare(block, best + np.float32(shift), out=flag)
            columns += np.add.reduce(flag.view(np.uint8), axis=0, dtype=np.uint8)
    return (
        Places(column_above, column_least - column_above - own, own),
        Places(row_above, row_least - row_above - 1, np.ones(len(texts), np.int64)),
    )


def _told(where: Places, candidates: int, ks: Sequence[int], ties: Ties) -> Direction:
    ranks = where.ranks(ties)
    return Direction(
        recall={k: float(where.found(k, ties).mean()) for k in ks},
        median_rank=float(np.median(ranks)),
        mean_rank=float(ranks.mean()),
        queries=len(ranks),
        candidates=candidates,
    )


def _fitting(images: ArrayLike, texts: ArrayLike, owner: ArrayLike | None) -> tuple[Vectors, Vectors, Numbers]:
    """All three, checked: unit rows, and every image owning a text."""
    pictures, sentences = np.asarray(images), np.asarray(texts)
    if pictures.ndim != 2 or sentences.ndim != 2 or pictures.shape[1:] != sentences.shape[1:] or not len(pictures):
        raise BadDataError(
            f"images {tuple(pictures.shape)} and texts {tuple(sentences.shape)} do not fit: N,D and T,D are wanted"
        )
    owners = np.arange(len(sentences)) if owner is None else np.asarray(owner)
    if owners.shape != (len(sentences),) or not np.issubdtype(owners.dtype, np.integer):
        raise BadDataError(f"owner {tuple(owners.shape)} does not fit: one whole number for each of {len(sentences)}")
    strangers = owners[(owners < 0) | (owners >= len(pictures))]
    if len(strangers):
        raise BadDataError(f"a text belongs to image {int(strangers[0])}, but the images are 0 to {len(pictures) - 1}")
    without = np.flatnonzero(np.bincount(owners, minlength=len(pictures)) == 0)
    if len(without):
        raise BadDataError(f"{len(without)} images have no text (first: image {int(without[0])}): leave them out")
    width = pictures.shape[1]
    return prepared(pictures, width, "cosine"), prepared(sentences, width, "cosine"), owners.astype(np.int64)
