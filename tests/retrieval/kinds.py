"""Every kind of index there is, and what their tests share."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.retrieval import ExactIndex, FaissIndex, Index, MilvusIndex


@dataclass(frozen=True)
class Kind:
    """A kind of index.

    Attributes:
        name: what tests call it.
        make: an empty one, from width and metric; options are fingerprint and about, and in Milvus where.
        examples: how many random cases a law is tried on.
    """

    name: str
    make: Callable[..., Index]
    examples: int = 40

    @property
    def in_milvus(self) -> bool:
        """Whether it lives in a database, at once, and not in a folder once it is saved."""
        return self.name.startswith("milvus")

    def __call__(self, width: int, metric: str = "cosine", **options: Any) -> Index:
        """An empty one."""
        return self.make(width, metric, **options)


def home(index: Index, folder: Path) -> str:
    """Where to save it: the folder, but in Milvus its own place."""
    return str(index.place) if isinstance(index, MilvusIndex) else str(folder)


def _faiss(factory: str) -> Callable[..., Index]:
    return lambda width, metric, **options: FaissIndex(width, factory, metric, **options)


_numbers = itertools.count()
_database: list[str] = []


def new_place() -> str:
    """A new collection in the file of Milvus Lite that all tests of this process share."""
    if not _database:
        folder = tempfile.mkdtemp(prefix="milvus-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _database.append(f"{folder}/tests.db")
    return f"{_database[0]}#c{next(_numbers)}"


def _milvus(factory: str) -> Callable[..., Index]:
    def make(width: int, metric: str, where: Path | None = None, **options: Any) -> Index:
        return MilvusIndex(width, where or new_place(), metric, factory=factory, **options)

    return make


STORED = [
    Kind("exact", lambda width, metric, **options: ExactIndex(width, metric, **options)),
    Kind("flat", _faiss("Flat")),
    Kind("hnsw", _faiss("HNSW8,Flat")),
    Kind("sq8", _faiss("SQ8")),
    Kind("hnsw-sq8", _faiss("HNSW8,SQ8")),
]
MILVUS = [Kind("milvus", _milvus("FLAT"), examples=3), Kind("milvus-hnsw", _milvus("HNSW"), examples=2)]
BY_NAME = {kind.name: kind for kind in STORED + MILVUS}
EXACT, FLAT, HNSW = (BY_NAME[name] for name in ("exact", "flat", "hnsw"))

needs_milvus = pytest.mark.skipif(
    find_spec("pymilvus") is None or find_spec("milvus_lite") is None,
    reason='needs Milvus Lite: pip install "landbridge[milvus]"',
)
every_kind = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.name, marks=[needs_milvus] if kind.in_milvus else []) for kind in BY_NAME.values()],
)
every_metric = pytest.mark.parametrize("metric", ["cosine", "l2"])

# Small whole numbers, no two alike in direction by chance only: products of them are exact in float32.
numbers_of = st.lists(st.integers(-6, 6), min_size=3, max_size=3).filter(any)
vectors_of = st.lists(numbers_of, min_size=1, max_size=30).map(lambda rows: np.array(rows, np.float32))


def law(kind: Kind, **cases: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Try a law on random cases, at once: as many as the kind of index bears."""

    def tried(check: Callable[..., None]) -> None:
        settings(max_examples=kind.examples)(given(**cases)(check))()

    return tried


def names(count: int, prefix: str = "v") -> list[str]:
    return [f"{prefix}/{number}.png" for number in range(count)]


def filled(kind: Kind, x: np.ndarray, metric: str = "cosine") -> Index:
    index = kind(x.shape[1], metric)
    index.add(names(len(x)), x, [{"row": row} for row in range(len(x))])
    return index


def filled_with(x: np.ndarray, ids: list[str]) -> Index:
    index = ExactIndex(x.shape[1])
    index.add(ids, x)
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


def on_disk(place: Path, pattern: bytes) -> list[str]:
    """The files at or below a place that hold some bytes."""
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return [str(path) for path in files if pattern in _content(path)]


def _content(path: Path) -> bytes:
    """The bytes of a file; of one in Parquet, the values of all columns, which are compressed in it."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    from pyarrow import parquet

    chunks = [chunk for column in parquet.read_table(path).columns for chunk in column.chunks]
    return b"|".join(bytes(buffer) for chunk in chunks for buffer in chunk.buffers() if buffer is not None)
