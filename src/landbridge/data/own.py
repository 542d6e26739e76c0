"""One's own data: a folder with one sub-folder a class, a folder of any images or recordings, a CSV, or an npz file."""

import csv
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import (
    IMAGES,
    Kind,
    files_below,
    labelled_files,
    relative,
    split_by_hash,
    subfolders,
)
from landbridge.data.images import Files
from landbridge.data.scenes import own as scenes
from landbridge.data.speech import RECORDINGS, Recordings

Groups = tuple[str, ...]


class Parts(NamedTuple):
    """Class names, the examples of each split, and names of their groups."""

    classes: tuple[str, ...]
    splits: dict[str, Examples]
    groups: Groups = ()


def load(path: Path, *, unlabelled: bool = False) -> Domain:
    """A domain from a path. Nothing is ever written there.

    Args:
        path: a folder with one sub-folder a class, in which images or recordings may lie at any depth (where it has
            `train/` and `test/` with the classes inside, those are the splits); of recordings, the folders inside a
            class are speakers, and so the groups; a folder of scenes with a class for each pixel (see
            `landbridge.data.scenes.own`); a `.csv` with the columns `path` (relative to the CSV) and `label`,
            maybe `split` (train or test) and `group`; or an `.npz` (see `landbridge.data.own_arrays`).
        unlabelled: read without labels; a folder then may hold images or recordings at any depth.

    Returns:
        The domain. Without splits of its own, a fixed fifth of each class, chosen by a hash of the path, is `test`;
        where the CSV names groups, a fifth of the groups instead, so that none is on both sides.

    Raises:
        MissingDataError: there is nothing, or it holds no images or recordings.
        BadDataError: it cannot be used as it is; the message says why.
    """
    if not path.exists():
        raise MissingDataError(f"no such file or folder: {path}")
    suffix, kind = path.suffix.lower(), IMAGES
    if path.is_dir() and scenes.is_scenes(path):
        return scenes.load(path, unlabelled=unlabelled)
    if path.is_dir():
        kind = _kind_of(path)
        parts = _loose_files(path, kind) if unlabelled else _class_folders(path, kind)
    elif suffix == ".csv":
        parts = _table(path, unlabelled=unlabelled)
    elif suffix == ".npz":
        from landbridge.data.own_arrays import read_npz

        parts = Parts(*read_npz(path, unlabelled=unlabelled))
    else:
        raise BadDataError(f"{path} is neither a folder, nor a .csv, nor an .npz file")
    if not unlabelled and len(parts.classes) < 2:
        raise BadDataError(
            f"{path} has one class only ('{parts.classes[0]}'): two are needed; for {kind.plural} without labels "
            "pass --unlabelled"
        )
    domain = Domain(str(path), parts.classes, parts.splits, groups=parts.groups)
    speech = isinstance(parts.splits["train"].x, Recordings)
    return replace(domain, backbone="speech-cnn", group_kind="speaker") if speech else domain


def _kind_of(folder: Path) -> Kind:
    """Whether a folder holds images or recordings; images where it holds neither."""
    images, recordings = (files_below(folder, kind) for kind in (IMAGES, RECORDINGS))
    if images and recordings:
        raise BadDataError(
            f"{folder} holds images ({images[0].relative_to(folder)}) and recordings "
            f"({recordings[0].relative_to(folder)}): keep them in two folders"
        )
    return RECORDINGS if recordings else IMAGES


def _loose_files(folder: Path, kind: Kind) -> Parts:
    parts = _split_folders(folder)
    splits = {name: Examples(kind.inputs(files_below(place, kind))) for name, place in parts.items()}
    for name, examples in splits.items():
        if not len(examples):
            raise MissingDataError(f"no {kind.plural} in {parts[name]} ({_endings()})")
    if "test" not in splits:
        ((name, examples),) = splits.items()
        splits = split_by_hash(examples, _keys(examples, parts[name]))
    return Parts((), splits)


