"""All kinds of index keep the same laws: one tester, and every back end passes through it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.retrieval import ExactIndex, is_there, made_by, open_index
from landbridge.retrieval.index import prepared
from retrieval.kinds import (
    Kind,
    every_kind,
    every_metric,
    filled,
    home,
    law,
    names,
    numbers_of,
    on_disk,
    reference,
    same_hits,
    vectors_of,
)


@every_kind
@every_metric
def test_search_equals_comparing_with_everything(kind: Kind, metric: str) -> None:
    @law(kind, x=vectors_of, query=numbers_of, k=st.integers(1, 40))
    def _(x: np.ndarray, query: list[int], k: int) -> None:
        scores, ids = filled(kind, x, metric).search(query, k)
        expected = reference(x, np.array(query), metric)
        assert scores[0] == pytest.approx(np.sort(expected)[::-1][:k], abs=1e-5)
        assert [expected[names(len(x)).index(id_)] for id_ in ids[0]] == pytest.approx(scores[0], abs=1e-5)
        assert len(set(ids[0])) == min(k, len(x))


@every_kind
@every_metric
def test_add_then_delete_is_as_if_never_added(kind: Kind, metric: str) -> None:
    @law(kind, x=vectors_of, extra=vectors_of, data=st.data())
    def _(x: np.ndarray, extra: np.ndarray, data: Any) -> None:
        index, never = filled(kind, x, metric), filled(kind, x, metric)
        index.add(names(len(extra), "extra"), extra)
        order = data.draw(st.permutations(names(len(extra), "extra")))
        cut = data.draw(st.integers(0, len(order)))
        index.delete(order[:cut])
        index.delete(order[cut:])
        assert len(index) == len(never)
        assert index.ids == never.ids
        assert index.vectors == pytest.approx(never.vectors)
        assert "extra/0.png" not in index
        assert index.payload("extra/0.png") == {}
        same_hits(index, never, x, k=len(x))


@every_kind
@every_metric
def test_save_and_open_is_the_identity(kind: Kind, metric: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    @law(kind, x=vectors_of, data=st.data())
    def _(x: np.ndarray, data: Any) -> None:
        index = filled(kind, x, metric)
        index.fingerprint, index.about = "abc", {"backbone": "toy", "layers": [1, 2]}
        index.delete(data.draw(st.lists(st.sampled_from(names(len(x))), unique=True, max_size=len(x))))
        place = home(index, tmp_path_factory.mktemp("index") / "saved")
        index.save(place)
        assert is_there(place)
        again = open_index(place, width=3, fingerprint="abc")
        assert type(again) is type(index)
        assert (len(again), again.ids, again.metric, again.about) == (len(index), index.ids, metric, index.about)
        assert np.array_equal(again.vectors, index.vectors)
        assert [again.payload(id_) for id_ in again.ids] == [index.payload(id_) for id_ in index.ids]
        before, after = index.search(x, 5), again.search(x, 5)
        assert before.scores == pytest.approx(after.scores, abs=1e-6)
        same_hits(index, again, x, 5)
        again.add(["late"], x[:1])  # what was opened can grow and be saved over itself
        again.save(place)
        assert "late" in open_index(place)


@every_kind
@every_metric
def test_self_is_its_own_nearest_neighbour(kind: Kind, metric: str) -> None:
    @law(kind, x=vectors_of)
    def _(x: np.ndarray) -> None:
        directions = prepared(x, 3, metric)
        _, first = np.unique(directions.round(6), axis=0, return_index=True)
        x = x[np.sort(first)]
        scores, ids = filled(kind, x, metric).search(x, 1)
        assert [line[0] for line in ids] == names(len(x))
        assert scores[:, 0] == pytest.approx(1 if metric == "cosine" else 0, abs=1e-5)


@every_kind
def test_many_vectors(kind: Kind, tmp_path: Path) -> None:
    """Enough of them for graphs and for messages of several parts; saved, half deleted, added to, opened anew."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 32)).astype(np.float32)
    index, exact = filled(kind, x), ExactIndex(32)
    exact.add(names(2000), x)
    place = home(index, tmp_path / "index")
    index.save(place)
    for each in (index, exact):
        each.delete(names(2000)[::2])
        each.add(["late"], x[:1])
    index.save(place)
    again = open_index(place)
    assert again.ids == exact.ids
    assert again.vectors == pytest.approx(exact.vectors)
    (scores, ids), (true_scores, true) = again.search(x[:50], 10), exact.search(x[:50], 10)
    assert np.mean([len({*one} & {*other}) / 10 for one, other in zip(true, ids)]) > 0.95
    assert ids[0][0] == "late"
    assert (scores <= true_scores + 1e-5).all()
    assert again.payload("v/3.png") == {"row": 3}


