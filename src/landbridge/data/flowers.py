"""Oxford-102: photographs of flowers."""

import json
import re
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, looked_for
from landbridge.data.images import ImageFiles
from landbridge.data.matlab import matlab_variable

KINDS = 102
_SHORT_SIDE = 500
"""Of the published images, in pixels."""

COLOURS = {
    "red": r"red|crimson|scarlet",
    "orange": r"orange",
    "yellow": r"yellow",
    "green": r"green",
    "blue": r"blue",
    "purple": r"purple|violet|lavender|lilac",
    "pink": r"pink|magenta",
    "white": r"white",
    "brown": r"brown",
    "black": r"black",
}
"""Colours, and the words for them in captions: whole words, or with an ending as in `reddish` and `reds`."""

AGREED = 3
"""Captions of an image that must name a colour for it to count as there."""

Numbers = dict[str, list[int]]
"""Image numbers, from 1, of each split."""


def load(variant: str | None, root: Path | None) -> Domain:
    """Oxford-102 flowers (Nilsback and Zisserman, ICVGIP 2008): 8,189 photographs of 102 kinds, 40 to 258 each.

    Expects `flowers102/jpg/image_00001.jpg` and so on with `imagelabels.mat` and `setid.mat`, as published; or, where
    the set is kept with its captions, `captions.jsonl` (`image` and `class`, a line an image) and `classes_splits.json`
    (`official_images`). The official split: its training and validation images, ten each a kind, are `train`, the other
    6,149 `test`. The field reports the mean accuracy over the kinds.

    `flowers102/colours` is the same images with several labels each: the colours that their ten captions name. A colour
    is there if 3 captions name it, it is not if none does, and between that it is not to be judged.
    """
    folder = looked_for("flowers102", root, ["flowers102", "flowers-102", "Flowers102", "oxford-102-flowers"])
    labels, parts = _published(folder) if (folder / "setid.mat").exists() else _captioned(folder)
    splits = {}
    for split, numbers in parts.items():
        if not numbers or not 1 <= min(numbers) <= max(numbers) <= len(labels):
            raise BadDataError(f"{folder}: the split '{split}' does not name images from 1 to {len(labels)}")
        paths = [folder / "jpg" / f"image_{number:05d}.jpg" for number in numbers]
        if not paths[0].exists():
            raise MissingDataError(f"flowers102: no {paths[0].name} in {folder / 'jpg'}: unpack 102flowers.tgz there")
        splits[split] = Examples(ImageFiles(paths), labels[torch.tensor(numbers) - 1] - 1)
    note = cut_note(splits, {"train": 2_040, "test": 6_149}) or _small(folder / "jpg")
    if variant == "colours":
        every = _colours(folder / "captions.jsonl", len(labels))
        coloured = {
            split: Examples(examples.x, every[torch.tensor(parts[split]) - 1]) for split, examples in splits.items()
        }
        headline = "mean_average_precision"
        return Domain("flowers102/colours", tuple(COLOURS), coloured, headline=headline, note=note)
    return Domain("flowers102", kind_names(), splits, headline="mean_class_accuracy", note=note)


def _published(folder: Path) -> tuple[Tensor, Numbers]:
    """The kind of each image, from 1, int64 [N], and the splits."""
    labels = torch.from_numpy(matlab_variable(folder / "imagelabels.mat", "labels").ravel().astype("int64"))
    ids = {name: matlab_variable(folder / "setid.mat", name).ravel().tolist() for name in ("trnid", "valid", "tstid")}
    return _checked(labels, folder / "imagelabels.mat"), {
        "train": sorted(ids["trnid"] + ids["valid"]),
        "test": sorted(ids["tstid"]),
    }


def _captioned(folder: Path) -> tuple[Tensor, Numbers]:
    captions, sets = folder / "captions.jsonl", folder / "classes_splits.json"
    for path in (captions, sets):
        if not path.exists():
            raise MissingDataError(
                f"flowers102: neither setid.mat and imagelabels.mat nor {path.name} in {folder}: fetch Oxford's labels"
            )
    try:
        with captions.open(encoding="utf-8") as file:
            kinds = {Path(row["image"]).stem: int(row["class"]) for row in map(json.loads, file)}
        labels = torch.tensor([kinds[f"image_{number:05d}"] for number in range(1, len(kinds) + 1)])
        images = json.loads(sets.read_text(encoding="utf-8"))["official_images"]
        parts = {"train": sorted(images["train"] + images["val"]), "test": sorted(images["test"])}
    except (KeyError, TypeError, ValueError) as error:
        raise BadDataError(
            f"{captions} or {sets.name} beside it cannot be used ({error!r}): fetch both anew"
        ) from error
    return _checked(labels, captions), parts


def _colours(captions: Path, images: int) -> Tensor:
    """For each image and colour 1 (named by `AGREED` captions), -1 (by none) or 0, int64 [images, colours]."""
    if not captions.exists():
        raise MissingDataError(f"flowers102/colours: no {captions.name} in {captions.parent}: it holds the captions")
    words = [re.compile(rf"\b(?:{named})(?:s|ish|dish|y)?\b", re.IGNORECASE) for named in COLOURS.values()]
    found = torch.zeros(images, len(words), dtype=torch.int64)
    try:
        with captions.open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                number = int(Path(row["image"]).stem.removeprefix("image_"))
                found[number - 1] = torch.tensor([sum(bool(w.search(text)) for text in row["captions"]) for w in words])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise BadDataError(f"{captions} cannot be used ({error!r}): fetch it anew") from error
    return (found >= AGREED).long() - (found == 0).long()


def _checked(labels: Tensor, path: Path) -> Tensor:
    if not len(labels) or not 1 <= int(labels.min()) <= int(labels.max()) <= KINDS:
        raise BadDataError(f"{path}: kinds outside 1 to {KINDS}; fetch it anew")
    return labels


def kind_names() -> tuple[str, ...]:
    """What the kinds are called: Oxford's files number them only, torchvision knows their names."""
    from torchvision.datasets import Flowers102

    names = tuple(getattr(Flowers102, "classes", ()))
    return names if len(set(names)) == KINDS else tuple(str(number) for number in range(1, KINDS + 1))


def _small(folder: Path) -> str:
    """A note where the images are smaller than the published ones, by the first of them."""
    from PIL import Image

    try:
        with Image.open(folder / "image_00001.jpg") as image:
            width, height = image.size
    except OSError:
        return ""  # training will say that it is damaged
    return "" if min(width, height) >= _SHORT_SIDE else f"small copies: {width}x{height}, published with {_SHORT_SIDE}+"
