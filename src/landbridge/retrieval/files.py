"""An index as a folder: `index.json` describes it, `entries.json` has ids and payload, `vectors.npy` the vectors.

A graph has a file of its own. Nothing is pickled, and every file is checked against its checksum before it is read.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import landbridge
from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.files import atomic_path
from landbridge.retrieval.entries import Entries
from landbridge.retrieval.index import Index, Vectors

DESCRIPTION, ENTRIES, VECTORS = "index.json", "entries.json", "vectors.npy"
FORMAT = 1


def save(
    folder: Path | str,
    index: Index,
    entries: Entries,
    vectors: Vectors,
    kind: Mapping[str, Any],
    more: Mapping[str, Callable[[Path], None]] | None = None,
) -> None:
    """Write an index to a folder, whole or not at all.

    Args:
        folder: where to; an index that stands there is replaced.
        index: width, metric, fingerprint and what it tells about itself.
        entries: ids by row, and payload.
        vectors: by row, dead ones too.
        kind: which kind of index it is, and its settings.
        more: what writes further files, by their names.

    Raises:
        BadDataError: something else stands there.
    """
    folder = Path(folder)
    free_for_index(folder)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        _write_json(temporary / ENTRIES, {"ids": entries.rows, "payload": entries.payload})
        np.save(temporary / VECTORS, vectors, allow_pickle=False)
        for name, write in (more or {}).items():
            write(temporary / name)
        description = {
            "landbridge": landbridge.__version__,
            "format": FORMAT,
            **kind,
            "width": index.width,
            "metric": index.metric,
            "count": len(entries),
            "fingerprint": index.fingerprint,
            "about": index.about,
            "sha256": {path.name: _checksum(path) for path in sorted(temporary.iterdir())},
        }
        _write_json(temporary / DESCRIPTION, description, indent=2)


def free_for_index(folder: Path) -> None:
    """Make sure that saving an index there destroys nothing but an older index.

    Raises:
        BadDataError: a file, or a folder that holds something else.
    """
    if folder.is_file():
        raise BadDataError(f"{folder} is a file: name a folder for the index")
    if folder.is_dir() and any(folder.iterdir()) and not is_index(folder):
        raise BadDataError(f"{folder} holds something else than an index: name a new or an empty folder")


def is_index(folder: Path | str) -> bool:
    """Whether an index was saved in a folder."""
    return (Path(folder) / DESCRIPTION).is_file() and (Path(folder) / ENTRIES).is_file()


def describe(folder: Path | str) -> dict[str, Any]:
    """The description of a saved index, its files checked against their checksums.

    Raises:
        MissingDataError: there is no index, or one of its files is missing.
        BadDataError: it is damaged, or of a newer format.
    """
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        raise MissingDataError(f"no index in {folder}: it would hold {DESCRIPTION}; make one with landbridge index")
    try:
        described: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        fit = all(isinstance(described[name], of) for name, of in _FIELDS.items())
    except (ValueError, KeyError, TypeError) as error:
        raise BadDataError(f"{folder / DESCRIPTION} does not describe an index ({error!r}): make it anew") from error
    if not fit or {ENTRIES, VECTORS} - set(described["sha256"]):
        raise BadDataError(f"{folder / DESCRIPTION} does not describe an index: make it anew")
    if described["format"] > FORMAT:
        raise BadDataError(
            f"{folder} was written by Landbridge {described['landbridge']}: update Landbridge to read it"
        )
    for name, expected in described["sha256"].items():
        path = folder / Path(name).name
        if not path.is_file():
            raise MissingDataError(f"the index in {folder} lacks its file {name}: make it anew with landbridge index")
        if _checksum(path) != expected:
            raise BadDataError(f"{path} is damaged (its checksum differs): make the index anew with landbridge index")
    return described


_FIELDS: dict[str, type] = {
    "landbridge": str, "format": int, "kind": str, "width": int, "metric": str, "fingerprint": str, "about": dict,
    "sha256": dict,
}  # fmt: skip


def contents(folder: Path, described: Mapping[str, Any]) -> tuple[Entries, Vectors]:
    """Ids with payload, and the vectors, mapped rather than read.

    Raises:
        BadDataError: the files do not fit each other.
    """
    try:
        told = json.loads((folder / ENTRIES).read_text(encoding="utf-8"))
        entries = Entries(told["ids"], told["payload"])
        vectors = np.asarray(np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False))
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise BadDataError(f"the files of the index in {folder} cannot be read ({error!r}): make it anew") from error
    if vectors.dtype != np.float32 or vectors.shape != (len(entries.rows), described["width"]):
        raise BadDataError(
            f"{folder / VECTORS} holds {vectors.dtype} {tuple(vectors.shape)}, but {folder / DESCRIPTION} describes "
            f"float32 {(len(entries.rows), described['width'])}: make the index anew"
        )
    return entries, vectors


def _write_json(path: Path, content: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(content, indent=indent, allow_nan=False) + "\n", encoding="utf-8")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
