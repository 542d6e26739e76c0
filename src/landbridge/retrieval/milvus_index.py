"""The index that lives in Milvus, by URI: a file of one's own (Milvus Lite) or the address of a server, same code."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.retrieval.exact import nearest
from landbridge.retrieval.index import Hits, Metric, Vectors, at_least_one, known_metric, prepared
from landbridge.retrieval.milvus_place import connected, explained, known_place, milvus_place

PROPERTY = "landbridge"
"""The property of a collection that describes the index, as JSON."""
MOST_HITS = 16_384
"""Milvus's own limit to the hits of one query."""
ANEW = "_anew"
"""What a collection is called while it is written anew, behind its name."""
LONGEST_ID = 65_535
"""Milvus's own limit to a text, in bytes."""
NUMBERS = 2**20
"""Numbers in one message: 4 MiB of vectors, well below the limit of gRPC."""
QUERIES = 256


class Known(NamedTuple):
    """A row: its key in the collection, rising with time, and what was told about it."""

    number: int
    payload: dict[str, Any]


class MilvusIndex:
    """An index in a collection of Milvus.

    What is added or deleted is in the database at once; `save` writes what the index tells about itself, and makes sure
    that nothing deleted is left on the disk: a file is written anew from the living, a server is asked to compact (its
    collector of garbage then takes the old segments away by its own clock).

    Args:
        width: D, the length of a vector.
        where: `FILE.db` or `http://HOST:PORT`, and `#COLLECTION` where it is not `landbridge`. A server that asks who
            one is gets the token in MILVUS_TOKEN.
        metric: `cosine`, or `l2`.
        factory: Milvus's name of the kind of index: `FLAT` compares everything; `HNSW`, `IVF_FLAT` and `AUTOINDEX`
            do not.
        fingerprint: of the model that makes the vectors.
        about: how they are made, as plain data.

    See `landbridge.retrieval.index.Index` for attributes and methods.

    Raises:
        BadDataError: such a collection is there already.
        LandbridgeError: pymilvus is not installed, the server is out of reach, or the factory is none of these.
    """

    KIND, EXACT = "milvus", "FLAT"

    def __init__(
        self,
        width: int,
        where: Path | str,
        metric: Metric = "cosine",
        *,
        factory: str = EXACT,
        fingerprint: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.width, self.metric, self.fingerprint = width, known_metric(metric), fingerprint
        self.factory, self.about = known_kind(factory), dict(about or {})
        self.place = known_place(where)
        self._client = connected(self.place)
        self._known: dict[str, Known] | None = {}
        self._seen, self._last, self._deleted = dict[str, dict[str, Any]](), 0, False
        with explained(f"Milvus makes no collection '{self.place.collection}' in {self.place.uri}"):
            if self._client.has_collection(self.place.collection):
                raise BadDataError(f"{self.place} is there already: name another collection, or open it")
            self._create(self.place.collection)

    @classmethod
    def opened(cls, where: Path | str) -> "MilvusIndex":
        """The index that lives there.

        Raises:
            MissingDataError: there is none.
            BadDataError: the collection is not one of ours.
        """
        made = cls.__new__(cls)
        made.place = known_place(where)
        if made.place.is_file and not Path(made.place.uri).exists():
            raise MissingDataError(f"no index in {made.place}: there is no such file; make one with landbridge index")
        made._client = connected(made.place)
        name = made.place.collection
        with explained(f"Milvus cannot read '{name}' in {made.place.uri}"):
            if not made._client.has_collection(name) and made._client.has_collection(f"{name}{ANEW}"):
                made._client.rename_collection(f"{name}{ANEW}", name)  # `save` was cut off between its last two steps
            if not made._client.has_collection(name):
                raise MissingDataError(f"no index in {made.place}: it has no collection '{name}'")
            properties = made._client.describe_collection(name).get("properties") or {}
            made._client.load_collection(name)
        try:
            told = json.loads(properties[PROPERTY])
            made.width, made.metric, made.factory = int(told["width"]), known_metric(told["metric"]), told["factory"]
            made.fingerprint, made.about = str(told["fingerprint"]), dict(told["about"])
        except (KeyError, ValueError, TypeError) as error:
            raise BadDataError(f"the collection '{name}' in {made.place.uri} is no index of Landbridge") from error
        made._known, made._seen, made._last, made._deleted = None, {}, 0, bool(told.get("deleted"))
        return made

    @staticmethod
    def is_there(where: Path | str) -> bool:
        """Whether an index lives there."""
        place = known_place(where)
        if place.is_file and not Path(place.uri).exists():
            return False
        client = connected(place)
        with explained(f"Milvus cannot read '{place.collection}' in {place.uri}"):
            return any(client.has_collection(f"{place.collection}{end}") for end in ("", ANEW))

    def __len__(self) -> int:
        if self._known is not None:
            return len(self._known)
        with self._explained("counts nothing"):
            return int(self._client.query(self.place.collection, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def __contains__(self, id_: object) -> bool:
        return id_ in self._told()

    @property
    def ids(self) -> list[str]:
        """The ids, in the order in which they were added."""
        return list(self._told())

    @property
    def vectors(self) -> Vectors:
        """The vectors [N, D] in the order of `ids`; all of them come from the database each time."""
        found = sorted(self._rows(["number", "vector"]), key=lambda row: row["number"])
        return np.array([row["vector"] for row in found], np.float32).reshape(-1, self.width)

    def payload(self, id_: str) -> dict[str, Any]:
        """What was told about an id when it was added."""
        if self._known is None and id_ in self._seen:
            return dict(self._seen[id_])
        return dict(self._told()[id_].payload) if id_ in self._told() else {}

    def add(self, ids: Sequence[str], vectors: ArrayLike, payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Take in vectors; see `Index.add`."""
        rows = prepared(vectors, self.width, self.metric, len(ids))
        if payload is not None and len(payload) != len(ids):
            raise BadDataError(f"{len(ids)} ids, but a payload for {len(payload)}")
        known, new = self._told(), dict[str, Known]()
        first = max(self._last + 1, time.time_ns())
        for number, (id_, told) in enumerate(zip(ids, [{}] * len(ids) if payload is None else payload), first):
            if id_ in known or id_ in new:
                raise BadDataError(f"'{id_}' is in the index already: delete it first, or give each vector its own id")
            if len(id_.encode()) > LONGEST_ID:
                raise BadDataError(f"'{id_[:40]}...' is longer than {LONGEST_ID} bytes, Milvus's limit to an id")
            new[id_] = Known(number, dict(told))
        self._insert(
            self.place.collection,
            [
                {"number": own.number, "id": id_, "payload": own.payload, "vector": row}
                for (id_, own), row in zip(new.items(), rows)
            ],
        )
        self._last = first + len(new)
        known.update(new)

    def delete(self, ids: Sequence[str]) -> None:
        """Forget vectors; see `Index.delete`."""
        known, wanted = self._told(), list(dict.fromkeys(ids))
        for id_ in wanted:
            if id_ not in known:
                raise UnknownNameError(f"there is no '{id_}' in the index, which holds {len(known):,} ids")
        if not wanted:
            return
        if not self._deleted:
            self._deleted = True
            self._describe()  # first: if this process ends before `save`, the next one still clears the disk
        with self._explained("deletes nothing"):
            numbers = [known[id_].number for id_ in wanted]
            for start in range(0, len(numbers), QUERIES):
                self._client.delete(self.place.collection, ids=numbers[start : start + QUERIES])
        for id_ in wanted:
            del known[id_]

    def search(self, vectors: ArrayLike, k: int = 10) -> Hits:
        """The nearest to each query, as far as Milvus finds them; always as many as asked for, where there are."""
        queries = prepared(vectors, self.width, self.metric)
        k = min(at_least_one(k), len(self))
        if k > MOST_HITS:
            raise LandbridgeError(f"Milvus finds at most {MOST_HITS:,} hits a query, not {k:,}: ask for fewer")
        scores, ids = np.empty((len(queries), k), np.float32), list[list[str]]()
        self._seen = {}
        if k == 0:
            return Hits(scores, [[] for _ in queries])
        for start in range(0, len(queries), QUERIES):
            part = queries[start : start + QUERIES]
            with self._explained("searches nothing"):
                told = self._client.search(
                    self.place.collection, data=list(part), limit=k, output_fields=["id", "payload"]
                )
            for row, hits in enumerate(told, start):
                if len(hits) < k:  # a graph left it short
                    scores[row], names = self._compared(queries[row : row + 1], k)
                else:
                    scores[row] = self._scores(np.array([hit["distance"] for hit in hits], np.float32))
                    names = [hit["entity"]["id"] for hit in hits]
                    self._seen |= {hit["entity"]["id"]: hit["entity"]["payload"] for hit in hits}
                ids.append(names)
        return Hits(scores, ids)

    def save(self, folder: Path | str) -> None:
        """Write what the index tells about itself, and clear the disk of what was deleted.

        Args:
            folder: its own place.

        Raises:
            LandbridgeError: another place.
        """
        if milvus_place(folder) != self.place:
            raise LandbridgeError(f"this index lives in {self.place}: it is not saved to {folder}")
        if self._deleted:
            self._cleared()
        self._deleted = False
        self._describe()

    def become(self, factory: str) -> None:
        """Hold the same vectors in another kind of index.

        Args:
            factory: its name.

        Raises:
            LandbridgeError: there is no such kind.
        """
        self.factory = known_kind(factory)
        self._write_anew()

    def close(self) -> None:
        """Let the file or the server go."""
        self._client.close()

    def _create(self, name: str) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        # The key is a number of our own: pymilvus puts keys that are text into its queries unescaped.
        schema.add_field("number", DataType.INT64, is_primary=True)
        schema.add_field("id", DataType.VARCHAR, max_length=LONGEST_ID)
        schema.add_field("payload", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.width)
        kind = self._client.prepare_index_params()
        measure = "IP" if self.metric == "cosine" else "L2"
        kind.add_index("vector", index_type=self.factory, metric_type=measure, params=_PARAMETERS[self.factory])
        self._client.create_collection(
            name,
            schema=schema,
            index_params=kind,
            consistency_level="Strong",
            properties={PROPERTY: self._description()},
        )

    def _insert(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        step = max(1, NUMBERS // self.width)
        with self._explained("takes nothing in"):
            for start in range(0, len(rows), step):
                self._client.insert(name, list(rows[start : start + step]))

    def _description(self) -> str:
        told = {"width": self.width, "metric": self.metric, "factory": self.factory, "fingerprint": self.fingerprint}
        return json.dumps({**told, "deleted": self._deleted, "about": self.about}, allow_nan=False)

    def _describe(self) -> None:
        with self._explained("takes no description"):
            self._client.alter_collection_properties(self.place.collection, properties={PROPERTY: self._description()})
            self._client.flush(self.place.collection)

    def _cleared(self) -> None:
        """Nothing that was deleted is left on the disk."""
        name = self.place.collection
        if self.place.is_file:
            self._write_anew()
        else:
            with self._explained("does not compact"):
                self._client.flush(name)
                self._client.compact(name)

    def _write_anew(self) -> None:
        """The living, in a new collection that takes the place of the old one once it is whole."""
        name = self.place.collection
        other = f"{name}{ANEW}"
        with self._explained("is not written anew"):
            if self._client.has_collection(other):  # an earlier try was cut off
                self._client.drop_collection(other)
            self._create(other)
            self._insert(other, list(self._rows(["id", "number", "payload", "vector"])))
            self._client.flush(other)
            self._client.drop_collection(name)
            self._client.rename_collection(other, name)
            self._client.load_collection(name)

    def _scores(self, distances: Vectors) -> Vectors:
        """Milvus's inner products, or squared distances, as our scores."""
        return np.clip(distances, -1, 1) if self.metric == "cosine" else -np.sqrt(np.maximum(distances, 0))

    def _told(self) -> dict[str, Known]:
        """What is known by id, in the order of adding; read once."""
        if self._known is None:
            found = sorted(self._rows(["id", "number", "payload"]), key=lambda row: row["number"])
            self._known = {row["id"]: Known(row["number"], dict(row["payload"])) for row in found}
            self._last = found[-1]["number"] if found else 0
        return self._known

    def _rows(self, fields: list[str]) -> Iterator[dict[str, Any]]:
        with self._explained("gives nothing out"):
            batch = max(1, min(4096, NUMBERS // self.width))
            pages = self._client.query_iterator(self.place.collection, batch_size=batch, output_fields=fields)
            while page := pages.next():
                yield from page
            pages.close()

    def _compared(self, query: Vectors, k: int) -> tuple[Vectors, list[str]]:
        scores, rows = nearest(query, self.vectors, k, self.metric)
        every = self.ids
        return scores[0], [every[row] for row in rows[0]]

    def _explained(self, what: str) -> Any:
        return explained(f"the Milvus index in {self.place} {what}")


_PARAMETERS: dict[str, dict[str, int]] = {
    "FLAT": {},
    "HNSW": {"M": 32, "efConstruction": 200},
    "IVF_FLAT": {"nlist": 128},
    "AUTOINDEX": {},
}
"""The kinds of index whose scores are exact, and what they are made with."""


def known_kind(factory: str) -> str:
    """The name of a kind of index in Milvus.

    Raises:
        LandbridgeError: it is none: Milvus Lite would tell so only once it holds vectors.
    """
    if factory not in _PARAMETERS:
        raise LandbridgeError(f"an index in Milvus is of the kind {', '.join(_PARAMETERS)}, not '{factory}'")
    return factory
