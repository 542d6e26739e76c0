"""Vectors that are added in parts and read as one array."""

import numpy as np
from numpy.typing import NDArray

from landbridge.retrieval.index import Vectors


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
