"""Which kind of index: chosen by size when one is made, and by what stands in its folder when one is opened."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError
from landbridge.retrieval import files
from landbridge.retrieval.exact import ExactIndex
from landbridge.retrieval.faiss_index import GRAPH, FaissIndex
from landbridge.retrieval.index import Index, Metric, made_by

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
) -> Index:
    """An empty index of the kind that suits a number of vectors.

    Args:
        width: D, the length of a vector.
        count: how many it shall hold: up to `EXACT_UP_TO` each is compared, above that a graph is searched.
        factory: chooses instead: `exact` for NumPy, or one of faiss's factory strings (`Flat`, `HNSW32,Flat`,
            `IVF1024,Flat`).
        metric: `cosine`, or `l2`.
        parameters: of faiss, see `FaissIndex`.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.

    Raises:
        LandbridgeError: faiss is needed and not installed, or does not know the factory string or the parameters.

    >>> type(make_index(512, 9_000)).__name__
    'ExactIndex'
    """
    if factory == ExactIndex.KIND or (factory is None and count <= EXACT_UP_TO):
        return ExactIndex(width, metric, fingerprint, about)
    return FaissIndex(width, factory or GRAPH, metric, parameters=parameters, fingerprint=fingerprint, about=about)


def open_index(folder: Path | str, width: int | None = None, fingerprint: str | None = None) -> Index:
    """Open a saved index.

    Args:
        folder: what `save` wrote.
        width: the length of vector that is expected; None takes any.
        fingerprint: of the model that shall have made it; None takes any.

    Raises:
        MissingDataError: there is no index, or one of its files is missing.
        BadDataError: it is damaged, or of another width.
        LandbridgeError: another model made it, or it needs faiss, which is not installed.

    >>> index = make_index(2, 1, fingerprint="toy")
    >>> index.add(["a"], [[1.0, 0.0]], [{"class": "axis"}])
    >>> index.save(tmp / "index")
    >>> again = open_index(tmp / "index", fingerprint="toy")
    >>> again.search([2.0, 0.0]).ids, again.payload("a")
    ([['a']], {'class': 'axis'})
    """
    folder = Path(folder)
    described = files.describe(folder)
    kinds: dict[str, Callable[[Path, Mapping[str, Any]], Index]] = {
        ExactIndex.KIND: ExactIndex.opened,
        FaissIndex.KIND: FaissIndex.opened,
    }
    if described["kind"] not in kinds:
        raise BadDataError(f"{folder} holds an index of the kind '{described['kind']}': update Landbridge to read it")
    if width is not None and described["width"] != width:
        raise BadDataError(
            f"the index in {folder} holds vectors of width {described['width']}, not {width}: take the backbone "
            "and the layer that it was made with"
        )
    opened = kinds[described["kind"]](folder, described)
    return opened if fingerprint is None else made_by(opened, fingerprint)
