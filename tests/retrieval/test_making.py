"""Which kind of index is made, and what it needs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from landbridge.core.errors import LandbridgeError
from landbridge.retrieval import EXACT_UP_TO, ExactIndex, FaissIndex, make_index, open_index
from retrieval.kinds import HNSW, filled


def test_small_sets_need_no_faiss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled(HNSW, np.eye(3, dtype=np.float32)).save(tmp_path / "graph")
    monkeypatch.setitem(sys.modules, "faiss", None)
    index = make_index(3, EXACT_UP_TO)
    assert isinstance(index, ExactIndex)
    index.add(["a"], [[1, 0, 0]])
    index.save(tmp_path / "exact")
    assert open_index(tmp_path / "exact").ids == ["a"]
    for needs in (lambda: make_index(3, EXACT_UP_TO + 1), lambda: open_index(tmp_path / "graph")):
        with pytest.raises(LandbridgeError, match=r'pip install "landbridge\[retrieval\]"'):
            needs()


def test_which_kind_is_made() -> None:
    assert isinstance(make_index(3, 10), ExactIndex)
    assert isinstance(make_index(3, 10**6, "exact"), ExactIndex)
    large = make_index(3, EXACT_UP_TO + 1, metric="l2", fingerprint="f", about={"a": 1})
    assert isinstance(large, FaissIndex)
    assert (large.factory, large.metric, large.fingerprint, large.about) == ("HNSW32,Flat", "l2", "f", {"a": 1})
    assert large._graph.hnsw.efSearch == 128
    tuned = make_index(3, 10, "HNSW8,Flat", parameters="efSearch=33,efConstruction=44")
    assert isinstance(tuned, FaissIndex)
    assert (tuned._graph.hnsw.efSearch, tuned._graph.hnsw.efConstruction) == (33, 44)
    with pytest.raises(LandbridgeError, match="'HNWS32': could not parse index string HNWS32"):
        make_index(3, 10, "HNWS32")
    with pytest.raises(LandbridgeError, match="'Flat' of faiss does not take the parameters 'efSearch=3'"):
        make_index(3, 10, "Flat", parameters="efSearch=3")
    with pytest.raises(LandbridgeError, match="cosine or l2, not 'dot'"):
        make_index(3, 10, metric="dot")
