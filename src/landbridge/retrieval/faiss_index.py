"""The index for many vectors: faiss, and what it cannot do by itself: ids, deletion, and a file that is checked."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.retrieval import files
from landbridge.retrieval.exact import nearest, similarities
from landbridge.retrieval.index import Hits, Metric, Vectors, at_least_one, prepared
from landbridge.retrieval.store import Store, StoredVectors

GRAPH = "HNSW32,Flat"
"""The factory string by default: a graph of small worlds (Malkov and Yashunin, TPAMI 2020), 32 links a vector."""
MOST_DEAD = 0.2
"""The share of deleted rows above which the graph is built anew at once, and not only on saving."""
GROWN = 4
"""How many times the vectors that it was trained on an index may hold before it is trained anew."""
REFINED = 4
"""How many candidates a hit a lossy code proposes, to be compared with the vectors themselves."""
SLACK = 64
"""Most rows that are looked for beyond k, since they may be deleted ones; queries still short compare everything."""
GRAPH_FILE = "graph.faiss"
HNSW = "efConstruction=200,efSearch=128"
"""Parameters of a graph where none are given: 0.98 and more of the true ten nearest in 200,000 vectors of 512."""


def load_faiss() -> Any:
    """The faiss module, imported only when an index needs it.

    Torch comes first, always in the same order, since each brings an OpenMP of its own. On macOS two of them in one
    process end in a crash once both work in parallel (faiss-wheels issue 73): there faiss keeps to one thread.

    Raises:
        LandbridgeError: it is not installed.
    """
    import torch  # noqa: F401

    mac = sys.platform == "darwin"
    if mac:
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    try:
        import faiss
    except ImportError as error:
        raise LandbridgeError(
            'this index needs faiss, which is not installed: pip install "landbridge[retrieval]"'
        ) from error
    if mac:
        faiss.omp_set_num_threads(1)
    return faiss


class FaissIndex(StoredVectors):
    """An index that faiss searches, mostly without looking at everything.

    faiss cannot take vectors out of a graph, so that deleted ones stay in it and are left out of what a search finds;
    once more than a fifth is deleted, and before it is saved, the graph is built anew from those left: nothing deleted
    reaches the disk. The vectors are kept beside the graph, for that, for the few queries that a graph leaves short of
    hits, and for codes that lose digits (`SQ8`, `PQ16`): what those propose is compared with the vectors themselves,
    so that scores are exact.

    Args:
        width: D, the length of a vector.
        factory: faiss's name of the kind: `HNSW32,Flat` (a graph), `Flat` (everything is compared), `HNSW32,SQ8` (a
            graph of one byte a number). One that must be trained (`IVF1024,SQ8`) is trained on the vectors that are
            added first, and anew once there are four times as many.
        metric: `cosine`, or `l2`.
        parameters: of faiss, as `name=value,...`: `efConstruction` and `efSearch` for graphs (how many candidates are
            kept while building and while searching: more is more exact and slower), `nprobe` for inverted lists. By
            default `HNSW` for graphs, else faiss's own.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.

    See `landbridge.retrieval.index.Index` for attributes and methods.

    Raises:
        LandbridgeError: faiss is not installed, or does not know the factory string or the parameters.

    >>> index = FaissIndex(2, "Flat")
    >>> index.add(["east", "north"], [[1.0, 0.0], [0.0, 2.0]])
    >>> index.delete(["east"])
    >>> index.search([1.0, 0.1], k=5).ids
    [['north']]
    """

    KIND = "faiss"

    def __init__(
        self,
        width: int,
        factory: str = GRAPH,
        metric: Metric = "cosine",
        *,
        parameters: str | None = None,
        fingerprint: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(width, metric, fingerprint, about)
        self.factory = factory
        self.parameters = (HNSW if "HNSW" in factory else "") if parameters is None else parameters
        self._graph, self._trained = self._new_graph(), 0
        self._must_train = not self._graph.is_trained
        self._lossy = re.search(r"SQ|PQ|RQ|LSH|ITQ|PCA", factory) is not None

    def add(self, ids: Sequence[str], vectors: ArrayLike, payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Take in vectors; see `Index.add`."""
        rows = prepared(vectors, self.width, self.metric, len(ids))
        self._entries.check(ids, payload)
        self._fill(self._graph, rows)
        self._trained = self._trained or len(rows)
        self._entries.add(ids, payload)
        self._store.add(rows)
        if self._must_train and len(self) > GROWN * self._trained:
            self._rebuild()

    def delete(self, ids: Sequence[str]) -> None:
        """Forget vectors; see `Index.delete`."""
        self._entries.delete(ids)
        if self._entries.dead > MOST_DEAD * len(self._entries.rows):
            self._rebuild()

    def search(self, vectors: ArrayLike, k: int = 10) -> Hits:
        """The nearest to each query, as far as faiss finds them; always as many as asked for, where there are."""
        queries = prepared(vectors, self.width, self.metric)
        scores, rows = self._search(queries, min(at_least_one(k), len(self)))
        return Hits(scores, self._entries.names(rows))

    def save(self, folder: Path | str) -> None:
        """Write the index to a folder, whole or not at all; a graph is built anew first if something was deleted."""
        if self._entries.dead:
            self._rebuild()
        kind = {"kind": self.KIND, "factory": self.factory, "parameters": self.parameters, "trained": self._trained}
        files.save(folder, self, self._entries, self._store.all, kind, {GRAPH_FILE: self._write_graph})

    @classmethod
    def opened(cls, folder: Path, described: Mapping[str, Any]) -> "FaissIndex":
        """The index whose files `files.describe` has checked."""
        faiss = load_faiss()
        made = cls(
            described["width"],
            described["factory"],
            described["metric"],
            parameters=described["parameters"],
            fingerprint=described["fingerprint"],
            about=described["about"],
        )
        made._entries, vectors = files.contents(folder, described)
        made._store = Store(vectors)
        try:
            made._graph = faiss.read_index(str(folder / GRAPH_FILE))
        except RuntimeError as error:
            raise BadDataError(f"{folder / GRAPH_FILE} cannot be read by this faiss: make the index anew") from error
        if made._graph.d != made.width or made._graph.ntotal != len(vectors):
            raise BadDataError(f"{folder / GRAPH_FILE} does not fit the vectors beside it: make the index anew")
        made._set_parameters(made._graph)
        made._trained = described.get("trained", len(vectors))
        return made

    def _rebuild(self) -> None:
        """The graph anew, from the living vectors alone."""
        graph, trained = self._new_graph(), len(self)
        try:
            self._fill(graph, self.vectors)
        except LandbridgeError:  # too few are left to train it on: what the earlier one learned stays
            graph, trained = self._graph, self._trained
            graph.reset()
            self._fill(graph, self.vectors)
        self._store.keep(self._entries.compact())
        self._graph, self._trained = graph, trained

    def _new_graph(self) -> Any:
        faiss = load_faiss()
        measure = faiss.METRIC_INNER_PRODUCT if self.metric == "cosine" else faiss.METRIC_L2
        with _explained(f"faiss makes no index of width {self.width} from '{self.factory}'"):
            graph = faiss.index_factory(self.width, self.factory, measure)
        self._set_parameters(graph)
        return graph

    def _set_parameters(self, graph: Any) -> None:
        if self.parameters:
            with _explained(f"'{self.factory}' of faiss does not take the parameters '{self.parameters}'"):
                load_faiss().ParameterSpace().set_index_parameters(graph, self.parameters)

    def _fill(self, graph: Any, rows: Vectors) -> None:
        if len(rows):
            with _explained(f"'{self.factory}' of faiss does not take {len(rows)} vectors"):
                if not graph.is_trained:
                    graph.train(rows)
                graph.add(rows)

    def _write_graph(self, path: Path) -> None:
        try:
            load_faiss().write_index(self._graph, str(path))
        except RuntimeError as error:
            raise OSError(f"faiss cannot write its graph ({_reason(error)})") from error

    def _search(self, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Scores [n, k] and living rows [n, k], for k of at most the living rows."""
        total, dead = len(self._entries.rows), self._entries.dead
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        wanted = max(REFINED * k, SLACK) if self._lossy else k
        scores, rows = self._ask(queries, min(wanted + min(dead, SLACK), total))
        if self._lossy:
            scores, rows = self._refined(queries, rows)
        if not dead and rows[:, k - 1].min() >= 0:
            return scores[:, :k], rows[:, :k]
        living = np.append(self._entries.alive, False)[rows]  # a row of -1, where faiss found nothing, is the last
        first = np.argsort(~living, axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, first, 1), np.take_along_axis(rows, first, 1)
        short = living.sum(1) < k
        if short.any():
            exact = nearest(queries[short], self._store.all, k, self.metric, self._entries.alive)
            scores[short], rows[short] = exact
        return scores, rows

    def _refined(self, queries: Vectors, rows: NDArray[np.int64]) -> tuple[Vectors, NDArray[np.int64]]:
        """The same candidates, ordered by the vectors themselves; those of row -1 last."""
        scores = np.stack(
            [similarities(query[None], self._store.all[found], self.metric)[0] for query, found in zip(queries, rows)]
        )
        scores[rows < 0] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)

    def _ask(self, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
        """What faiss finds, as scores; rows of -1 where it finds fewer than k."""
        scores, rows = self._graph.search(queries, k)
        if self.metric == "l2":
            np.maximum(scores, 0, out=scores)
            np.sqrt(scores, out=scores)
            np.negative(scores, out=scores)
        else:
            np.maximum(np.minimum(scores, 1, out=scores), -1, out=scores)
        return scores, rows


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn an error of faiss into one line that says what was asked of it."""
    try:
        yield
    except (RuntimeError, AssertionError, ValueError) as error:
        raise LandbridgeError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What faiss says, without the places in its source.

    >>> _reason(RuntimeError("Error in void f(int) at /faiss/f.cpp:12: Error: 'n > 0' failed: too few vectors"))
    'too few vectors'
    """
    text = re.sub(r".*\.(?:cpp|h):\d+: |Error: '.*?' failed: ", "", " ".join(str(error).split()))
    return text[:160] or type(error).__name__
