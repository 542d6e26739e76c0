"""The index that compares a query with everything it holds: NumPy alone, and right to the last digit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landbridge.retrieval import files
from landbridge.retrieval.index import Hits, Metric, Vectors, at_least_one, prepared
from landbridge.retrieval.store import Store, StoredVectors

BLOCK = 2**24
"""Scores that are held at once: 64 MiB as float32."""


class ExactIndex(StoredVectors):
    """An index that finds the nearest without error, in time proportional to its size.

    Args:
        width: D, the length of a vector.
        metric: `cosine`, or `l2`.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.

    See `landbridge.retrieval.index.Index` for attributes and methods.

    >>> index = ExactIndex(2)
    >>> index.add(["east", "north"], [[1.0, 0.0], [0.0, 2.0]])
    >>> scores, ids = index.search([0.1, 1.0], k=5)
    >>> ids, scores.round(3).tolist()
    ([['north', 'east']], [[0.995..., 0.1...]])
    """

    KIND = "exact"

    def __init__(
        self, width: int, metric: Metric = "cosine", fingerprint: str = "", about: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(width, metric, fingerprint, about)

    def add(self, ids: Sequence[str], vectors: ArrayLike, payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Take in vectors; see `Index.add`."""
        rows = prepared(vectors, self.width, self.metric, len(ids))
        self._entries.add(ids, payload)
        self._store.add(rows)

    def delete(self, ids: Sequence[str]) -> None:
        """Forget vectors; see `Index.delete`."""
        self._entries.delete(ids)
        if self._entries.dead:
            self._store.keep(self._entries.compact())

    def search(self, vectors: ArrayLike, k: int = 10) -> Hits:
        """The nearest to each query; those equally near come in the order in which they were added."""
        queries = prepared(vectors, self.width, self.metric)
        scores, rows = nearest(queries, self._store.all, at_least_one(k), self.metric)
        return Hits(scores, self._entries.names(rows))

    def save(self, folder: Path | str) -> None:
        """Write the index to a folder, whole or not at all."""
        files.save(folder, self, self._entries, self._store.all, {"kind": self.KIND})

    @classmethod
    def opened(cls, folder: Path, described: Mapping[str, Any]) -> "ExactIndex":
        """The index that `files.describe` checked."""
        made = cls(described["width"], described["metric"], described["fingerprint"], described["about"])
        made._entries, vectors = files.contents(folder, described)
        made._store = Store(vectors)
        return made


def nearest(
    queries: Vectors, vectors: Vectors, k: int, metric: Metric, alive: NDArray[np.bool_] | None = None
) -> tuple[Vectors, NDArray[np.int64]]:
    """The k nearest rows to each query, by comparing with every row; memory stays bounded by `BLOCK` scores.

    Args:
        queries: as `prepared` makes them [n, D].
        vectors: likewise [N, D].
        k: how many.
        metric: what near means.
        alive: rows that may be found, bool [N]; all by default.

    Returns:
        Scores [n, k'] and rows [n, k'], the nearest first, equals by row; k' = min(k, living rows).
    """
    count = len(vectors) if alive is None else int(alive.sum())
    k = min(k, count)
    scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    if k == 0:
        return scores, rows
    step = max(1, BLOCK // len(vectors))
    for start in range(0, len(queries), step):
        block = similarities(queries[start : start + step], vectors, metric)
        if alive is not None:
            block[:, ~alive] = -np.inf
        for row, line in enumerate(block, start):
            # All that reach the k-th best score, by row, so that equals are not chosen by chance.
            least = np.partition(line, len(line) - k)[len(line) - k]
            candidates = np.flatnonzero(line >= least)
            best = candidates[np.argsort(-line[candidates], kind="stable")[:k]]
            scores[row], rows[row] = line[best], best
    return scores, rows


def similarities(queries: Vectors, vectors: Vectors, metric: Metric) -> Vectors:
    """How near each row is to each query, float32 [n, N]: the cosine of vectors of length 1, or minus the distance.

    >>> similarities(np.zeros((1, 2), np.float32), np.array([[3, 4]], np.float32), "l2")
    array([[-5.]], dtype=float32)
    """
    if metric == "cosine":
        cosines: Vectors = queries @ vectors.T
        return np.clip(cosines, -1, 1, out=cosines)
    # |q - v|^2 = |q|^2 - 2 qv + |v|^2 cancels where the two are near: in float64, and a part of the rows at a time.
    result = np.empty((len(queries), len(vectors)), np.float32)
    wide = queries.astype(np.float64)
    own = np.einsum("nd,nd->n", wide, wide)[:, None]
    step = max(1, BLOCK // (4 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), step):
        rows = vectors[start : start + step].astype(np.float64)
        squares = own - 2 * wide @ rows.T + np.einsum("nd,nd->n", rows, rows)
        result[:, start : start + step] = -np.sqrt(np.maximum(squares, 0))
    return result
