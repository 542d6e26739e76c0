"""Images with the sentences that describe them, by split: named sets, files of one's own, folders, shards."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError, UnknownNameError
from landbridge.core.registry import Registry, nearest
from landbridge.data.folders import hashed_test
from landbridge.data.images import Inputs
from landbridge.data.registry import data_root

_DATA = "landbridge.data"

SETS = Registry(
    "captions",
    {
        "flickr8k": f"{_DATA}.caption_sets:flickr8k",
        "flowers102": f"{_DATA}.caption_sets:flowers102",
        "emoji": f"{_DATA}.caption_sets:emoji",
        "recipes": f"{_DATA}.caption_sets:recipes",
    },
)
"""The sets with a name; each is a function of (what follows the slash or None, data root or None, `unreadable`)."""

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    "training": "train",
    "restval": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
}
"""What files call the splits; `restval` is the part of COCO's validation images that Karpathy trains on."""

HELD = 0.1
"""Share of the images that becomes `validation`, and again `test`, where a source has no splits."""

UNREADABLE = 0.01
"""Share of the images that may be missing or without a caption."""


@dataclass(frozen=True, eq=False)
class Captions:
    """Images and the sentences that describe them; of an image there may be several.

    Args:
        name: of the set, as in `load_captions`.
        images: the images, N of them.
        texts: the sentences, T of them, none empty.
        owner: the image that each sentence describes, int64 [T], in [0, N); each image has a sentence.
        files: names of the images in their source, N or none.
        classes: the class of each image, int64 [N]; None where there are none.
        class_names: what the classes are called, by number; empty where nobody knows.
        skipped: what the source has and cannot be used, with the reason.

    Raises:
        BadDataError: these do not fit together.

    >>> from landbridge.data.images import Arrays
    >>> pictures = Arrays(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    >>> pets = Captions("pets", pictures, ("a dog", "a cat", "a cat asleep"), torch.tensor([0, 1, 1]))
    >>> pets.texts_of(1), pets.subset(torch.tensor([1])).texts
    (('a cat', 'a cat asleep'), ('a cat', 'a cat asleep'))
    """

    name: str
    images: Inputs
    texts: tuple[str, ...]
    owner: Tensor
    files: tuple[str, ...] = ()
    classes: Tensor | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.images)
        if not count:
            raise BadDataError(f"{self.name} has no images with captions")
        if self.owner.dtype != torch.int64 or self.owner.shape != (len(self.texts),):
            raise BadDataError(
                f"{self.name}: {len(self.texts)} captions need as many int64 numbers of images, not "
                f"{self.owner.dtype} {tuple(self.owner.shape)}"
            )
        if len(self.owner) and not 0 <= int(self.owner.min()) <= int(self.owner.max()) < count:
            raise BadDataError(f"{self.name}: a caption belongs to an image outside 0 to {count - 1}")
        bare = (torch.bincount(self.owner, minlength=count) == 0).nonzero().flatten().tolist()
        if bare:
            raise BadDataError(f"{self.name}: {len(bare)} of {count} images have no caption (first: number {bare[0]})")
        for number, text in enumerate(self.texts):
            if not text.strip():
                raise BadDataError(f"{self.name}: caption {number} is empty")
        if self.files and len(self.files) != count:
            raise BadDataError(f"{self.name}: {count} images but {len(self.files)} names of files")
        self._check_classes(count)

    def _check_classes(self, count: int) -> None:
        if self.classes is None:
            return
        if self.classes.dtype != torch.int64 or self.classes.shape != (count,):
            raise BadDataError(
                f"{self.name}: {count} images need as many int64 class numbers, not "
                f"{self.classes.dtype} {tuple(self.classes.shape)}"
            )
        if self.class_names and not 0 <= int(self.classes.min()) <= int(self.classes.max()) < len(self.class_names):
            raise BadDataError(f"{self.name}: a class number outside 0 to {len(self.class_names) - 1}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def _sentences(self) -> tuple[Tensor, ...]:
        """The numbers of the sentences of each image."""
        counts = torch.bincount(self.owner, minlength=len(self.images))
        sentences: tuple[Tensor, ...] = self.owner.argsort(stable=True).split(counts.tolist())
        return sentences

    def texts_of(self, image: int) -> tuple[str, ...]:
        """The sentences of an image, in their order."""
        return tuple(self.texts[number] for number in self._sentences[image].tolist())

    def subset(self, images: Tensor) -> "Captions":
        """Some of the images, in the order given, with their sentences in the order of the set; nothing is read.

        Args:
            images: their numbers, int64 [n], none twice.
        """
        number = torch.full((len(self.images),), -1)
        number[images] = torch.arange(len(images))
        kept = (number[self.owner] >= 0).nonzero().flatten()
        return replace(
            self,
            images=self.images.pick(images),
            texts=tuple(self.texts[i] for i in kept.tolist()),
            owner=number[self.owner[kept]],
            files=tuple(self.files[i] for i in images.tolist()) if self.files else (),
            classes=None if self.classes is None else self.classes[images],
        )


def load_captions(spec: str, root: Path | None = None, *, unreadable: float = UNREADABLE) -> Mapping[str, Captions]:
    """Images with sentences by split: `train`, and `validation` and `test` where there are any.

    Args:
        spec: `flickr8k`, `flowers102`, `emoji/VENDOR`, `recipes`; or your own: a CSV, JSON or JSONL file with `image`
            and `caption` (or `captions`, a list), Karpathy's JSON, a folder with a folder a class
            (`FOLDER?templates=a photo of a {}.`), or WebDataset shards (`shards-{000..003}.tar`, or a folder of them).
        root: the folder of the data sets; `LANDBRIDGE_DATA` by default.
        unreadable: share of the images that may be missing or have no caption; they are left out, and `skipped` names
            them.

    Raises:
        UnknownNameError: neither a known name nor a path.
        MissingDataError: known, but its files are not there.
        BadDataError: files are there, but cannot be used.

    >>> load_captions("flickr9k")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: unknown captions 'flickr9k'; did you mean 'flickr8k'?
    """
    family, _, variant = spec.partition("/")
    if family in SETS:
        found: Mapping[str, Captions] = SETS.resolve(family)(variant or None, data_root(root), unreadable)
        return found
    from landbridge.data.caption_files import load_own, looks_like_own

    if looks_like_own(spec):
        return load_own(spec, unreadable)
    hint = nearest(spec, SETS) or f"; known: {', '.join(sorted(SETS))}, or a file or folder of your own"
    raise UnknownNameError(f"unknown captions '{spec}'{hint}")


class Told(NamedTuple):
    """What a row of a source tells about an image; several rows may be about one.

    Attributes:
        image: its name in the source.
        texts: sentences about it.
        split: one of `SPLIT_NAMES`; None where the source has no splits.
        label: its class; None where the source has none.
        where: which row this is, for messages.
    """

    image: str
    texts: tuple[str, ...]
    split: str | None = None
    label: str | None = None
    where: str = ""


def by_split(
    name: str,
    rows: Iterable[Told],
    inputs: Callable[[Sequence[str]], Inputs],
    *,
    fault: Callable[[str], str | None] = lambda image: None,
    class_names: Sequence[str] | None = None,
    unreadable: float = UNREADABLE,
) -> dict[str, Captions]:
    """Captions of the rows of a source.

    Without splits of its own, a tenth of the images (of each class) becomes `test` and a tenth `validation`, by a hash
    of their names alone: the same on every machine, whatever is missing there.

    Args:
        name: of the set.
        rows: what the source tells.
        inputs: makes the images of their names.
        fault: why an image cannot be used, or None.
        class_names: the classes by number; by default those that the rows name, sorted.
        unreadable: share of the images that may be left out.

    Raises:
        BadDataError: rows contradict each other, or too many images cannot be used.
        MissingDataError: there is no row.
    """
    told = _merged(name, rows)
    names = list(told)
    faults = {image: reason for image in names if (reason := _fault(told[image], fault)) is not None}
    known, classes = _classes(name, told, faults, class_names)
    given = any(row.split is not None for row in told.values())
    splits = list(_told_splits(name, told)) if given else held_out(names, classes)
    if len(faults) > unreadable * len(names):
        first, reason = next(iter(faults.items()))
        raise BadDataError(
            f"{len(faults)} of {len(names)} images of {name} cannot be used (first: {first}: {reason}): mend or remove "
            "them, or allow more with --unreadable"
        )
    parts = {}
    for split in SPLITS:
        members = [position for position, own in enumerate(splits) if own == split]
        kept = [position for position in members if names[position] not in faults]
        if not kept:
            continue
        chosen = [names[position] for position in kept]
        texts = [(row, text) for row, image in enumerate(chosen) for text in told[image].texts]
        parts[split] = Captions(
            name,
            inputs(chosen),
            tuple(text for _, text in texts),
            torch.tensor([row for row, _ in texts], dtype=torch.int64),
            tuple(chosen),
            None if classes is None else classes[kept],
            known,
            tuple(f"{names[at]}: {faults[names[at]]}" for at in members if names[at] in faults),
        )
    return parts


def _merged(name: str, rows: Iterable[Told]) -> dict[str, Told]:
    """What is told about each image, by its name; sentences without a letter are left out and counted."""
    told: dict[str, Told] = {}
    empty: list[str] = []
    count = 0
    for row in rows:
        texts = tuple(text.strip() for text in row.texts if text.strip())
        count += len(row.texts)
        empty += [row.where or row.image] * (len(row.texts) - len(texts))
        before = told.get(row.image)
        if before is None:
            told[row.image] = row._replace(texts=texts)
            continue
        for what, one, other in (("classes", before.label, row.label), ("splits", before.split, row.split)):
            if one != other:
                raise BadDataError(
                    f"{_place(name, row)}: the image {row.image} has two {what} ('{one}' and '{other}'): remove one"
                )
        told[row.image] = before._replace(texts=before.texts + texts)
    if not told:
        raise MissingDataError(f"{name} names no image")
    if empty:
        warnings.warn(
            f"{name}: {len(empty)} of {count} captions are empty and left out (first: {empty[0]})",
            LandbridgeWarning,
            stacklevel=4,
        )
    return told


def _place(name: str, row: Told) -> str:
    return f"{name}, {row.where}" if row.where else name


def _fault(row: Told, fault: Callable[[str], str | None]) -> str | None:
    return "no caption" if not row.texts else fault(row.image)


def _classes(
    name: str, told: Mapping[str, Told], faults: Mapping[str, str], class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], Tensor | None]:
    """What the classes are called, and the class of each image, -1 where one that cannot be used has none.

    Nothing and None where no row names one.
    """
    named = {row.label for row in told.values() if row.label}
    if not named:
        return (), None
    numbers = all(label.isdecimal() for label in named)  # these are sorted as such
    known = tuple(class_names or sorted(named, key=int if numbers else str))
    number = {label: position for position, label in enumerate(known)}
    for row in told.values():
        if row.label not in number and row.image not in faults:
            what = f"the unknown class '{row.label}'" if row.label else "no class, others have one"
            raise BadDataError(f"{_place(name, row)}: the image {row.image} has {what}")
    return known, torch.tensor([number.get(row.label or "", -1) for row in told.values()])


def held_out(keys: Sequence[str], strata: Tensor | None = None) -> list[str]:
    """A split for each key, by a hash of it: a tenth `test`, a tenth `validation`, the rest `train`.

    Args:
        keys: names; equal ones fall on the same side.
        strata: the class of each, int64 [N]; each gives the same share. None takes all as one.

    >>> [held_out([f"{i}.png" for i in range(20)]).count(split) for split in SPLITS]
    [16, 2, 2]
    """
    test = hashed_test(keys, strata, HELD)
    rest = (~test).nonzero().flatten()
    strata = None if strata is None else strata[rest]
    validation = hashed_test([keys[i] for i in rest.tolist()], strata, HELD / (1 - HELD))
    held = set(rest[validation].tolist())
    return ["test" if own else "validation" if i in held else "train" for i, own in enumerate(test.tolist())]


def _told_splits(name: str, told: Mapping[str, Told]) -> Iterator[str]:
    for row in told.values():
        split = (row.split or "").strip().lower()
        if split not in SPLIT_NAMES:
            raise BadDataError(f"{_place(name, row)}: the split is '{row.split or ''}', not train, validation or test")
        yield SPLIT_NAMES[split]
