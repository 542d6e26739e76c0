"""What only the index of faiss has: graphs, factory strings, training, and queries that a graph leaves short."""

from pathlib import Path

import numpy as np
import pytest

from landbridge.core.errors import LandbridgeError
from landbridge.retrieval import FaissIndex, open_index
from retrieval.kinds import EXACT, FLAT, HNSW, every_metric, filled, filled_with, names, reference, same_hits


@every_metric
def test_faiss_and_numpy_agree(metric: str) -> None:
    rng = np.random.default_rng(0)
    x, queries = rng.normal(size=(3000, 24)).astype(np.float32), rng.normal(size=(50, 24)).astype(np.float32)
    ours = filled(EXACT, x, metric)
    same_hits(ours, filled(FLAT, x, metric), queries, 10)
    _, true = ours.search(queries, 10)
    graph = FaissIndex(24, "HNSW32,Flat", metric)
    graph.add(names(len(x)), x)
    _, found = graph.search(queries, 10)
    assert np.mean([len({*one} & {*other}) / 10 for one, other in zip(true, found)]) > 0.98


@every_metric
def test_deleted_ones_do_not_crowd_out_the_living(metric: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 8)).astype(np.float32)
    near = x[:1] + 0.001 * rng.normal(size=(190, 8)).astype(np.float32)
    index = FaissIndex(8, "HNSW16,Flat", metric)
    index.add(names(1000), x)
    index.add(names(190, "near"), near)
    graph = index._graph
    index.delete(names(190, "near"))
    assert index._graph is graph  # 16 % are dead: not yet built anew
    scores, ids = index.search(x[:3], 20)
    assert scores.shape == (3, 20)
    assert not [id_ for line in ids for id_ in line if id_.startswith("near")]
    expected = np.sort(reference(x, x[0], metric))[::-1][:20]
    assert scores[0] == pytest.approx(expected, abs=1e-4)


def test_a_graph_is_built_anew_once_a_fifth_is_dead() -> None:
    x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    index = filled(HNSW, x)
    index.delete(names(100)[:20])
    assert index._graph.ntotal == 100
    index.delete(names(100)[20:21])
    assert index._graph.ntotal == 79
    same_hits(index, filled_with(x[21:], names(100)[21:]), x, 10)
    index.delete(index.ids)
    assert len(index) == 0
    assert index.search(x[:2], 3).ids == [[], []]
    index.add(["again"], x[:1])
    assert index.search(x[:1], 3).ids == [["again"]]


def test_an_index_that_must_be_trained(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    index = FaissIndex(4, "IVF4,Flat", parameters="nprobe=4")
    index.add(names(400), x)
    same_hits(index, filled_with(x, names(400)), x[:20], 5)
    index.save(tmp_path / "ivf")
    same_hits(open_index(tmp_path / "ivf"), index, x[:20], 5)
    index.delete(names(400)[:398])  # two are left, too few to train on: the old one goes on
    assert sorted(index.search(x[:1], 5).ids[0]) == names(400)[398:]
    few = FaissIndex(4, "IVF4,Flat")
    with pytest.raises(LandbridgeError, match=r"does not take 2 vectors: Number of training points \(2\)"):
        few.add(["a", "b"], x[:2])
    assert len(few) == 0
    few.add(names(400), x)


def test_parameters_are_set_again_on_opening(tmp_path: Path) -> None:
    index = FaissIndex(3, "HNSW8,Flat", parameters="efSearch=77")
    index.save(tmp_path / "index")
    again = open_index(tmp_path / "index")
    assert isinstance(again, FaissIndex)
    assert again._graph.hnsw.efSearch == 77


def test_a_graph_that_cannot_be_written(tmp_path: Path) -> None:
    index = filled(HNSW, np.eye(3, dtype=np.float32))
    with pytest.raises(OSError, match="faiss cannot write its graph"):
        index._write_graph(tmp_path / "no" / "folder")