def _keys(examples: Examples, folder: Path) -> list[str]:
    assert isinstance(examples.x, Files)
    return relative(examples.x.paths, folder)


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits: `train` and `test`, or `train` alone, or the folder itself."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return {"train": folder / "train", "test": folder / "test"}
    # A lone `train` with classes inside is a split; with files it may be the class of railway trains.
    if subfolders(folder) == [folder / "train"] and subfolders(folder / "train"):
        return {"train": folder / "train"}
    return {"train": folder}


def _class_folders(folder: Path, kind: Kind) -> Parts:
    parts = _split_folders(folder)
    found = {split: {place.name: place for place in subfolders(part)} for split, part in parts.items()}
    holding = {split: {n: p for n, p in inner.items() if files_below(p, kind)} for split, inner in found.items()}
    for split, part in parts.items():
        _explain_emptiness(part, set(found[split]), set(holding[split]), kind)
    classes = tuple(sorted(holding["train"]))
    strange = sorted(set(holding.get("test", ())) - set(classes))
    if strange:
        raise BadDataError(
            f"{parts['test']} has the class '{strange[0]}', which {parts['train']} lacks: rename or remove it"
        )
    splits = {split: labelled_files(inner, classes, kind) for split, inner in holding.items()}
    keys = {split: _keys(examples, parts[split]) for split, examples in splits.items()}
    splits, groups = _with_speakers(splits, keys) if kind is RECORDINGS else (splits, ())
    if "test" not in splits:
        splits = split_by_hash(splits["train"], keys["train"])
    return Parts(classes, splits, groups)


def _with_speakers(splits: dict[str, Examples], keys: dict[str, list[str]]) -> tuple[dict[str, Examples], Groups]:
    """Recordings at `label/speaker/...` with their speakers as groups; where all lie right in `label/`, as they are."""
    speakers = {split: [key.split("/")[1] if key.count("/") > 1 else "" for key in keys[split]] for split in splits}
    names = tuple(sorted({name for each in speakers.values() for name in each}))
    if names == ("",):
        return splits, ()
    if "" in names:
        stray = next(key for split, each in speakers.items() for key, name in zip(keys[split], each) if not name)
        raise BadDataError(f"{stray} lies in no speaker's folder, others do: put it into LABEL/SPEAKER/")
    return {split: replace(part, group=_numbered(speakers[split], names)) for split, part in splits.items()}, names


def _explain_emptiness(folder: Path, found: set[str], holding: set[str], kind: Kind) -> None:
    if holding:
        for name in sorted(found - holding):
            warnings.warn(
                f"{folder / name} holds no {kind.plural}: it is not taken as a class", LandbridgeWarning, stacklevel=4
            )
        return
    if files_below(folder, kind):
        raise BadDataError(
            f"{folder} has {kind.plural} but no class folders: put them into one sub-folder a class, "
            "or pass --unlabelled"
        )
    if not any(folder.iterdir()):
        raise MissingDataError(f"{folder} is empty: one sub-folder of images or recordings a class is expected")
    raise MissingDataError(f"no images in {folder} or its sub-folders ({_endings()})")


def _endings() -> str:
    return f"files ending in {', '.join(IMAGES.endings)}; recordings end in {', '.join(RECORDINGS.endings)}"


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
    members = [row["group"].strip() for row in rows] if "group" in rows[0] else []
    groups = tuple(sorted(set(members)))
    heard = [RECORDINGS.includes(place) for place in paths]
    if any(heard) and not all(heard):
        raise BadDataError(f"{path}, row {heard.index(not heard[0]) + 2}: name images or recordings, not both")
    examples = Examples(
        (RECORDINGS if all(heard) else IMAGES).inputs(paths),
        None if unlabelled else _numbered(labels, classes),
        _numbered(members, groups) if members else None,
    )
    if "split" not in rows[0]:
        return Parts(classes, split_by_hash(examples, [row["path"] for row in rows], whole_groups=True), groups)
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
    return Parts(classes, splits, groups)


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


def _numbered(values: Sequence[str], names: Sequence[str]) -> torch.Tensor:
    number = {name: position for position, name in enumerate(names)}
    return torch.tensor([number[value] for value in values], dtype=torch.int64)
