"""All kinds of index keep the same laws."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.retrieval import EXACT_UP_TO, ExactIndex, FaissIndex, Index, exact, make_index, open_index
from landbridge.retrieval.entries import Entries
from landbridge.retrieval.index import made_by, prepared

Make = Callable[[int, str], Index]

KINDS: dict[str, Make] = {
    "exact": lambda width, metric: ExactIndex(width, metric),
    "flat": lambda width, metric: FaissIndex(width, "Flat", metric),
    "hnsw": lambda width, metric: FaissIndex(width, "HNSW8,Flat", metric),
    "sq8": lambda width, metric: FaissIndex(width, "SQ8", metric),
    "hnsw-sq8": lambda width, metric: FaissIndex(width, "HNSW8,SQ8", metric),
}
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
every_metric = pytest.mark.parametrize("metric", ["cosine", "l2"])

# Small whole numbers, no two alike in direction by chance only: products of them are exact in float32.
vectors_of = st.lists(
    st.lists(st.integers(-6, 6), min_size=3, max_size=3).filter(any), min_size=1, max_size=30
).map(lambda rows: np.array(rows, np.float32))  # fmt: skip


def names(count: int, prefix: str = "v") -> list[str]:
    return [f"{prefix}/{number}.png" for number in range(count)]


def filled(make: Make, x: np.ndarray, metric: str = "cosine") -> Index:
    index = make(x.shape[1], metric)
    index.add(names(len(x)), x, [{"row": row} for row in range(len(x))])
    return index


def same_hits(one: Index, other: Index, queries: np.ndarray, k: int, tolerance: float = 1e-5) -> None:
    """Equal scores; and equal ids but for those that are equally near."""
    (scores, ids), (other_scores, other_ids) = one.search(queries, k), other.search(queries, k)
    assert scores.shape == other_scores.shape
    assert scores == pytest.approx(other_scores, abs=tolerance)
    for line, first, second in zip(scores, ids, other_ids):
        surely = {id_ for id_, score in zip(first, line) if score > line[-1] + 4 * tolerance}
        assert surely <= set(second)
        assert len(set(second)) == len(second)


def reference(x: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    x, query = x.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return -np.sqrt(((x - query) ** 2).sum(1))
    return x @ query / (np.linalg.norm(x, axis=1) * np.linalg.norm(query))


@every_kind
@every_metric
@given(x=vectors_of, query=st.lists(st.integers(-6, 6), min_size=3, max_size=3).filter(any), k=st.integers(1, 40))
def test_search_equals_comparing_with_everything(
    make: Make, metric: str, x: np.ndarray, query: list[int], k: int
) -> None:
    scores, ids = filled(make, x, metric).search(query, k)
    expected = reference(x, np.array(query), metric)
    assert scores[0] == pytest.approx(np.sort(expected)[::-1][:k], abs=1e-5)
    assert [expected[names(len(x)).index(id_)] for id_ in ids[0]] == pytest.approx(scores[0], abs=1e-5)
    assert len(set(ids[0])) == min(k, len(x))


@every_kind
@every_metric
@given(x=vectors_of, extra=vectors_of, data=st.data())
def test_add_then_delete_is_as_if_never_added(
    make: Make, metric: str, x: np.ndarray, extra: np.ndarray, data: Any
) -> None:
    index, never = filled(make, x, metric), filled(make, x, metric)
    index.add(names(len(extra), "extra"), extra)
    order = data.draw(st.permutations(names(len(extra), "extra")))
    cut = data.draw(st.integers(0, len(order)))
    index.delete(order[:cut])
    index.delete(order[cut:])
    assert len(index) == len(never)
    assert index.ids == never.ids
    assert index.vectors == pytest.approx(never.vectors)
    assert "extra/0.png" not in index
    same_hits(index, never, x, k=len(x))


@every_kind
@every_metric
@given(x=vectors_of, data=st.data())
def test_save_and_open_is_the_identity(
    make: Make, metric: str, tmp_path_factory: pytest.TempPathFactory, x: np.ndarray, data: Any
) -> None:
    index = filled(make, x, metric)
    index.fingerprint, index.about = "abc", {"backbone": "toy", "layers": [1, 2]}
    index.delete(data.draw(st.lists(st.sampled_from(names(len(x))), unique=True, max_size=len(x))))
    folder = tmp_path_factory.mktemp("index") / "saved"
    index.save(folder)
    again = open_index(folder, width=3, fingerprint="abc")
    assert type(again) is type(index)
    assert (again.ids, again.metric, again.about, len(again)) == (index.ids, metric, index.about, len(index))
    assert np.array_equal(again.vectors, index.vectors)
    assert [again.payload(id_) for id_ in again.ids] == [index.payload(id_) for id_ in index.ids]
    before, after = index.search(x, 5), again.search(x, 5)
    assert np.array_equal(before.scores, after.scores)
    assert before.ids == after.ids
    again.add(["late"], x[:1])  # what was opened can grow and be saved over itself
    again.save(folder)
    assert "late" in open_index(folder)


@every_kind
@every_metric
@given(x=vectors_of)
def test_self_is_its_own_nearest_neighbour(make: Make, metric: str, x: np.ndarray) -> None:
    directions = prepared(x, 3, metric)
    _, first = np.unique(directions.round(6), axis=0, return_index=True)
    x = x[np.sort(first)]
    scores, ids = filled(make, x, metric).search(x, 1)
    assert [line[0] for line in ids] == names(len(x))
    assert scores[:, 0] == pytest.approx(1 if metric == "cosine" else 0, abs=1e-5)


@every_metric
def test_faiss_and_numpy_agree(metric: str) -> None:
    rng = np.random.default_rng(0)
    x, queries = rng.normal(size=(3000, 24)).astype(np.float32), rng.normal(size=(50, 24)).astype(np.float32)
    ours = filled(KINDS["exact"], x, metric)
    same_hits(ours, filled(KINDS["flat"], x, metric), queries, 10)
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
    index = filled(KINDS["hnsw"], x)
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


def filled_with(x: np.ndarray, ids: list[str]) -> Index:
    index = ExactIndex(x.shape[1])
    index.add(ids, x)
    return index


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


@every_kind
def test_an_empty_index(make: Make, tmp_path: Path) -> None:
    index = make(3, "cosine")
    scores, ids = index.search(np.zeros((2, 3)), 4)
    assert scores.shape == (2, 0)
    assert ids == [[], []]
    index.save(tmp_path / "empty")
    assert len(open_index(tmp_path / "empty")) == 0
    index.add([], np.empty((0, 3)))
    index.delete([])
    assert index.search(np.empty((0, 3)), 4).ids == []


@every_kind
def test_what_does_not_fit_changes_nothing(make: Make) -> None:
    index = filled(make, np.eye(3, dtype=np.float32))
    for ids, vectors, message in [
        (["a"], [[1.0, 2.0]], r"vectors of shape \(1, 2\) do not fit an index of width 3"),
        (["a"], [[1.0, np.nan, 0.0]], "vector 0 of 1 holds numbers that are not finite"),
        (["a", "b"], np.eye(3), "3 vectors, but 2 ids"),
        (["a", "a"], np.eye(3)[:2], "'a' is in the index already"),
        (["v/1.png"], np.eye(3)[:1], "'v/1.png' is in the index already"),
    ]:
        with pytest.raises(BadDataError, match=message):
            index.add(ids, vectors)
    with pytest.raises(BadDataError, match="2 ids, but a payload for 1"):
        index.add(["a", "b"], np.eye(3)[:2], [{}])
    with pytest.raises(BadDataError, match="width 3"):
        index.search([1.0, 2.0])
    with pytest.raises(LandbridgeError, match="k must be at least 1, not 0"):
        index.search(np.eye(3), 0)
    with pytest.raises(UnknownNameError, match=r"no 'v/9\.png' in the index, which holds 3 ids"):
        index.delete(["v/0.png", "v/9.png"])
    assert index.ids == names(3)
    assert index.payload("v/2.png") == {"row": 2}
    assert [line[0] for line in index.search(np.eye(3), 1).ids] == names(3)


def test_a_model_of_another_fingerprint_is_refused(tmp_path: Path) -> None:
    index = ExactIndex(2, fingerprint="0123456789abcdef0123", about={"backbone": "timm/resnet18"})
    index.save(tmp_path / "index")
    with pytest.raises(
        LandbridgeError, match=r"another model \(timm/resnet18\), fingerprint 0123456789abcdef, not fed"
    ):
        open_index(tmp_path / "index", fingerprint="fed")
    assert made_by(index, index.fingerprint) is index
    with pytest.raises(LandbridgeError, match="fingerprint unknown, not fed"):
        made_by(ExactIndex(2), "fed")


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
def test_damaged_files_get_one_line(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = filled(KINDS[kind], np.eye(3, dtype=np.float32))
    index.save(folder)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["entries.json", *(["graph.faiss"] if kind == "hnsw" else []), "index.json", "vectors.npy"]
    for name in files:
        broken = tmp_path / f"broken-{name}"
        shutil.copytree(folder, broken)
        content = (broken / name).read_bytes()
        (broken / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(BadDataError, match=r"damaged|does not describe") as caught:
            open_index(broken)
        assert "\n" not in str(caught.value)
        (broken / name).unlink()
        with pytest.raises(MissingDataError, match=r"no index in|lacks its file"):
            open_index(broken)
    with pytest.raises(BadDataError, match="holds vectors of width 3, not 4"):
        open_index(folder, width=4)
    with pytest.raises(MissingDataError, match="no index in"):
        open_index(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "milvus"}, "kind 'milvus': update Landbridge"),
        ({"format": 99}, "update Landbridge"),
        ({"width": 4}, "describes float32"),
        ({"width": "3"}, "does not describe an index"),
        ({"sha256": {}}, "does not describe an index"),
    ],
)
def test_descriptions_that_do_not_fit(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    filled(KINDS["exact"], np.eye(3, dtype=np.float32)).save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BadDataError, match=message):
        open_index(tmp_path / "index")


def test_a_graph_of_another_index(tmp_path: Path) -> None:
    filled(KINDS["hnsw"], np.eye(3, dtype=np.float32)).save(tmp_path / "one")
    filled(KINDS["hnsw"], np.eye(4, dtype=np.float32)).save(tmp_path / "other")
    described = tmp_path / "one" / "index.json"
    foreign = json.loads((tmp_path / "other" / "index.json").read_text())["sha256"]["graph.faiss"]
    content = json.loads(described.read_text())
    content["sha256"]["graph.faiss"] = foreign
    described.write_text(json.dumps(content))
    shutil.copy(tmp_path / "other" / "graph.faiss", tmp_path / "one" / "graph.faiss")
    with pytest.raises(BadDataError, match="does not fit the vectors beside it"):
        open_index(tmp_path / "one")


def test_saving_replaces_an_index_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_text("dear")
    index = filled(KINDS["exact"], np.eye(3, dtype=np.float32))
    with pytest.raises(BadDataError, match="holds something else than an index"):
        index.save(photos)
    with pytest.raises(BadDataError, match="is a file"):
        index.save(photos / "holiday.jpg")
    assert (photos / "holiday.jpg").read_text() == "dear"
    (tmp_path / "index").mkdir()
    index.save(tmp_path / "index")
    before = (tmp_path / "index" / "index.json").read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    index.delete(["v/0.png"])
    with pytest.raises(OSError, match="No space left"):
        index.save(tmp_path / "index")
    assert (tmp_path / "index" / "index.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "photos"]
    assert len(open_index(tmp_path / "index")) == 3


def test_a_graph_that_cannot_be_written(tmp_path: Path) -> None:
    index = filled(KINDS["hnsw"], np.eye(3, dtype=np.float32))
    with pytest.raises(OSError, match="faiss cannot write its graph"):
        index._write_graph(tmp_path / "no" / "folder")


def test_small_sets_need_no_faiss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled(KINDS["hnsw"], np.eye(3, dtype=np.float32)).save(tmp_path / "graph")
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


def test_parameters_are_set_again_on_opening(tmp_path: Path) -> None:
    index = FaissIndex(3, "HNSW8,Flat", parameters="efSearch=77")
    index.save(tmp_path / "index")
    again = open_index(tmp_path / "index")
    assert isinstance(again, FaissIndex)
    assert again._graph.hnsw.efSearch == 77


def test_vectors_of_extreme_length_have_a_direction() -> None:
    rows = prepared([[3e38, 3e38], [1e-40, 0], [0, 0]], 2, "cosine")
    assert rows == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [1, 0], [0, 0]]))
    index = ExactIndex(2)
    index.add(["zero", "east"], [[0, 0], [1, 0]])
    assert index.search([1, 0]).scores.tolist() == [[1, 0]]


def test_near_duplicates_far_from_the_origin_are_told_apart() -> None:
    x = np.float32(1000) + np.arange(8, dtype=np.float32)[:, None] * np.float32([[0.01, 0, 0, 0]])
    index = filled(KINDS["exact"], x, "l2")
    assert [line[0] for line in index.search(x, 1).ids] == names(8)


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    for metric in ("cosine", "l2"):
        index = filled(KINDS["exact"], x, metric)
        whole = index.search(x, 7)
        monkeypatch.setattr(exact, "BLOCK", 130)
        parts = index.search(x, 7)
        monkeypatch.undo()
        assert parts.ids == whole.ids
        assert parts.scores == pytest.approx(whole.scores, abs=1e-6)


def test_many_small_additions_equal_one_large() -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    one, many = filled(KINDS["exact"], x), ExactIndex(4)
    for name, row in zip(names(40), x):
        many.add([name], row)
    same_hits(one, many, x, 40)


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
