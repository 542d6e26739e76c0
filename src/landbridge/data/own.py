"""One's own data: a folder with one sub-folder a class, a folder of any images, a CSV, or an npz file."""

import csv
import warnings
from pathlib import Path

import torch

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import (
    IMAGE_EXTENSIONS,
    images_below,
    labelled_images,
    relative,
    split_by_hash,
    subfolders,
)
from landbridge.data.images import ImageFiles

Parts = tuple[tuple[str, ...], dict[str, Examples]]
"""Class names, and the examples of each split."""


def load(path: Path, *, unlabelled: bool = False) -> Domain:
    """A domain from a path. Nothing is ever written there.

    Args:
        path: a folder with one sub-folder a class, in which images may lie at any depth (where it has `train/` and
        `test/`
            with the classes inside, those are the splits); a `.csv` with the columns `path` (relative to the CSV) and
            `label`, maybe `split` (train or test) and `group`; or an `.npz` (see `landbridge.data.own_arrays`).
        unlabelled: read without labels; a folder then may hold images at any depth.

    Returns:
        The domain. Without splits of its own, a fixed fifth of each class, chosen by a hash of the path, is `test`;
        where the CSV names groups, a fifth of the groups instead, so that none is on both sides.

    Raises:
        MissingDataError: there is nothing, or it holds no images.
        BadDataError: it cannot be used as it is; the message says why.
    """
    if not path.exists():
        raise MissingDataError(f"no such file or folder: {path}")
    suffix = path.suffix.lower()
    if path.is_dir():
        classes, splits = _loose_images(path) if unlabelled else _class_folders(path)
    elif suffix == ".csv":
        classes, splits = _table(path, unlabelled=unlabelled)
    elif suffix == ".npz":
        from landbridge.data.own_arrays import read_npz

        classes, splits = read_npz(path, unlabelled=unlabelled)
    else:
        raise BadDataError(f"{path} is neither a folder, nor a .csv, nor an .npz file")
    if not unlabelled and len(classes) < 2:
        raise BadDataError(
            f"{path} has one class only ('{classes[0]}'): two are needed; for images without labels pass --unlabelled"
        )
    return Domain(str(path), classes, splits)


def _loose_images(folder: Path) -> Parts:
    parts = _split_folders(folder)
    splits = {name: Examples(ImageFiles(images_below(place))) for name, place in parts.items()}
    for name, examples in splits.items():
        if not len(examples):
            raise MissingDataError(f"no images in {parts[name]} ({_endings()})")
    if "test" not in splits:
        ((name, examples),) = splits.items()
        assert isinstance(examples.x, ImageFiles)
        splits = split_by_hash(examples, relative(examples.x.paths, parts[name]))
    return (), splits


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits: `train` and `test`, or `train` alone, or the folder itself."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return {"train": folder / "train", "test": folder / "test"}
    # A lone `train` with classes inside is a split; with images it may be the class of railway trains.
    if subfolders(folder) == [folder / "train"] and subfolders(folder / "train"):
        return {"train": folder / "train"}
    return {"train": folder}


def _class_folders(folder: Path) -> Parts:
    parts = _split_folders(folder)
    found = {split: {place.name: place for place in subfolders(part)} for split, part in parts.items()}
    holding = {split: {n: p for n, p in inner.items() if images_below(p)} for split, inner in found.items()}
    for split, part in parts.items():
        _explain_emptiness(part, set(found[split]), set(holding[split]))
    classes = tuple(sorted(holding["train"]))
    strange = sorted(set(holding.get("test", ())) - set(classes))
    if strange:
        raise BadDataError(
            f"{parts['test']} has the class '{strange[0]}', which {parts['train']} lacks: rename or remove it"
        )
    splits = {split: labelled_images(inner, classes) for split, inner in holding.items()}
    if "test" not in splits:
        train = splits["train"]
        assert isinstance(train.x, ImageFiles)
        splits = split_by_hash(train, relative(train.x.paths, parts["train"]))
    return classes, splits


def _explain_emptiness(folder: Path, found: set[str], holding: set[str]) -> None:
    if holding:
        for name in sorted(found - holding):
            warnings.warn(
                f"{folder / name} holds no images: it is not taken as a class", LandbridgeWarning, stacklevel=4
            )
        return
    if images_below(folder):
        raise BadDataError(
            f"{folder} has images but no class folders: put them into one sub-folder a class, or pass --unlabelled"
        )
    if not any(folder.iterdir()):
        raise MissingDataError(f"{folder} is empty: one sub-folder of images a class is expected")
    raise MissingDataError(f"no images in {folder} or its sub-folders ({_endings()})")


def _endings() -> str:
    return f"files ending in {', '.join(IMAGE_EXTENSIONS)}"


def _table(path: Path, *, unlabelled: bool) -> Parts:
    rows = _rows(path, unlabelled=unlabelled)
    paths = [path.parent / row["path"].strip() for row in rows]
    missing = [place for place in paths if not place.is_file()]
    if missing:
        raise MissingDataError(
            f"{len(missing)} of the {len(paths)} files that {path} names do not exist (first: {missing[0]}): "
            "paths are relative to the CSV"
        )
    labels = [] if unlabelled else [row["label"].strip() for row in rows]
    classes = tuple(sorted(set(labels)))
    examples = Examples(
        ImageFiles(paths),
        None if unlabelled else _numbered(labels, classes),
        _numbered(groups := [row["group"] for row in rows], sorted(set(groups))) if "group" in rows[0] else None,
    )
    if "split" not in rows[0]:
        return classes, split_by_hash(examples, [row["path"] for row in rows], whole_groups=True)
    names = [row["split"].strip().lower() for row in rows]
    for line, name in enumerate(names, 2):
        if name not in ("train", "test"):
            raise BadDataError(f"{path}, row {line}: the split is '{name}', not train or test")
    splits = {
        split: examples.pick(torch.tensor([i for i, name in enumerate(names) if name == split], dtype=torch.int64))
        for split in ("train", "test")
    }
    if not all(len(part) for part in splits.values()):
        raise BadDataError(f"{path}: its column 'split' needs rows of train and of test, or remove the column")
    return classes, splits


def _rows(path: Path, *, unlabelled: bool) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} is no CSV in UTF-8 ({error})") from error
    for name in ("path",) if unlabelled else ("path", "label"):
        if name not in columns:
            raise BadDataError(f"{path} has no column '{name}'; its columns are: {', '.join(columns) or 'none'}")
        for line, row in enumerate(rows, 2):
            if not row[name].strip():
                raise BadDataError(f"{path}, row {line}: no {name}")
    if not rows:
        raise MissingDataError(f"{path} has a header and no rows")
    return rows


def _numbered(values: list[str], names: tuple[str, ...] | list[str]) -> torch.Tensor:
    number = {name: position for position, name in enumerate(names)}
    return torch.tensor([number[value] for value in values], dtype=torch.int64)
