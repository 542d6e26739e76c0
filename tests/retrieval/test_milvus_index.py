"""What only the index in Milvus has: places, a file that others may hold, and work that was cut off half-way."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.retrieval import MilvusIndex, is_there, make_index, milvus_index, open_index
from landbridge.retrieval.milvus_index import ANEW, MOST_HITS
from landbridge.retrieval.milvus_place import connected, known_place, milvus_place
from retrieval.kinds import BY_NAME, filled, names, needs_milvus, new_place, same_hits

MILVUS = BY_NAME["milvus"]


def test_places() -> None:
    assert milvus_place("~/a.db").uri == str(Path.home() / "a.db")
    place = milvus_place("https://milvus.example:443#photos")
    assert (place.uri, place.collection, place.is_file) == ("https://milvus.example:443", "photos", False)
    assert [str(milvus_place(where)) for where in ("a.db", "a.db#landbridge", "a.db#b")] == ["a.db", "a.db", "a.db#b"]
    assert [milvus_place(where) for where in ("photos.index", "runs/a", Path("a.dbx"))] == [None] * 3
    with pytest.raises(LandbridgeError, match=r"photos is no place of Milvus: name FILE.db or http://HOST:PORT"):
        known_place("photos")
    for name in ("two words", "9lives", "../up"):
        with pytest.raises(LandbridgeError, match="cannot be the name of a collection"):
            known_place(f"a.db#{name}")


def test_without_pymilvus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(LandbridgeError, match=r'pip install "landbridge\[milvus\]"'):
        make_index(3, 10, where=tmp_path / "a.db")
    assert not is_there(tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_another_kind_is_opened(tmp_path: Path) -> None:
    (tmp_path / "photos.db").mkdir()
    (tmp_path / "photos.db" / "holiday.jpg").write_text("dear")
    (tmp_path / "notes.db").write_text("no database of Milvus")
    for name in ("photos.db", "notes.db"):
        for act in (is_there, open_index, lambda where: make_index(3, 10, where=where)):
            with pytest.raises(BadDataError, match=f"{name} is there, and no file of Milvus Lite: name another file"):
                act(tmp_path / name)
    assert [path.name for path in (tmp_path / "photos.db").iterdir()] == ["holiday.jpg"]


@needs_milvus
def test_places_where_there_is_no_index() -> None:
    filled(MILVUS, np.eye(3, dtype=np.float32))  # so that the file is there
    place = new_place()
    with pytest.raises(MissingDataError, match=r"no index in .*: it has no collection 'c\d+'"):
        open_index(place)
    with pytest.raises(MissingDataError, match="there is no such file; make one with landbridge index"):
        open_index("/nowhere/at/all.db")
    assert (is_there(place), is_there("/nowhere/at/all.db")) == (False, False)
    with pytest.raises(LandbridgeError, match=r"Milvus is out of reach at http://localhost:1: ") as caught:
        open_index("http://localhost:1")
    assert "\n" not in str(caught.value)


@needs_milvus
def test_a_collection_that_is_there_already_or_is_not_ours() -> None:
    index = filled(MILVUS, np.eye(3, dtype=np.float32))
    with pytest.raises(BadDataError, match="is there already: name another collection, or open it"):
        make_index(3, 10, where=str(index.place))
    place = known_place(new_place())
    connected(place).create_collection(place.collection, dimension=4)
    with pytest.raises(BadDataError, match=f"'{place.collection}' in .* is no index of Landbridge"):
        open_index(str(place))


@needs_milvus
def test_kinds() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    made = make_index(4, 60, where=new_place(), metric="l2", fingerprint="f", about={"a": 1})
    assert isinstance(made, MilvusIndex)
    assert (made.factory, made.metric, made.fingerprint, made.about) == ("FLAT", "l2", "f", {"a": 1})
    again = open_index(str(made.place))  # at once, not only after `save`
    assert (again.factory, again.metric, again.fingerprint, again.about) == ("FLAT", "l2", "f", {"a": 1})
    for factory in ("HNSW", "IVF_FLAT", "AUTOINDEX"):
        other = make_index(4, 60, factory, where=new_place())
        other.add(names(60), x)
        other.save(str(other.place))  # builds the graph
        flat = filled(MILVUS, x)
        same_hits(flat, other, x[:10], 5)
        before = flat.ids
        flat.become(factory)
        assert (flat.factory, flat.ids, flat.payload("v/3.png")) == (factory, before, {"row": 3})
        same_hits(flat, other, x[:10], 5)
        assert open_index(str(flat.place)).factory == factory
    for factory in ("HNSW32,Flat", "HNWS", "IVF_SQ8"):
        with pytest.raises(LandbridgeError, match=f"of the kind FLAT, HNSW, IVF_FLAT, AUTOINDEX, not '{factory}'"):
            make_index(4, 60, factory, where=new_place())
        with pytest.raises(LandbridgeError, match=f"not '{factory}'"):
            made.become(factory)


@needs_milvus
def test_work_that_was_cut_off_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps of writing anew there is always one whole collection, and the next to open it finds it."""
    x = np.eye(4, dtype=np.float32)

    class StoppedError(Exception):
        """The process ends here."""

    for step in ("flush", "drop_collection", "rename_collection"):
        index = filled(MILVUS, x)
        place = str(index.place)
        index.delete(["v/1.png"])

        def stop(*args: Any, **kwargs: Any) -> None:
            raise StoppedError

        with monkeypatch.context() as patched:
            patched.setattr(index._client, step, stop)
            with pytest.raises(StoppedError):
                index.save(place)
        assert is_there(place)
        again = open_index(place)
        assert again.ids == ["v/0.png", "v/2.png", "v/3.png"]
        assert [line[0] for line in again.search(x[[0, 2]], 1).ids] == ["v/0.png", "v/2.png"]
        again.save(place)
        assert not again._client.has_collection(f"{again.place.collection}{ANEW}")
        assert open_index(place).ids == again.ids


