"""How good retrieval is: whether what lies near a query is of the query's class."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landbridge.core.errors import BadDataError
from landbridge.retrieval.exact import similarities
from landbridge.retrieval.index import Metric, at_least_one, known_metric, prepared

KS = (1, 5, 10)
"""The lengths of the lists of hits that are judged by default."""

BLOCK = 2**22
"""Pairs of query and candidate that are ranked at once: some 150 MB."""

Numbers = NDArray[np.float64]
"""One number a query [n]."""

Ranked = NDArray[np.bool_]
"""Which hit is relevant, by query [n] and rank [M], the nearest first."""


def precision_at_k(relevant: Ranked, k: int) -> Numbers:
    """The share of relevant ones among the first k hits (Manning et al., Introduction to IR, 2008, section 8.4).

    Args:
        relevant: bool [n, M], hits in the order in which they were found.
        k: how many hits count, at least 1; with fewer hits than that, all of them do.

    Returns:
        One number a query, float64 [n], in [0, 1].

    >>> precision_at_k(np.array([[True, False, True, True]]), 3)
    array([0.66666667])
    """
    first = relevant[:, : at_least_one(k)]
    share: Numbers = first.sum(1) / max(first.shape[1], 1)
    return share


def recall_at_k(relevant: Ranked, k: int, total: ArrayLike | None = None) -> Numbers:
    """The share of all relevant ones that stand among the first k hits (Manning et al., 2008, section 8.3).

    Metric learning calls another thing by this name: whether any of the k is relevant. Where a query has one relevant
    candidate, the two are the same.

    Args:
        relevant: bool [n, M], hits in the order in which they were found.
        k: how many hits count, at least 1.
        total: how many relevant ones there are for each query [n]; by default those in `relevant`.

    Returns:
        One number a query, float64 [n], in [0, 1]; not a number where nothing is relevant.

    >>> recall_at_k(np.array([[True, False, True, True]]), 3)
    array([0.66666667])
    """
    return _shares(relevant[:, : at_least_one(k)].sum(1), relevant, total)


def average_precision(relevant: Ranked, total: ArrayLike | None = None) -> Numbers:
    """The mean, over the relevant ones, of the precision at the rank of each (Manning et al., 2008, eq. 8.8).

    Args:
        relevant: bool [n, M], hits in the order in which they were found.
        total: how many relevant ones there are for each query [n], those that were not found too; by default those in
            `relevant`.

    Returns:
        One number a query, float64 [n], in [0, 1]; not a number where nothing is relevant.

    >>> average_precision(np.array([[True, False, True, False]])).round(4)
    array([0.8333])
    """
    precision = relevant.cumsum(1, dtype=np.float64) / np.arange(1, relevant.shape[1] + 1)
    return _shares(np.einsum("nm,nm->n", precision, relevant), relevant, total)


def _shares(gained: ArrayLike, relevant: Ranked, total: ArrayLike | None) -> Numbers:
    there = np.asarray(relevant.sum(1) if total is None else total, np.float64)
    shares: Numbers = np.full(len(relevant), np.nan)
    np.divide(gained, there, out=shares, where=there > 0)
    return shares


@dataclass(frozen=True)
class Retrieval:
    """How good a set of features is at finding others of a query's class. All numbers are in [0, 1].

    Attributes:
        precision: mean over the queries of the precision at k, by k.
        recall: likewise of the recall at k.
        mean_average_precision: mean over the queries of their average precision.
        by_class: the same for the queries of each class; a class without a query is not there.
        mean_class_precision: mean over the classes of their precision at k, by k.
        mean_class_average_precision: mean over the classes of their mean average precision.
        queries: how many there were.
        alone: examples that are the only ones of their class: there is nothing to be found for them, so that they are
            no queries (but may be found).
    """

    precision: dict[int, float]
    recall: dict[int, float]
    mean_average_precision: float
    by_class: "dict[int, ClassRetrieval]"
    mean_class_precision: dict[int, float]
    mean_class_average_precision: float
    queries: int
    alone: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class ClassRetrieval:
    """The means over the queries of one class.

    Attributes:
        precision: by k.
        recall: by k.
        mean_average_precision: of the class.
        queries: how many there were.
    """

    precision: dict[int, float]
    recall: dict[int, float]
    mean_average_precision: float
    queries: int


def leave_one_out(
    features: ArrayLike,
    labels: ArrayLike,
    ks: Sequence[int] = KS,
    metric: Metric = "cosine",
    *,
    most: int | None = None,
    seed: int = 0,
) -> Retrieval:
    """Let each example look for others of its class among all others, itself left out.

    All others are ranked, without approximation; those equally near by their position. The work is done in blocks of
    queries, so that memory stays bounded; time grows with the number of queries times N.

    Args:
        features: [N, D].
        labels: class numbers [N].
        ks: for which k precision and recall are told.
        metric: what near means, `cosine` or `l2`.
        most: at most so many examples are queries, drawn by chance; all by default. What they look among stays whole.
        seed: of that draw.

    Raises:
        BadDataError: features and labels do not fit, or no class has two examples.

    >>> near = leave_one_out([[0.0], [0.1], [5.0], [5.2], [9.0]], [0, 0, 1, 1, 2], ks=[1, 2], metric="l2")
    >>> near.precision, near.mean_average_precision, near.queries, near.alone
    ({1: 1.0, 2: 0.5}, 1.0, 4, 1)
    """
    metric, classes = known_metric(metric), np.asarray(labels)
    vectors = np.asarray(features)
    if vectors.ndim != 2 or classes.shape != (len(vectors),):
        raise BadDataError(f"features {tuple(vectors.shape)} and labels {tuple(classes.shape)} do not fit: N,D and N")
    rows = prepared(vectors, vectors.shape[1], metric)
    names, numbers, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(sizes[numbers] > 1)
    alone = len(rows) - len(queries)
    if most is not None and most < len(queries):
        queries = np.sort(np.random.default_rng(seed).choice(queries, most, replace=False))
    if not len(queries):
        raise BadDataError("no class has two examples: there is nothing of a query's class to be found")
    precision, recall = (np.empty((len(queries), len(ks))) for _ in range(2))
    average = np.empty(len(queries))
    step = max(1, BLOCK // len(rows))
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        relevant = _ranked(part, rows, numbers, metric)
        total = sizes[numbers[part]] - 1
        for column, k in enumerate(ks):
            precision[start : start + step, column] = precision_at_k(relevant, k)
            recall[start : start + step, column] = recall_at_k(relevant, k, total)
        average[start : start + step] = average_precision(relevant, total)

    def means(chosen: NDArray[np.bool_]) -> ClassRetrieval:
        return ClassRetrieval(
            precision={k: float(precision[chosen, column].mean()) for column, k in enumerate(ks)},
            recall={k: float(recall[chosen, column].mean()) for column, k in enumerate(ks)},
            mean_average_precision=float(average[chosen].mean()),
            queries=int(chosen.sum()),
        )

    own = numbers[queries]
    by_class = {int(names[number]): means(own == number) for number in np.unique(own)}
    whole = means(np.ones(len(queries), bool))
    return Retrieval(
        precision=whole.precision,
        recall=whole.recall,
        mean_average_precision=whole.mean_average_precision,
        by_class=by_class,
        mean_class_precision={k: float(np.mean([each.precision[k] for each in by_class.values()])) for k in ks},
        mean_class_average_precision=float(np.mean([each.mean_average_precision for each in by_class.values()])),
        queries=len(queries),
        alone=alone,
    )


def _ranked(
    queries: NDArray[np.int64], rows: NDArray[np.float32], numbers: NDArray[np.int64], metric: Metric
) -> Ranked:
    """Which of all others, ranked for each query, are of its class: bool [n, N - 1]."""
    scores = similarities(rows[queries], rows, metric)
    scores[np.arange(len(queries)), queries] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    return np.equal(numbers[order], numbers[queries][:, None])