@every_kind
@pytest.mark.parametrize("reopened", [False, True], ids=["at-once", "reopened"])
def test_what_is_deleted_is_gone_from_the_disk(kind: Kind, reopened: bool, tmp_path: Path) -> None:
    """After saving, no file holds the name, the payload or the numbers of what was deleted."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 8)).astype(np.float32)
    place = tmp_path / ("index.db" if kind.in_milvus else "index")
    index = kind(8, **({"where": place} if kind.in_milvus else {}))
    ids, told = names(40), [f"secret-{row}-" for row in range(40)]
    index.add(ids, x, [{"told": each} for each in told])
    index.save(place)
    patterns = [ids[7].encode(), told[7].encode(), index.vectors[7].tobytes()]
    for pattern in patterns:
        assert on_disk(place, pattern), f"{pattern!r} was never there: this test sees nothing"
    index.delete([ids[7]])
    if reopened:  # the process ended before it saved
        if not kind.in_milvus:
            index.save(place)
        index = open_index(place)
    index.save(place)
    assert ids[7] not in open_index(place)
    assert len(open_index(place).search(x[7], 40).ids[0]) == 39
    for pattern in patterns:
        assert not on_disk(place, pattern)
    assert on_disk(place, ids[8].encode())


@every_kind
def test_an_empty_index(kind: Kind, tmp_path: Path) -> None:
    index = kind(3, "cosine")
    scores, ids = index.search(np.zeros((2, 3)), 4)
    assert scores.shape == (2, 0)
    assert ids == [[], []]
    index.save(home(index, tmp_path / "empty"))
    assert len(open_index(home(index, tmp_path / "empty"))) == 0
    index.add([], np.empty((0, 3)))
    index.delete([])
    assert index.search(np.empty((0, 3)), 4).ids == []
    assert index.vectors.shape == (0, 3)


@every_kind
def test_an_index_can_be_emptied_and_filled_again(kind: Kind, tmp_path: Path) -> None:
    index = filled(kind, np.eye(3, dtype=np.float32))
    index.delete(names(3))
    assert (len(index), index.search(np.eye(3), 2).ids) == (0, [[], [], []])
    index.save(home(index, tmp_path / "index"))
    again = open_index(home(index, tmp_path / "index"))
    again.add(["v/1.png"], np.eye(3)[:1], [{"new": True}])
    assert again.search(np.eye(3)[:1], 3).ids == [["v/1.png"]]
    assert again.payload("v/1.png") == {"new": True}


@every_kind
def test_what_does_not_fit_changes_nothing(kind: Kind) -> None:
    index = filled(kind, np.eye(3, dtype=np.float32))
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


@every_kind
def test_ids_are_any_text(kind: Kind, tmp_path: Path) -> None:
    ids = ["a \"quoted\" 'name'\n.png", "ä/狗/🐕.jpg", "%s {} \\", "-1"]
    index = kind(4)
    index.add(ids, np.eye(4), [{"class": id_, "deep": {"n": [1, None]}} for id_ in ids])
    index.delete(ids[2:3])
    index.save(home(index, tmp_path / "index"))
    again = open_index(home(index, tmp_path / "index"))
    assert again.ids == [ids[0], ids[1], ids[3]]
    assert again.search(np.eye(4)[1], 1).ids == [[ids[1]]]
    assert again.payload(ids[1]) == {"class": ids[1], "deep": {"n": [1, None]}}


@every_kind
def test_a_model_of_another_fingerprint_is_refused(kind: Kind, tmp_path: Path) -> None:
    index = kind(2, fingerprint="0123456789abcdef0123", about={"backbone": "timm/resnet18"})
    place = home(index, tmp_path / "index")
    index.save(place)
    with pytest.raises(
        LandbridgeError, match=r"another model \(timm/resnet18\), fingerprint 0123456789abcdef, not fed: take the back"
    ):
        open_index(place, fingerprint="fed")
    with pytest.raises(BadDataError, match="holds vectors of width 2, not 4"):
        open_index(place, width=4)
    assert made_by(index, index.fingerprint) is index
    with pytest.raises(LandbridgeError, match=r"another model \(runs/a\).* not fed: take the model that made it"):
        made_by(kind(2, about={"model": "runs/a", "backbone": "x"}), "fed")
    with pytest.raises(LandbridgeError, match="fingerprint unknown, not fed"):
        made_by(kind(2), "fed")


def test_vectors_of_extreme_length_have_a_direction() -> None:
    rows = prepared([[3e38, 3e38], [1e-40, 0], [0, 0]], 2, "cosine")
    assert rows == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [1, 0], [0, 0]]))
    index = ExactIndex(2)
    index.add(["zero", "east"], [[0, 0], [1, 0]])
    assert index.search([1, 0]).scores.tolist() == [[1, 0]]