@needs_milvus
def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(MILVUS, np.eye(3, dtype=np.float32))
    with pytest.raises(BadDataError, match=r"'x{40}\.\.\.' is longer than 65535 bytes"):
        index.add(["x" * 70_000], np.eye(3)[:1])
    with pytest.raises(LandbridgeError, match=r"this index lives in .*: it is not saved to elsewhere"):
        index.save("elsewhere")
    monkeypatch.setattr(milvus_index, "MOST_HITS", 2)
    assert len(index.search(np.eye(3)[0], 2).ids[0]) == 2
    with pytest.raises(LandbridgeError, match="at most 2 hits a query, not 3: ask for fewer"):
        index.search(np.eye(3)[0], 3)
    assert MOST_HITS == 16_384
    monkeypatch.setattr(milvus_index, "QUERIES", 2)
    monkeypatch.setattr(milvus_index, "NUMBERS", 6)  # two rows a message
    x = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    parts = filled(MILVUS, x)
    assert parts.vectors == pytest.approx(x / np.linalg.norm(x, axis=1, keepdims=True), abs=1e-6)
    assert [line[0] for line in parts.search(x, 1).ids] == names(9)
    parts.delete(names(9)[:5])
    assert parts.ids == names(9)[5:]


@needs_milvus
def test_a_file_that_another_process_holds(tmp_path: Path) -> None:
    """One process at a time has a file of Milvus Lite open: the next one is told so, and after `close` it may."""
    where = tmp_path / "photos.db"
    script = (
        "from landbridge.retrieval import make_index\n"
        f"index = make_index(2, 1, where={str(where)!r})\n"
        "index.add(['a'], [[1.0, 0.0]])\n"
        "index.save(str(index.place))\n"
        "print('ready', flush=True)\n"
        "input()\n"
        "index.close()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(LandbridgeError, match=r"cannot open .*photos.db, which is damaged, or open in another"):
            open_index(where)
    finally:
        holder.communicate("\n", timeout=60)
    index = open_index(where)
    assert index.search([1.0, 0.0]).ids == [["a"]]
    index.close()
