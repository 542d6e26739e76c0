"""Which id stands in which row of an index, what is known about it, and which rows are deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.core.errors import BadDataError, UnknownNameError


class Entries:
    """The rows of an index by id. A deleted row stays, marked dead, until `compact`.

    Args:
        ids: by row; None for a dead row.
        payload: plain data by id; an id may have none.

    >>> entries = Entries()
    >>> entries.add(["a", "b", "c"])
    >>> entries.delete(["b"])
    array([1])
    >>> entries.ids, len(entries), entries.dead
    (['a', 'c'], 2, 1)
    >>> entries.compact()
    array([0, 2])
    """

    def __init__(self, ids: Sequence[str | None] = (), payload: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.rows: list[str | None] = list(ids)
        self._row = {id_: row for row, id_ in enumerate(self.rows) if id_ is not None}
        self.payload = {id_: dict(told) for id_, told in (payload or {}).items()}
        self._alive: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._row

    @property
    def ids(self) -> list[str]:
        """The living ids, in the order of their rows."""
        return [id_ for id_ in self.rows if id_ is not None]

    @property
    def dead(self) -> int:
        """How many rows are dead."""
        return len(self.rows) - len(self._row)

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which rows are not dead, bool [rows]."""
        if self._alive is None:
            self._alive = np.fromiter((id_ is not None for id_ in self.rows), dtype=bool, count=len(self.rows))
        return self._alive

    def check(self, ids: Sequence[str], payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Make sure that `add` can take these.

        Raises:
            BadDataError: an id is there already or comes twice, or the payload is of another length.
        """
        if payload is not None and len(payload) != len(ids):
            raise BadDataError(f"{len(ids)} ids, but a payload for {len(payload)}")
        seen: set[str] = set()
        for id_ in ids:
            if id_ in self._row or id_ in seen:
                raise BadDataError(f"'{id_}' is in the index already: delete it first, or give each vector its own id")
            seen.add(id_)

    def add(self, ids: Sequence[str], payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Put new ids, which `check` allows, into new rows at the end."""
        self.check(ids, payload)
        self._row.update((id_, row) for row, id_ in enumerate(ids, len(self.rows)))
        self.rows += ids
        self._alive = None
        if payload is not None:
            self.payload.update((id_, dict(told)) for id_, told in zip(ids, payload) if told)

    def delete(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Mark the rows of some ids dead.

        Returns:
            The rows.

        Raises:
            UnknownNameError: an id that is not there; nothing is changed then.
        """
        wanted = dict.fromkeys(ids)
        for id_ in wanted:
            if id_ not in self._row:
                raise UnknownNameError(f"there is no '{id_}' in the index, which holds {len(self):,} ids")
        rows = np.array([self._row.pop(id_) for id_ in wanted], dtype=np.int64)
        for row, id_ in zip(rows.tolist(), wanted):
            self.rows[row] = None
            self.payload.pop(id_, None)
        self._alive = None
        return rows

    def compact(self) -> NDArray[np.int64]:
        """Close the gaps that dead rows left.

        Returns:
            The former rows of those that are left, rising.
        """
        left = np.flatnonzero(self.alive)
        ids = self.ids
        self.rows, self._row, self._alive = list(ids), {id_: row for row, id_ in enumerate(ids)}, None
        return left

    def names(self, rows: NDArray[np.int64]) -> list[list[str]]:
        """The ids of living rows [n, k]."""
        every = self.rows
        return [[every[row] for row in line] for line in rows.tolist()]
