"""An index of images, from a network to vectors: made, and brought up to date."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landbridge.api._collection import Collection, paths_of
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.core.files import cache_folder
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import ImageFiles
from landbridge.nn.backbones import is_own_factory, make_backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.taps import OUTPUT
from landbridge.retrieval import ExactIndex, FaissIndex, Index, made_by, make_index, open_index
from landbridge.retrieval.files import is_index
from landbridge.training.features import FeatureStore

Rows = NDArray[np.float32]


class Maker:
    """A network, and which of its features make the vectors of an index.

    Args:
        backbone: its spec; None takes the one that `index` was made with.
        weights: a file, `hub`, or `none`; None takes those of `index` where the backbone is the same, else none.
        layer: the layer to read; None takes that of `index`, else the network's own output.
        pool: how places become one vector; None takes that of `index`, else `mean`.
        index: an index that exists already.
        device: `auto`, `cpu`, `cuda`, `mps`.
        quiet: show no progress.

    Attributes:
        fingerprint: of the network with its weights, the layer and the pooling.

    Raises:
        LandbridgeError: no backbone is named, or it needs code of the user's own that was not named.
    """

    def __init__(
        self,
        backbone: str | None,
        weights: str | None = None,
        layer: str | None = None,
        pool: str | None = None,
        *,
        index: Index | None = None,
        device: str = "auto",
        quiet: bool = False,
    ) -> None:
        told: Mapping[str, Any] = {} if index is None else index.about
        self.spec = backbone or told.get("backbone")
        if self.spec is None:
            raise LandbridgeError(
                "vectors need a network: name it with --backbone, and its weights with --weights FILE or hub; "
                "landbridge backbones lists some"
            )
        if backbone is None and is_own_factory(self.spec):
            raise LandbridgeError(
                f"the index was made with the network {self.spec}: pass --backbone {self.spec} if you trust its code"
            )
        if weights is None and told.get("backbone") == self.spec:
            weights = told["weights"]
        file = weights not in (None, "hub", "none")
        self.weights = str(Path(str(weights)).expanduser().absolute()) if file else weights
        self.layer, self.pool = layer or told.get("layer", OUTPUT), pool or told.get("pool", "mean")
        self.device, self.quiet = device_of(device), quiet
        torch.manual_seed(seed_of(0, "networks"))
        self.backbone = make_backbone(self.spec, self.weights)
        whole = f"{fingerprint(self.backbone)} {self.layer} {self.pool}"
        self.fingerprint = hashlib.sha256(whole.encode()).hexdigest()

    def about(self) -> dict[str, Any]:
        """All that is needed to make vectors of the same kind."""
        return {
            "backbone": self.spec,
            "weights": self.weights,
            "layer": self.layer,
            "pool": self.pool,
            "preprocessing": self.backbone.preprocessing.to_json(),
        }

    def vectors(self, domain: Domain) -> tuple[dict[str, Rows], set[str]]:
        """The features of a domain by split, and the paths of images that cannot be read and are left out."""
        readable = {split: examples for split, examples in domain.splits.items() if self._any_readable(examples)}
        hopeless = [examples for split, examples in domain.splits.items() if split not in readable]
        lost = {str(path) for examples in hopeless for path in paths_of(examples)}
        if not readable:
            return {}, lost
        made = FeatureStore(quiet=self.quiet).domains(
            self.backbone,
            Domain(domain.name, (), readable),
            (self.layer,),
            self.pool,
            device=self.device,
            tolerance=1.0,
        )[self.layer]
        values = {split: examples.x.read(torch.arange(len(examples))) for split, examples in made.splits.items()}
        return {split: each.numpy() for split, each in values.items()}, lost | set(made.skipped)

    def vector_of(self, path: Path) -> Rows:
        """The features [1, D] of one image file, which the feature store does not keep.

        Raises:
            MissingDataError: there is no such file.
            BadDataError: it is no image that can be read.
        """
        if not path.is_file():
            raise MissingDataError(f"no such image file: {path}")
        view = Domain(str(path), (), {"query": Examples(ImageFiles([path]))}).unlabelled("query")
        with tempfile.TemporaryDirectory() as folder:
            store = FeatureStore(Path(folder), quiet=True)
            found = store.features(self.backbone, view, (self.layer,), self.pool, device=self.device)
            return np.array(found[self.layer], dtype=np.float32)

    def _any_readable(self, examples: Examples) -> bool:
        files = examples.x
        if not isinstance(files, ImageFiles):
            return len(examples) > 0
        size = self.backbone.preprocessing.size or (224, 224)
        return any(len(files.try_read(part, size)[1]) < len(part) for part in torch.arange(len(files)).split(16))


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
    index: Index | None, collection: Collection, maker: Maker, *, factory: str | None = None, unreadable: float = 0.01
) -> tuple[Index, Changes]:
    """An index of all images of a collection: those that it lacks are added, those that are gone deleted.

    Args:
        index: an earlier one; None makes a new one.
        collection: the images.
        maker: makes the vectors.
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
                f"the index is of {index.about.get('name')}, not of {collection.name}: name another folder with --out"
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
        index = make_index(width, len(vectors), factory, fingerprint=maker.fingerprint)
    elif factory is not None and factory != kind_of(index):
        index, changed = _as_kind(index, factory), True
    index.delete(gone)
    if vectors:
        index.add(list(vectors), np.stack(list(vectors.values())), [items[id_].payload() for id_ in vectors])
    index.about = about
    return index, Changes(len(vectors), len(gone), tuple(skipped), changed)


def kept_index(where: str, maker: Maker, data_root: str | None, unreadable: float) -> Index:
    """The index of a folder of images, or of a domain, that lies in the cache; brought up to date each time."""
    collection = Collection(where, data_root)
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
    return index.factory if isinstance(index, FaissIndex) else ExactIndex.KIND


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
    made = make_index(index.width, len(index), factory, index.metric, fingerprint=index.fingerprint)
    made.add(index.ids, index.vectors, [index.payload(id_) for id_ in index.ids])
    return made


def device_of(name: str) -> torch.device:
    """The device that a name means; `auto` takes an accelerator where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise LandbridgeError(f"--device is auto, cpu, cuda or mps, not '{name}'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LandbridgeError("--device cuda: no CUDA device is to be had here; take --device cpu")
    return device
