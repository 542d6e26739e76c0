"""Captions with a name: Flickr8k, Oxford's flowers, emoji by vendor, recipes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data.caption_files import captions_below, captions_in, load_file
from landbridge.data.captions import Captions, Told, held_out
from landbridge.data.emoji import VENDORS, metadata
from landbridge.data.flowers import kind_names
from landbridge.data.folders import looked_for
from landbridge.data.recipes import load_recipes
from landbridge.data.word_vectors import words_of

_KARPATHY = "dataset_flickr8k.json"
_TOKENS = "Flickr8k.token.txt"
_LISTS = {"train": "Flickr_8k.trainImages.txt", "val": "Flickr_8k.devImages.txt", "test": "Flickr_8k.testImages.txt"}
_GET_FLICKR8K = "or unpack Flickr8k_Dataset.zip and Flickr8k_text.zip there"

_FLOWERS = ["flowers102", "flowers-102", "Flowers102", "oxford-102-flowers"]
_GET_FLOWERS = "or unpack Oxford's 102flowers.tgz there, with captions.jsonl and classes_splits.json beside jpg"


def flickr8k(variant: str | None, root: Path | None, unreadable: float) -> dict[str, Captions]:
    """Flickr8k (Hodosh et al., JAIR 2013): 8,000 photographs of people and dogs, five sentences each.

    Expects, in `flickr8k` or another of the usual folders, one of: Karpathy's `dataset_flickr8k.json`; the published
    `Flickr8k.token.txt` with the lists `Flickr_8k.trainImages.txt`, `devImages` and `testImages`; or `captions.json`,
    `.csv` or `.txt` (`image`, `caption` or `captions`), which has no splits: a tenth of the photographs is `test` and a
    tenth `validation`, by a hash of their names. The images lie in `images`, `Images` or `Flicker8k_Dataset`.
    """
    _no_variant("flickr8k", variant)
    folder = looked_for("flickr8k", root, ["flickr8k", "Flickr8k", "flickr_8k", "flickr8k_1k"], _GET_FLICKR8K)
    table = folder / _KARPATHY if (folder / _KARPATHY).is_file() else captions_in(folder)
    if table is not None:
        return load_file("flickr8k", table, unreadable)
    if not (folder / _TOKENS).is_file():
        raise MissingDataError(f"flickr8k: none of {_KARPATHY}, {_TOKENS} and captions.json in {folder}: put one there")
    return captions_below("flickr8k", folder, list(_published(folder)), unreadable)


def _published(folder: Path) -> Iterator[Told]:
    """The sentences of the published lists; photographs on none of them are left out, as everywhere."""
    splits: dict[str, str] = {}
    for split, name in _LISTS.items():
        if not (folder / name).is_file():
            raise MissingDataError(f"flickr8k: {_TOKENS} is in {folder}, but no {name}: unpack it there")
        splits |= dict.fromkeys((folder / name).read_text(encoding="utf-8").split(), split)
    for number, line in enumerate((folder / _TOKENS).read_text(encoding="utf-8").splitlines(), 1):
        image, tab, text = line.partition("\t")
        if not tab:
            raise BadDataError(f"{folder / _TOKENS}, line {number}: 'IMAGE#NUMBER', a tab and a sentence are expected")
        image = image.partition("#")[0]
        if image in splits:
            yield Told(image, (text,), splits[image], None, f"line {number}")


def flowers102(variant: str | None, root: Path | None, unreadable: float) -> dict[str, Captions]:
    """Oxford-102 flowers with ten sentences each (Reed et al., CVPR 2016), split by kind: nobody is told of the test.

    Expects `flowers102/captions.jsonl` (`image`, `class` from 1, `captions`) and `classes_splits.json`, whose `train`,
    `val` and `test` name kinds: 62, 20 and 20. `flowers102/trainval` has both others as `train` and no validation part:
    for training anew, once everything is chosen.
    """
    if variant not in (None, "trainval"):
        raise UnknownNameError(f"flowers102 has no captions '{variant}'; known: flowers102, flowers102/trainval")
    folder = looked_for("flowers102", root, _FLOWERS, _GET_FLOWERS)
    captions, sets = folder / "captions.jsonl", folder / "classes_splits.json"
    for path in (captions, sets):
        if not path.is_file():
            raise MissingDataError(f"flowers102: no {path.name} in {folder}: it comes with the captions")
    names = kind_names()
    try:
        kinds = json.loads(sets.read_text(encoding="utf-8"))
        merged = {"train": "train", "val": "train" if variant else "val", "test": "test"}
        split_of = {kind: split for part, split in merged.items() for kind in kinds[part]}
        with captions.open(encoding="utf-8") as file:
            entries = [json.loads(line) for line in file if line.strip()]
        rows = [Told(e["image"], tuple(e["captions"]), split_of[e["class"]], names[e["class"] - 1]) for e in entries]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise BadDataError(
            f"{captions} or {sets.name} beside it cannot be used ({error!r}): fetch both anew"
        ) from error
    name = f"flowers102/{variant}" if variant else "flowers102"
    return captions_below(name, folder, rows, unreadable, names)


def emoji(variant: str | None, root: Path | None, unreadable: float) -> dict[str, Captions]:
    """Emoji with their names, as three vendors draw them, to be found as the fourth draws them.

    Expects what the domain `emoji` does, with the columns `name` and `keywords`. Each has two sentences: its name, and
    its name with the keywords that add something. A tenth of the emoji (of each group) is `test`, in the drawings of
    the vendor named, and a tenth `validation`, in those of one other vendor, by a hash of the code point; the rest is
    `train`, in the drawings of the other three. So no emoji of the test was trained on in any drawing, and a sentence
    of either part has one image. The classes are Unicode's groups.
    """
    if variant not in VENDORS:
        raise UnknownNameError(f"emoji has the vendors {', '.join(VENDORS)}: name the one held out, as in emoji/fluent")
    rows = metadata(root, ("codepoint", "name", "keywords", "group"))
    folder = looked_for("emoji", root, ["emoji"])
    groups = sorted({row["group"] for row in rows})
    strata = torch.tensor([groups.index(row["group"]) for row in rows])
    splits = held_out([row["codepoint"] for row in rows], strata)
    others = [vendor for vendor in VENDORS if vendor != variant]
    drawn_by = {"train": others, "validation": others[:1], "test": [variant]}
    told = [
        Told(f"{vendor}/{row['codepoint']}.png", _sentences(row), split, row["group"].replace("-", " and "))
        for row, split in zip(rows, splits)
        for vendor in drawn_by[split]
    ]
    return captions_below(f"emoji/{variant}", folder, told, unreadable)


def _sentences(row: Mapping[str, str]) -> tuple[str, ...]:
    """The name of an emoji, and its name with the keywords that are not in it.

    >>> _sentences({"name": "man: bald", "keywords": "adult;bald;man"})
    ('man: bald', 'man: bald, adult')
    """
    said = set(words_of(row["name"]))
    more = [word for word in row["keywords"].split(";") if not set(words_of(word)) <= said]
    return (row["name"], ", ".join([row["name"], *more])) if more else (row["name"],)


def recipes(variant: str | None, root: Path | None, unreadable: float) -> dict[str, Captions]:
    """Recipes, each with a photograph; see `landbridge.data.recipes`."""
    _no_variant("recipes", variant)
    return load_recipes(root)


def _no_variant(name: str, variant: str | None) -> None:
    if variant is not None:
        raise UnknownNameError(f"there are no captions '{name}/{variant}'; did you mean '{name}'?")
