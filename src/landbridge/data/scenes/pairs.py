"""Images and the label files that belong to them, found, matched and made a domain of."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, images_below
from landbridge.data.images import ImageFiles
from landbridge.data.label_maps import Colour, LabelMap
from landbridge.data.masks import FileMasks
from landbridge.data.scene_classes import colours_of, protocol

Found = Mapping[str, Path]
"""Files by what an image and its label share of their names."""


class Pairs(NamedTuple):
    """The files of one split.

    Attributes:
        images: the images.
        labels: their label files; None where nobody has them.
        meaning: what stands in the label files.
    """

    images: Found
    labels: Found | None
    meaning: LabelMap | None


def found(folder: Path, *endings: str) -> dict[str, Path]:
    """The images in a folder, at any depth, whose names end in one of `endings`, by their relative paths without it.

    Without endings, all images, by their relative paths without what stands behind the last dot.
    """
    files = images_below(folder)
    named = {}
    for path in files:
        ending = next((one for one in endings or (path.suffix,) if path.name.endswith(one)), None)
        if ending is not None:
            named[path.relative_to(folder).as_posix()[: -len(ending)]] = path
    return named


def first_found(folder: Path, kinds: Mapping[str, LabelMap]) -> tuple[Found, LabelMap]:
    """The label files of the first kind of which there are any.

    Args:
        folder: where to look, at any depth.
        kinds: how file names end -> what stands in such files; the preferred kind first.

    Returns:
        The files by the rest of their names, and what stands in them; of the first kind where there are none.
    """
    for ending, meaning in kinds.items():
        files = found(folder, ending)
        if files:
            return files, meaning
    return {}, next(iter(kinds.values()))


def matched(name: str, images: Found, labels: Found) -> list[str]:
    """What images and labels share of their names, in order.

    Raises:
        BadDataError: an image has no label, or a label no image; the message counts them and names the first.
    """
    for here, there, what, other in ((images, labels, "image", "label"), (labels, images, "label", "image")):
        alone = sorted(set(here) - set(there))
        if alone:
            many = len(alone) > 1
            raise BadDataError(
                f"{name}: {len(alone)} of {len(here)} {what}s {'have' if many else 'has'} no {other} "
                f"({'first: ' if many else ''}{here[alone[0]]}): unpack {other}s and {what}s of the same parts, or "
                f"remove {'them' if many else 'it'}"
            )
    return sorted(images)


def scene_domain(
    name: str,
    splits: Mapping[str, Pairs],
    classes: Sequence[str],
    group_of: Callable[[str], str] | None = None,
    *,
    group_kind: str = "sequence",
    note: str = "",
    official: Mapping[str, int] | None = None,
    stretch: int | None = None,
    colours: Mapping[str, Colour] | None = None,
) -> Domain:
    """A dense domain of image files and label files. Nothing but names is read.

    Args:
        name: the domain.
        splits: the files of each split.
        classes: names of the classes.
        group_of: the group (sequence, city) of an image by what it shares with its label's name; None where each
            stands alone.
        group_kind: what a group is.
        note: what a reader of numbers must know, beside the protocol and whether this is a cut.
        official: split -> published number of images.
        colours: class -> colour; by default those of the benchmark.
        stretch: how many images in a row a cut must keep together, where a group is too much to ask; None keeps groups.

    Raises:
        MissingDataError: a split has no images.
        BadDataError: images and labels do not match.
    """
    keys = {}
    for split, pairs in splits.items():
        if not pairs.images:
            raise MissingDataError(f"{name}: there are no images for '{split}'; unpack the archive of images there")
        keys[split] = sorted(pairs.images) if pairs.labels is None else matched(name, pairs.images, pairs.labels)
    names = sorted({group_of(key) for each in keys.values() for key in each}) if group_of else []
    made = {split: _examples(pairs, keys[split], group_of, names, stretch) for split, pairs in splits.items()}
    notes = [protocol(classes), cut_note(made, official or {}), note]
    return Domain(
        name,
        tuple(classes),
        made,
        headline="miou",
        note="; ".join(part for part in notes if part),
        groups=tuple(names),
        group_kind=group_kind,
        colours=dict(zip(classes, colours_of(classes, colours or {}))),
    )


def _examples(
    pairs: Pairs, keys: list[str], group_of: Callable[[str], str] | None, names: list[str], stretch: int | None
) -> Examples:
    images = [pairs.images[key] for key in keys]
    number = {name: place for place, name in enumerate(names)}
    group = torch.tensor([number[group_of(key)] if group_of else 0 for key in keys], dtype=torch.int64)
    masks = None
    if pairs.labels is not None:
        assert pairs.meaning is not None
        masks = FileMasks([pairs.labels[key] for key in keys], pairs.meaning, images)
    bundle = None if stretch is None else stretches(group, stretch)
    return Examples(ImageFiles(images), masks, group if group_of else None, bundle)


def stretches(group: torch.Tensor, length: int) -> torch.Tensor:
    """Numbers of stretches of at most `length` examples in a row of one group, int64 [n].

    >>> stretches(torch.tensor([0, 0, 0, 1, 1]), 2).tolist()
    [0, 0, 1, 2, 2]
    """
    numbers, free = torch.empty_like(group), 0
    for one in group.unique():
        members = (group == one).nonzero().flatten()
        numbers[members] = free + torch.arange(len(members)) // length
        free += -(-len(members) // length)
    return numbers
