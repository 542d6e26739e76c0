"""What only the index that compares everything has: blocks, near duplicates, parts joined late."""

import numpy as np
import pytest

from landbridge.retrieval import ExactIndex, exact
from retrieval.kinds import EXACT, filled, names, same_hits


def test_near_duplicates_far_from_the_origin_are_told_apart() -> None:
    x = np.float32(1000) + np.arange(8, dtype=np.float32)[:, None] * np.float32([[0.01, 0, 0, 0]])
    index = filled(EXACT, x, "l2")
    assert [line[0] for line in index.search(x, 1).ids] == names(8)


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    for metric in ("cosine", "l2"):
        index = filled(EXACT, x, metric)
        whole = index.search(x, 7)
        monkeypatch.setattr(exact, "BLOCK", 130)
        parts = index.search(x, 7)
        monkeypatch.undo()
        assert parts.ids == whole.ids
        assert parts.scores == pytest.approx(whole.scores, abs=1e-6)


def test_many_small_additions_equal_one_large() -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    one, many = filled(EXACT, x), ExactIndex(4)
    for name, row in zip(names(40), x):
        many.add([name], row)
    same_hits(one, many, x, 40)
