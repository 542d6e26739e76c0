"""Vectors that are added in parts and read as one array."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.retrieval.entries import Entries
from landbridge.retrieval.index import Metric, Vectors, known_metric


class Store:
    """Rows of vectors: parts are joined only once somebody looks, so that adding many small ones stays cheap.

    Args:
        first: the rows to begin with [n, D]; may be mapped from a file.
    """

    def __init__(self, first: Vectors) -> None:
        self._parts = [first]

    def add(self, rows: Vectors) -> None:
        """Put rows at the end."""
        self._parts.append(rows)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Drop all rows but these."""
        self._parts = [self.all[rows]]

    @property
    def all(self) -> Vectors:
        """All rows as one array."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


class StoredVectors:
    """What every index holds: vectors by id, and what is known about each.

    Args:
        width: D, the length of a vector.
        metric: `cosine`, or `l2`.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.
    """

    def __init__(self, width: int, metric: Metric, fingerprint: str, about: Mapping[str, Any] | None) -> None:
        self.width, self.metric, self.fingerprint = width, known_metric(metric), fingerprint
        self.about = dict(about or {})
        self._entries = Entries()
        self._store = Store(np.empty((0, width), np.float32))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._entries

    @property
    def ids(self) -> list[str]:
        """The ids, in the order in which they were added."""
        return self._entries.ids

    @property
    def vectors(self) -> Vectors:
        """The vectors [N, D] in the order of `ids`."""
        return self._store.all[self._entries.alive] if self._entries.dead else self._store.all

    def close(self) -> None:
        """Nothing is held open."""

    def payload(self, id_: str) -> dict[str, Any]:
        """What was told about an id when it was added."""
        return dict(self._entries.payload.get(id_, {}))
