"""Finding things on disk: a set's folder under a data root, files below a folder, classes, and the 80 / 20 split."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Examples
from landbridge.data.images import Files, ImageFiles

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""What counts as an image file, whatever the case of its letters."""


class Kind(NamedTuple):
    """What the files of a set are.

    Attributes:
        plural: what they are called.
        endings: how their names end, whatever the case of the letters.
        inputs: makes the inputs of their paths.
    """

    plural: str
    endings: tuple[str, ...]
    inputs: Callable[[Sequence[Path]], Files]

    def includes(self, path: str | Path) -> bool:
        """Whether a file name ends as theirs do and is not hidden."""
        path = Path(path)
        return path.suffix.lower() in self.endings and not path.name.startswith(".")


IMAGES = Kind("images", IMAGE_EXTENSIONS, ImageFiles)

TEST_SHARE = 0.2
"""The share that becomes `test` where a set has no split of its own."""


def is_image(path: str | Path) -> bool:
    """Whether a file name ends like an image's and is not hidden.

    >>> is_image("cat/1.JPG"), is_image("notes.txt"), is_image("._1.jpg")
    (True, False, False)
    """
    return IMAGES.includes(path)


def images_below(folder: Path) -> list[Path]:
    """All images in a folder, at any depth, in the order of their relative paths; hidden ones are left out."""
    return files_below(folder, IMAGES)


