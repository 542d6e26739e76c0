"""An index of images: made, and brought up to date."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landbridge.api._collection import Collection, paths_of
from landbridge.api._indexing import Maker, Rows
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.files import cache_folder
from landbridge.retrieval import ExactIndex, FaissIndex, Index, MilvusIndex, made_by, make_index, open_index
from landbridge.retrieval.files import is_index


@dataclass(frozen=True)
class Changes:
    """What bringing an index up to date did to it.

    Attributes:
        added: images that are new, changed ones among them.
        removed: images that are gone or have changed.
        unreadable: ids of images that cannot be read.
        any: whether it must be saved.
    """

    added: int
    removed: int
    unreadable: tuple[str, ...]
    any: bool


def up_to_date(
    index: Index | None,
    collection: Collection,
    maker: Maker,
    *,
    where: Path | str | None = None,
    factory: str | None = None,
    unreadable: float = 0.01,
) -> tuple[Index, Changes]:
    """An index of all images of a collection: those that it lacks are added, those that are gone deleted.

    Args:
        index: an earlier one; None makes a new one.
        collection: the images.
        maker: makes the vectors.
        where: the place of a new one, see `landbridge.retrieval.make_index`.
        factory: the kind of index, see `landbridge.retrieval.make_index`.
        unreadable: share of images that may be unreadable.

    Raises:
        LandbridgeError: another model made the index, or it is of other images.
        BadDataError: too many images cannot be read.
    """
    items, known, skipped = collection.items, dict[str, Any](), dict[str, Any]()
    if index is not None:
        if index.about.get("name") != collection.name:
            raise LandbridgeError(
                f"the index is of {index.about.get('name')}, not of {collection.name}: name another place with --out"
            )
        made_by(index, maker.fingerprint)
        known = {id_: index.payload(id_) for id_ in index.ids}
        earlier = index.about["skipped"].items()
        skipped = {id_: told for id_, told in earlier if id_ in items and items[id_].payload() == told}
    gone = [id_ for id_, told in known.items() if id_ not in items or items[id_].payload() != told]
    new = [id_ for id_, item in items.items() if known.get(id_) != item.payload() and id_ not in skipped]
    vectors, lost = _vectors(new, collection, maker)
    skipped |= {id_: items[id_].payload() for id_ in lost}
    if len(skipped) > unreadable * len(items):
        raise BadDataError(
            f"{len(skipped)} of {len(items)} images of {collection.name} cannot be read "
            f"(first: {next(iter(skipped))}): mend or remove them, or allow more with --unreadable"
        )
    folder = None if collection.folder is None else str(collection.folder)
    about = {**maker.about(), "name": collection.name, "folder": folder, "skipped": skipped}
    changed = index is None or bool(gone or vectors) or index.about != about
    if index is None:
        if not vectors:
            raise BadDataError(f"no image of {collection.name} can be read: there is nothing to make an index of")
        width = len(next(iter(vectors.values())))
        index = make_index(width, len(vectors), factory, fingerprint=maker.fingerprint, about=about, where=where)
    elif factory is not None and factory != kind_of(index):
        index, changed = _as_kind(index, factory), True
    index.delete(gone)
    if vectors:
        index.add(list(vectors), np.stack(list(vectors.values())), [items[id_].payload() for id_ in vectors])
    index.about = about
    return index, Changes(len(vectors), len(gone), tuple(skipped), changed)


def kept_index(collection: Collection, maker: Maker, unreadable: float) -> Index:
    """The index of a folder of images, or of a domain, that lies in the cache; brought up to date each time."""
    key = hashlib.sha256(f"{collection.name} {maker.fingerprint}".encode()).hexdigest()[:32]
    kept = cache_folder("indices") / key
    try:
        earlier = open_index(kept) if is_index(kept) else None
    except LandbridgeError:
        earlier = None  # damaged: it is made anew
    index, changes = up_to_date(earlier, collection, maker, unreadable=unreadable)
    if changes.any:
        index.save(kept)
    return index


def kind_of(index: Index) -> str:
    """What `factory` made the index."""
    return index.factory if isinstance(index, FaissIndex | MilvusIndex) else ExactIndex.KIND


def said_kind(index: Index) -> str:
    """What compares a query with the images of an index, in words."""
    if isinstance(index, MilvusIndex):
        return f"Milvus, {index.factory}, {index.place}"
    return "every image is compared" if kind_of(index) == ExactIndex.KIND else f"faiss, {kind_of(index)}"


def _vectors(ids: list[str], collection: Collection, maker: Maker) -> tuple[dict[str, Rows], list[str]]:
    """The vectors of some images by id, and the ids of those that cannot be read."""
    if not ids:
        return {}, []
    domain, by_split = collection.picked(ids)
    made, unread = maker.vectors(domain)
    vectors, lost = dict[str, Rows](), list[str]()
    for split, chosen in by_split.items():
        paths = [str(path) for path in paths_of(domain.splits[split])] or [""] * len(chosen)
        lost += [id_ for id_, path in zip(chosen, paths) if path in unread]
        vectors |= zip((id_ for id_, path in zip(chosen, paths) if path not in unread), made.get(split, ()))
    return vectors, lost


def _as_kind(index: Index, factory: str) -> Index:
    if isinstance(index, MilvusIndex):
        index.become(factory)
        return index
    made = make_index(index.width, len(index), factory, index.metric, fingerprint=index.fingerprint)
    made.add(index.ids, index.vectors, [index.payload(id_) for id_ in index.ids])
    return made
