"""The images that an index is made of: those of a folder at any depth, or of a domain, each with an id."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import LandbridgeError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import images_below
from landbridge.data.images import ImageFiles, decode
from landbridge.data.registry import load_domain, names
from landbridge.evaluation.metrics import labels_of
from landbridge.retrieval import Index

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Item:
    """One image that shall be in an index.

    Attributes:
        split: the part of the domain that it belongs to.
        position: where in that part.
        label: the name of its class; None where nobody knows it.
        stamp: size and time of its file, by which a changed one is told; empty for what is made on the spot.
    """

    split: str
    position: int
    label: str | None
    stamp: str

    def payload(self) -> dict[str, str]:
        """What the index keeps about it."""
        told = {"class": self.label, "stamp": self.stamp}
        return {name: value for name, value in told.items() if value}


class Collection:
    """The images of a folder at any depth, or of a domain, by id.

    In a folder, the class of an image is the name of the outermost sub-folder that it lies in (inside of `train` or
    `test`, where those are the outermost ones).

    Args:
        name: a domain's name, a folder, or another path of one's own data.
        data_root: folder of the data sets.

    Attributes:
        name: the domain's name, or the absolute path.
        folder: the absolute folder that ids are relative to; None where the images are no files.
        items: by id: the relative path with forward slashes, or `split/number` where the images are no files.

    Raises:
        LandbridgeError: there is no such folder or domain, or there are no images.
    """

    def __init__(self, name: str, data_root: str | None = None) -> None:
        place = Path(name).expanduser()
        is_folder = place.is_dir() and name not in names()
        self.domain = _any_images(place) if is_folder else load_domain(name, data_root)
        self.name = str(place.absolute()) if is_folder or place.is_file() else name
        paths = [path for examples in self.domain.splits.values() for path in paths_of(examples)]
        self.folder = (place if is_folder else _common(paths)).absolute() if paths else None
        self.items: dict[str, Item] = {}
        for split, examples in self.domain.splits.items():
            files = paths_of(examples)
            ids = [self._id(path) for path in files] or [f"{split}/{number}" for number in range(len(examples))]
            stamps = [_stamp(path) for path in files or [place] * len(examples)]
            labels = self._folders(ids) if is_folder else self._classes(split)
            for position, (id_, label, stamp) in enumerate(zip(ids, labels, stamps)):
                self.items[id_] = Item(split, position, label, stamp)

    def picked(self, ids: Iterable[str]) -> tuple[Domain, dict[str, list[str]]]:
        """The images of some ids as a domain without labels, and the ids of each of its parts in their order."""
        by_split: dict[str, list[str]] = {}
        for id_ in ids:
            by_split.setdefault(self.items[id_].split, []).append(id_)
        splits = {}
        for split, chosen in by_split.items():
            positions = torch.tensor([self.items[id_].position for id_ in chosen])
            splits[split] = Examples(self.domain.splits[split].pick(positions).x)
        return Domain(self.domain.name, (), splits), by_split

    def _id(self, path: Path) -> str:
        assert self.folder is not None
        return path.absolute().relative_to(self.folder).as_posix()

    def _folders(self, ids: Sequence[str]) -> list[str | None]:
        parts = [id_.split("/")[:-1] for id_ in ids]
        if {part[0] if part else "" for part in parts} <= set(SPLITS) and any(len(part) > 1 for part in parts):
            parts = [part[1:] for part in parts]
        return [part[0] if part else None for part in parts]

    def _classes(self, split: str) -> list[str | None]:
        view = self.domain.unlabelled(split)
        labels = labels_of(view)
        if labels is None or labels.dim() > 1:
            return [None] * len(view)
        return [self.domain.classes[number] for number in labels.tolist()]


def paths_of(examples: Examples) -> list[Path]:
    """The files of examples, one each; none where they are no files."""
    return examples.x.paths if isinstance(examples.x, ImageFiles) else []


def pictures_of(index: Index, ids: Sequence[str], data_root: str | None = None) -> list[Tensor | None]:
    """The images that ids stand for, uint8 [C, H, W] at their own size; None for what is no longer to be had."""
    folder = index.about.get("folder")
    if folder is not None:
        return [picture_in(Path(folder) / id_) for id_ in ids]
    try:
        domain = load_domain(index.about["name"], data_root)
    except (LandbridgeError, KeyError):
        return [None] * len(ids)
    return [_picture_of(domain, id_) for id_ in ids]


def picture_in(path: Path) -> Tensor | None:
    """The image in a file, uint8 [3, H, W]; None if there is none."""
    try:
        return decode(path, None)
    except (OSError, ValueError, SyntaxError):
        return None


def _picture_of(domain: Domain, id_: str) -> Tensor | None:
    split, _, position = id_.rpartition("/")
    if split not in domain.splits or int(position) >= len(domain.splits[split]):
        return None
    image = domain.splits[split].x.read(torch.tensor([int(position)]))[0]
    return image if image.dim() == 3 else None


def _any_images(folder: Path) -> Domain:
    paths = images_below(folder)
    if not paths:
        raise MissingDataError(f"no images in {folder} or its sub-folders")
    return Domain(str(folder), (), {"all": Examples(ImageFiles(paths))})


def _common(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"