def files_below(folder: Path, kind: Kind) -> list[Path]:
    """All files of a kind in a folder, at any depth, in the order of their relative paths, without hidden ones."""
    found = []
    for place, inner, files in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not _hidden(name)]
        found += [Path(place, name) for name in files if kind.includes(name)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def subfolders(folder: Path) -> list[Path]:
    """The sub-folders that are not hidden, in alphabetical order; none if the folder does not exist."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if entry.is_dir() and not _hidden(entry.name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def looked_for(name: str, root: Path | None, candidates: Sequence[str], what_to_do: str = "") -> Path:
    """The first of several places under the data root that exists.

    Args:
        name: the domain, for the message.
        root: the data root, or None if there is none.
        candidates: paths relative to the root, the usual one first.
        what_to_do: how else to get the files, as the end of a sentence ("or fetch it with --download").

    Raises:
        MissingDataError: none of them exists.
    """
    extra = f", {what_to_do}" if what_to_do else ""
    if root is None:
        raise MissingDataError(
            f"{name} needs files and no data root is known: looked for DATA_ROOT/{candidates[0]}; "
            f"pass --data-root DIR or set LANDBRIDGE_DATA{extra}"
        )
    for candidate in candidates:
        if (root / candidate).exists():
            return root / candidate
    others = (
        f" (nor under {len(candidates) - 1} other usual name{'s' * (len(candidates) > 2)})"
        if len(candidates) > 1
        else ""
    )
    raise MissingDataError(f"{name}: no {candidates[0]} in {root}{others}; pass the right --data-root{extra}")


def hashed_test(keys: Sequence[str], strata: Tensor | None = None, share: float = TEST_SHARE) -> Tensor:
    """Which examples are `test`, decided by hashes of their keys alone: the same everywhere and always.

    Within each class those with the smallest SHA-1 are taken, so that every class gives the same share.

    Args:
        keys: what identifies each example (its relative path with forward slashes); equal keys fall on the same side.
        strata: the class of each, int64 [N]; None takes all as one.
        share: of each class, at least one where a class has two.

    Returns:
        bool [N].

    >>> hashed_test([f"{i}.png" for i in range(10)]).sum()
    tensor(2)
    """
    numbers = [0] * len(keys) if strata is None else strata.tolist()
    members: dict[int, set[str]] = {}
    for key, number in zip(keys, numbers):
        members.setdefault(number, set()).add(key)
    chosen = set()
    for number, names in members.items():
        count = max(round(share * len(names)), 1 if len(names) > 1 else 0)
        ordered = sorted(names, key=lambda name: hashlib.sha1(name.encode("utf-8", "surrogateescape")).digest())
        chosen |= {(number, name) for name in ordered[:count]}
    return torch.tensor([(number, key) in chosen for number, key in zip(numbers, keys)], dtype=torch.bool)


def split_by_hash(examples: Examples, keys: Sequence[str], *, whole_groups: bool = False) -> dict[str, Examples]:
    """`train` and `test` of files that come without a split: 80 / 20 by a hash of the keys, a class at a time.

    Args:
        examples: files with or without labels.
        keys: the relative path of each.
        whole_groups: keep each group on one side (then 80 / 20 of the groups, whatever their classes).
    """
    if whole_groups and examples.group is not None:
        test = hashed_test([str(group) for group in examples.group.tolist()])
    else:
        several = examples.y is not None and examples.y.dim() > 1  # then there is no class to go by
        test = hashed_test(keys, None if several else examples.y)
    return {"train": examples.pick((~test).nonzero().flatten()), "test": examples.pick(test.nonzero().flatten())}


def labelled_files(folders: Mapping[str, Path], classes: Sequence[str], kind: Kind = IMAGES) -> Examples:
    """All files of a kind in several class folders, in the order of the classes.

    Args:
        folders: class name -> folder; a class may be missing.
        classes: the names in the order of the class numbers.
        kind: what the files are.
    """
    paths, labels = [], []
    for number, name in enumerate(classes):
        found = files_below(folders[name], kind) if name in folders else []
        paths += found
        labels += [number] * len(found)
    return Examples(kind.inputs(paths), torch.tensor(labels, dtype=torch.int64))


def folder_domain(name: str, folder: Path) -> tuple[tuple[str, ...], dict[str, Examples]]:
    """Classes and splits of a folder with one sub-folder a class and no split of its own.

    Raises:
        MissingDataError: no class folder holds an image.
    """
    found = {place.name: place for place in subfolders(folder)}
    classes = tuple(sorted(found))
    examples = labelled_files(found, classes)
    if not len(examples):
        raise MissingDataError(f"{name}: no images in sub-folders of {folder} (one a class is expected)")
    assert isinstance(examples.x, ImageFiles)
    return classes, split_by_hash(examples, relative(examples.x.paths, folder))


def relative(paths: Sequence[Path], folder: Path) -> list[str]:
    """Paths relative to a folder, with forward slashes on every system."""
    return [path.relative_to(folder).as_posix() for path in paths]


def listed_images(list_file: Path, folder: Path) -> tuple[list[Path], list[int | None]]:
    """The images that a list names, one `path number` a line (or `path` alone), relative to a folder.

    Nothing but the first file is looked for, since lists may name hundreds of thousands.

    Raises:
        BadDataError: a line is neither.
        MissingDataError: the first image is not there.
    """
    paths: list[Path] = []
    numbers: list[int | None] = []
    for count, line in enumerate(list_file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        path, _, number = line.strip().rpartition(" ")
        if path and not number.isdecimal():
            path, number = line.strip(), ""
        if not is_image(path or number):
            raise BadDataError(f"{list_file}, line {count}: expected 'IMAGE NUMBER', found '{line.strip()[:60]}'")
        paths.append(folder / (path or number))
        numbers.append(int(number) if path and number else None)
    if paths and not paths[0].exists():
        raise MissingDataError(f"{list_file} names {paths[0]}, which does not exist: unpack the images beside the list")
    return paths, numbers


def cut_note(splits: Mapping[str, Examples], official: Mapping[str, int], what: str = "images") -> str:
    """A note for the reader of numbers where a set's sizes are not the published ones, else the empty string.

    >>> from landbridge.data.images import Arrays
    >>> cut_note({"train": Examples(Arrays(torch.zeros(3, 2)))}, {"train": 1000})
    'cut: 3 of 1,000 images'
    """
    if all(len(splits[name]) == size for name, size in official.items() if name in splits):
        return ""
    here = " + ".join(f"{len(splits[name]):,}" for name in official if name in splits)
    return f"cut: {here} of {' + '.join(f'{size:,}' for name, size in official.items() if name in splits)} {what}"
