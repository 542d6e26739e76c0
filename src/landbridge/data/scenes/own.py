"""One's own scenes: images, label files of the same names, and a list of classes."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import split_by_hash
from landbridge.data.images import ImageFiles
from landbridge.data.label_maps import VOID, Colour, LabelMap, kind_of, raw_labels
from landbridge.data.scenes.pairs import Pairs, found, scene_domain

CLASS_LIST = "classes.csv"
"""The list of classes of a folder of scenes: a column `name`, and maybe `id`, and a colour."""

LABEL_FOLDERS = ("labels", "masks", "annotations")
"""What the folder of label files may be called."""

_VOID_NAMES = ("void", "unlabelled", "unlabeled", "ignore")
_RGB = (("red", "green", "blue"), ("r", "g", "b"))


class ClassList(NamedTuple):
    """What a `classes.csv` says.

    Attributes:
        names: of the classes, without void ones, in their order.
        ids: id in a label file -> class number or `VOID`.
        colours: class or void name -> colour, where the list has colours.
    """

    names: tuple[str, ...]
    ids: Mapping[int, int]
    colours: Mapping[str, Colour]

    def by_colour(self) -> dict[Colour, int]:
        """Colour -> class number or `VOID`."""
        return {colour: self.names.index(name) if name in self.names else VOID for name, colour in self.colours.items()}


def is_scenes(folder: Path) -> bool:
    """Whether a folder holds scenes with labels of pixels, rather than one sub-folder a class."""
    places = (folder, folder / "train")
    listed = (folder / CLASS_LIST).is_file()
    return any((place / "images").is_dir() and (listed or _label_folder(place) is not None) for place in places)


def load(folder: Path, *, unlabelled: bool = False) -> Domain:
    """A folder of scenes as a dense domain. Nothing is written there.

    Args:
        folder: holds `images/` and `labels/` (or `masks/`, `annotations/`) with files of the same names, whatever their
            endings, at any depth; or `train/` and `test/` with both inside, which are the splits then, else a fixed
            fifth is `test`. Folders inside `images/` are groups (drives, places), which no split parts. And
            `classes.csv` with the columns `name`, maybe `id` (0, 1, ... in the order of the rows by default), and,
            where labels are colours, `colour` (`#804080`) or `red,green,blue`. A class called void or unlabelled
            counts nowhere, and neither does the id 255.
        unlabelled: read the images alone.

    Returns:
        The domain. Greyscale labels are ids; RGB ones are colours; a palette is read by its colours where the first
        label's are all in the list, else by its numbers.

    Raises:
        MissingDataError: there are no images, no labels or no list of classes.
        BadDataError: the list cannot be used, or images and labels do not match.
    """
    places = {split: folder / split for split in ("train", "test") if (folder / split / "images").is_dir()}
    places = places if "train" in places else {"train": folder}
    images = {split: found(place / "images") for split, place in places.items()}
    for split, files in images.items():
        if not files:
            raise MissingDataError(f"no images in {places[split] / 'images'}")
    if unlabelled:
        loose = {split: Examples(ImageFiles([files[key] for key in sorted(files)])) for split, files in images.items()}
        return Domain(str(folder), (), _split(loose, images))
    listed = read_class_list(folder / CLASS_LIST)
    labels = {split: _labels(place) for split, place in places.items()}
    meaning = meaning_of(next(iter(dict(sorted(labels["train"].items())).values())), listed)
    splits = {split: Pairs(images[split], labels[split], meaning) for split in places}
    inside = {key.rpartition("/")[0] for files in images.values() for key in files}
    domain = scene_domain(
        str(folder),
        splits,
        listed.names,
        (lambda key: key.rpartition("/")[0]) if len(inside) > 1 else None,
        colours={name: colour for name, colour in listed.colours.items() if name in listed.names},
    )
    return replace(domain, splits=_split(domain.splits, images))


def read_class_list(path: Path) -> ClassList:
    """What a list of classes says.

    Raises:
        MissingDataError: there is none.
        BadDataError: it lacks a name, a number or colour is none, or two rows say the same.
    """
    if not path.is_file():
        raise MissingDataError(
            f"no {path.name} in {path.parent}: list the classes there, a column 'name' and maybe 'colour'"
        )
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [
            {str(key).strip().lower(): (value or "").strip() for key, value in row.items()}
            for row in csv.DictReader(file)
        ]
    if not rows or "name" not in rows[0]:
        raise BadDataError(f"{path} needs a first line with the column 'name', and one class a line after it")
    names: list[str] = []
    ids: dict[int, int] = {}
    colours: dict[str, Colour] = {}
    for line, row in enumerate(rows, 2):
        name, where = row["name"], f"{path}, line {line}"
        if not name:
            raise BadDataError(f"{where}: a class without a name")
        if name in names:
            raise BadDataError(f"{where}: the class '{name}' is named twice")
        void = name.lower() in _VOID_NAMES
        number = _number(row.get("id") or str(line - 2), 65_535, where, "id")
        if number in ids:
            raise BadDataError(f"{where}: the id {number} is given twice")
        ids[number] = VOID if void else len(names)
        names += [] if void else [name]
        colour = _colour(row, where)
        if colour in colours.values():
            raise BadDataError(f"{where}: the colour {colour} is given twice")
        if colour is not None:
            colours[name] = colour
    if colours and len(colours) < len(rows):
        lacking = next(row["name"] for row in rows if row["name"] not in colours)
        raise BadDataError(f"{path}: '{lacking}' has no colour, others do: give each one")
    if not 2 <= len(names) < VOID:
        raise BadDataError(f"{path} names {len(names)} classes: 2 to {VOID - 1} can be told apart")
    return ClassList(tuple(names), {VOID: VOID} | ids, colours)


def meaning_of(label: Path, listed: ClassList) -> LabelMap:
    """How the label files of a folder are read, as its first one shows: by ids or by colours.

    Raises:
        BadDataError: it holds colours and the list has none, or it is a JPEG file, whose colours are not exact.
    """
    if label.suffix.lower() in (".jpg", ".jpeg"):
        raise BadDataError(f"the label {label} is a JPEG file, which changes colours and ids: save labels as PNG")
    kind, colours = kind_of(label), listed.by_colour()
    if kind == "colours" and not colours:
        raise BadDataError(
            f"the label {label} is an RGB mask, but {CLASS_LIST} has no colours: add the columns red,green,blue"
        )
    if kind == "palette" and colours:
        used = np.unique(raw_labels(label, colours=True).reshape(-1, 3), axis=0)
        kind = "colours" if all(tuple(colour) in colours for colour in used.tolist()) else "ids"
    if kind == "colours":
        return LabelMap(CLASS_LIST, colours=colours)
    return LabelMap(CLASS_LIST, ids=listed.ids)


def _label_folder(place: Path) -> Path | None:
    return next((place / name for name in LABEL_FOLDERS if (place / name).is_dir()), None)


def _labels(place: Path) -> dict[str, Path]:
    folder = _label_folder(place)
    files = {} if folder is None else found(folder)
    if not files:
        raise MissingDataError(
            f"no label files in {folder or place / LABEL_FOLDERS[0]}: give each image one of its name, "
            "or pass --unlabelled"
        )
    return files


def _split(splits: Mapping[str, Examples], keys: Mapping[str, Mapping[str, Path]]) -> dict[str, Examples]:
    """Splits as they are, or one cut in two by hashes of the names."""
    if "test" in splits:
        return dict(splits)
    ((split, examples),) = splits.items()
    return split_by_hash(examples, sorted(keys[split]), whole_groups=True)


def _number(text: str, largest: int, where: str, what: str) -> int:
    if not text.isdecimal() or int(text) > largest:
        raise BadDataError(f"{where}: the {what} '{text}' is no whole number from 0 to {largest:,}")
    return int(text)


def _colour(row: Mapping[str, str], where: str) -> Colour | None:
    for columns in _RGB:
        if all(row.get(column) for column in columns):
            red, green, blue = (_number(row[column], 255, where, column) for column in columns)
            return red, green, blue
    text = row.get("colour") or row.get("color") or ""
    if not text:
        return None
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError as error:
        raise BadDataError(f"{where}: the colour '{text}' is not of the form #804080") from error
    return red, green, blue
