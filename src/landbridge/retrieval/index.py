"""What an index of embeddings is, and what all kinds of it ask of their vectors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landbridge.core.errors import BadDataError, LandbridgeError

Vectors = NDArray[np.float32]
"""Embeddings [N, D]."""

Metric = Literal["cosine", "l2"]
"""What near means: the cosine of the angle between two vectors, or minus their Euclidean distance."""


class Hits(NamedTuple):
    """What a search found, the nearest first.

    Attributes:
        scores: float32 [n, k'], falling along each row: cosines in [-1, 1], or minus distances, <= 0.
        ids: for each query its k' ids. k' is k, or the size of the index where that is smaller.
    """

    scores: Vectors
    ids: list[list[str]]


class Index(Protocol):
    """Embeddings by id, and the nearest of them to a query.

    Attributes:
        width: D, the length of a vector.
        metric: what near means.
        fingerprint: of the model that made the vectors; empty where nobody said.
        about: how they were made, as plain data (backbone, weights, folder); it is saved with the index.
    """

    width: int
    metric: Metric
    fingerprint: str
    about: dict[str, Any]

    def __len__(self) -> int: ...

    def __contains__(self, id_: object) -> bool: ...

    @property
    def ids(self) -> list[str]:
        """The ids, in the order in which they were added."""
        ...

    @property
    def vectors(self) -> Vectors:
        """The vectors [N, D] in the order of `ids`; of length 1 where the metric is the cosine."""
        ...

    def payload(self, id_: str) -> dict[str, Any]:
        """What was told about an id when it was added."""
        ...

    def add(self, ids: Sequence[str], vectors: ArrayLike, payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Take in vectors.

        Args:
            ids: a name for each, none of them known yet (a relative path, with forward slashes).
            vectors: finite numbers [n, D].
            payload: plain data about each.

        Raises:
            BadDataError: another width, a number that is not finite, an id that is there already or comes twice.
        """
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Forget vectors.

        Raises:
            UnknownNameError: an id that is not there; nothing is deleted then.
        """
        ...

    def search(self, vectors: ArrayLike, k: int = 10) -> Hits:
        """The nearest to each query.

        Args:
            vectors: queries [n, D], or one [D].
            k: how many for each, at least 1.

        Raises:
            BadDataError: the queries have another width, or numbers that are not finite.
        """
        ...

    def save(self, folder: Path | str) -> None:
        """Write the index to a folder, whole or not at all; an index that stood there is replaced.

        Raises:
            BadDataError: something else stands there.
        """
        ...

    def close(self) -> None:
        """Let go of whatever it holds open; it is not used any more."""
        ...


def prepared(vectors: ArrayLike, width: int, metric: Metric, count: int | None = None) -> Vectors:
    """Vectors as an index holds and compares them: float32 [n, D], of length 1 where the metric is the cosine.

    A vector of zeros has no direction; it stays as it is, and its cosine with everything counts as 0.

    Args:
        vectors: [n, D], or one vector [D].
        width: the D that is wanted.
        metric: of the index.
        count: the n that is wanted; None takes any.

    Raises:
        BadDataError: another width or count, or numbers that are not finite.

    >>> prepared([3.0, 4.0], 2, "cosine").tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    rows = np.asarray(vectors)
    if rows.ndim == 1:
        rows = rows[None]
    if rows.ndim != 2 or rows.shape[1] != width:
        raise BadDataError(
            f"vectors of shape {tuple(rows.shape)} do not fit an index of width {width}: take the backbone and the "
            "layer that the index was made with"
        )
    if count is not None and len(rows) != count:
        raise BadDataError(f"{len(rows)} vectors, but {count} ids: each vector needs its own")
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    if metric == "cosine":
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
        if lengths.size and lengths.min() > 1e-15 and lengths.max() < 1e15:
            return rows / lengths  # type: ignore[no-any-return]
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        raise BadDataError(f"vector {int(np.flatnonzero(~finite)[0])} of {len(rows)} holds numbers that are not finite")
    return rows if metric == "l2" else _directions(rows)


def _directions(rows: Vectors) -> Vectors:
    """Rows of length 1, or 0; scaled by the largest entry first, as the square of a float32 may leave its range."""
    largest = np.abs(rows).max(1, keepdims=True, initial=0.0)
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    directions: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return directions


def known_metric(metric: str) -> Metric:
    """The metric, if there is such a one.

    Raises:
        LandbridgeError: there is not.
    """
    for known in get_args(Metric):
        if metric == known:
            return known  # type: ignore[no-any-return]
    raise LandbridgeError(f"the metric is cosine or l2, not '{metric}'")


def at_least_one(k: int) -> int:
    """The number of hits that is asked for.

    Raises:
        LandbridgeError: fewer than one.
    """
    if k < 1:
        raise LandbridgeError(f"k must be at least 1, not {k}")
    return k


def made_by(index: Index, fingerprint: str) -> Index:
    """The index, if the model with this fingerprint made its vectors: those of two models cannot be compared.

    Raises:
        LandbridgeError: another model made them.
    """
    if index.fingerprint != fingerprint:
        dual = index.about.get("model")
        maker, parts = dual or index.about.get("backbone"), "model" if dual else "backbone, weights and layer"
        raise LandbridgeError(
            f"the vectors of this index come from another model{f' ({maker})' if maker else ''}, fingerprint "
            f"{index.fingerprint[:16] or 'unknown'}, not {fingerprint[:16] or 'unknown'}: take the {parts} that made "
            "it, or make it anew"
        )
    return index
