"""Rows and ids."""

import numpy as np

from landbridge.retrieval.entries import Entries


def test_entries_close_their_gaps() -> None:
    entries = Entries()
    entries.add(list("abcd"), [{"n": 0}, {}, {"n": 2}, {"n": 3}])
    assert entries.delete(["c", "a", "c"]).tolist() == [2, 0]
    assert entries.alive.tolist() == [False, True, False, True]
    assert entries.compact().tolist() == [1, 3]
    assert (entries.ids, entries.dead, entries.payload) == (["b", "d"], 0, {"d": {"n": 3}})
    entries.add(["a"])
    assert entries.names(np.array([[2, 0]])) == [["a", "b"]]
    assert entries.alive.tolist() == [True, True, True]
