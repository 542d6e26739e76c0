"""Places of Milvus: a file of one's own or the address of a server, and how to get at them."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from landbridge.core.errors import BadDataError, LandbridgeError

COLLECTION = "landbridge"
"""The collection that is taken where a URI names none."""
SECONDS = 20.0
"""How long an answer may take before a server counts as out of reach."""
LITE = ("collections", b"SQLite format 3")
"""What tells a file of Milvus Lite: since its version 3 it is a folder that holds this one, before it began so."""


class Place(NamedTuple):
    """Where an index in Milvus lives.

    Attributes:
        uri: a file, or the address of a server.
        collection: the name of the collection in it.
    """

    uri: str
    collection: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return "://" not in self.uri

    def __str__(self) -> str:
        return self.uri if self.collection == COLLECTION else f"{self.uri}#{self.collection}"


def milvus_place(where: Path | str) -> Place | None:
    """What a user means by a place, if it is one of Milvus: `FILE.db`, or `http://HOST:PORT`, with `#COLLECTION`.

    >>> milvus_place("photos.db"), milvus_place("http://localhost:19530#cats").collection
    (Place(uri='photos.db', collection='landbridge'), 'cats')
    >>> milvus_place("photos") is None
    True
    """
    uri, _, collection = str(where).partition("#")
    if re.match(r"(https?|tcp|unix)://", uri) is None and not uri.endswith(".db"):
        return None
    return Place(uri if "://" in uri else str(Path(uri).expanduser()), collection or COLLECTION)


def known_place(where: Path | str) -> Place:
    """The place of Milvus that a user means.

    Raises:
        LandbridgeError: it is none, or its collection has a name that Milvus does not take.
        BadDataError: something else stands there.
    """
    place = milvus_place(where)
    if place is None:
        raise LandbridgeError(f"{where} is no place of Milvus: name FILE.db or http://HOST:PORT")
    if re.fullmatch(r"[A-Za-z_]\w*", place.collection, re.ASCII) is None:
        raise LandbridgeError(
            f"'{place.collection}' cannot be the name of a collection in Milvus: take letters, digits and _"
        )
    if place.is_file and not _may_be_lite(Path(place.uri)):
        raise BadDataError(f"{place.uri} is there, and no file of Milvus Lite: name another file")
    return place


def _may_be_lite(path: Path) -> bool:
    """Whether Milvus Lite may open a path: it would write into whatever folder it is told to open."""
    folder, head = LITE
    if path.is_dir():
        return (path / folder).is_dir() or not any(path.iterdir())
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return file.read(len(head)) == head


def connected(place: Place) -> Any:
    """A client of the file or the server.

    Raises:
        LandbridgeError: pymilvus is not installed, or the server is out of reach.
    """
    # Milvus Lite finds that its own client asks too often whether it is alive, and gRPC prints that; it connects anew.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise LandbridgeError(
            'this index needs pymilvus, which is not installed: pip install "landbridge[milvus]"'
        ) from error
    for library in ("pymilvus", "milvus_lite"):  # they log what they raise, with the whole traceback
        logging.getLogger(library).setLevel(logging.CRITICAL)
    what = f"Milvus is out of reach at {place.uri}"
    if place.is_file:
        Path(place.uri).absolute().parent.mkdir(parents=True, exist_ok=True)
        what = f"Milvus Lite cannot open {place.uri}, which is damaged, or open in another process"
    with explained(what):
        return MilvusClient(place.uri, token=os.environ.get("MILVUS_TOKEN", ""), timeout=SECONDS)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of Milvus into one line that says what was asked of it."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        reason = " ".join(str(getattr(error, "message", error)).split())[:200]
        raise LandbridgeError(f"{what}: {reason}") from error
