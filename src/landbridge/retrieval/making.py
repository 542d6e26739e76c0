"""Which kind of index: chosen by size when one is made, and by what stands in its folder when one is opened."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError
from landbridge.retrieval import files
from landbridge.retrieval.exact import ExactIndex
from landbridge.retrieval.faiss_index import GRAPH, FaissIndex
from landbridge.retrieval.index import Index, Metric, made_by
from landbridge.retrieval.milvus_index import MilvusIndex
from landbridge.retrieval.milvus_place import milvus_place

EXACT_UP_TO = 50_000
"""The size up to which every vector is compared: a query of 512 numbers then takes some 10 ms on one core."""


def make_index(
    width: int,
    count: int,
    factory: str | None = None,
    metric: Metric = "cosine",
    *,
    parameters: str | None = None,
    fingerprint: str = "",
    about: Mapping[str, Any] | None = None,
    where: Path | str | None = None,
) -> Index:
    """An empty index of the kind that suits a number of vectors.

    Args:
        width: D, the length of a vector.
        count: how many it shall hold: up to `EXACT_UP_TO` each is compared, above that a graph is searched.
        factory: chooses instead: `exact` for NumPy, or one of faiss's factory strings (`Flat`, `HNSW32,Flat`,
            `IVF1024,Flat`, `HNSW32,SQ8`). In Milvus, one of its kinds: `FLAT`, the default, `HNSW`, `IVF_FLAT` or
            `AUTOINDEX`.
        metric: `cosine`, or `l2`.
        parameters: of faiss, see `FaissIndex`.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.
        where: the place where it shall live, where that is one of Milvus: `FILE.db` or `http://HOST:PORT`, with
            `#COLLECTION`. Other places are named on saving.

    Raises:
        BadDataError: Milvus has such a collection already.
        LandbridgeError: faiss or pymilvus is needed and not installed, or does not know the factory or the parameters.

    >>> type(make_index(512, 9_000)).__name__
    'ExactIndex'
    """
    if where is not None and milvus_place(where) is not None:
        kind = factory or MilvusIndex.EXACT
        return MilvusIndex(width, where, metric, factory=kind, fingerprint=fingerprint, about=about)
    if factory == ExactIndex.KIND or (factory is None and count <= EXACT_UP_TO):
        return ExactIndex(width, metric, fingerprint, about)
    return FaissIndex(width, factory or GRAPH, metric, parameters=parameters, fingerprint=fingerprint, about=about)


def open_index(folder: Path | str, width: int | None = None, fingerprint: str | None = None) -> Index:
    """Open a saved index.

    Args:
        folder: what `save` wrote; or a place of Milvus, `FILE.db` or `http://HOST:PORT`, with `#COLLECTION`.
        width: the length of vector that is expected; None takes any.
        fingerprint: of the model that shall have made it; None takes any.

    Raises:
        MissingDataError: there is no index, or one of its files is missing.
        BadDataError: it is damaged, or of another width.
        LandbridgeError: another model made it, or it needs faiss or pymilvus, which is not installed.

    >>> index = make_index(2, 1, fingerprint="toy")
    >>> index.add(["a"], [[1.0, 0.0]], [{"class": "axis"}])
    >>> index.save(tmp / "index")
    >>> again = open_index(tmp / "index", fingerprint="toy")
    >>> again.search([2.0, 0.0]).ids, again.payload("a")
    ([['a']], {'class': 'axis'})
    """
    if milvus_place(folder) is not None:
        return _expected(MilvusIndex.opened(folder), folder, width, fingerprint)
    folder = Path(folder)
    described = files.describe(folder)
    kinds: dict[str, Callable[[Path, Mapping[str, Any]], Index]] = {
        ExactIndex.KIND: ExactIndex.opened,
        FaissIndex.KIND: FaissIndex.opened,
    }
    if described["kind"] not in kinds:
        raise BadDataError(f"{folder} holds an index of the kind '{described['kind']}': update Landbridge to read it")
    return _expected(kinds[described["kind"]](folder, described), folder, width, fingerprint)


def _expected(index: Index, where: Path | str, width: int | None, fingerprint: str | None) -> Index:
    """The index, if it is of the width and the model that are expected."""
    if width is not None and index.width != width:
        raise BadDataError(
            f"the index in {where} holds vectors of width {index.width}, not {width}: take the backbone and the layer "
            "that it was made with"
        )
    return index if fingerprint is None else made_by(index, fingerprint)


def is_vector_store(where: Path | str) -> bool:
    """Whether a place is one of Milvus, and no folder.

    >>> is_vector_store("photos.db"), is_vector_store("runs/photos")
    (True, False)
    """
    return milvus_place(where) is not None


def is_there(where: Path | str) -> bool:
    """Whether an index stands in a folder, or lives in a place of Milvus.

    Raises:
        LandbridgeError: the place is one of Milvus, and out of reach.
    """
    return files.is_index(where) if milvus_place(where) is None else MilvusIndex.is_there(where)
