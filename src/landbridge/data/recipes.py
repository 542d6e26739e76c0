"""Recipes with photographs: the shared cut in one file, and Recipe1M in the layout in which it is published."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.captions import Captions
from landbridge.data.folders import looked_for
from landbridge.data.images import ImageFiles
from landbridge.nn.recipe_text import Recipe

TRAIN, VALIDATION, TEST = 1900, 174, 1000
"""Of the Epicurious recipes of the cut, in the order of its file: the first, the next, the last."""

OPEN = "open"
"""What the recipes from open collections call their source; they are a second test."""

_PARTITIONS = {"train": "train", "val": "validation", "test": "test"}

Row = tuple[Recipe, Path]
"""A recipe and its photograph."""


def load_recipes(root: Path | None, folder: Path | None = None) -> dict[str, Captions]:
    """Recipes, each with one photograph, by split.

    The texts are those of `Recipe.text`, from which `parse_recipe` gives the fields back. Two layouts are read, told
    apart by their files:

    - `recipes.json`, one list of `{id, title, ingredients, instructions, image, source}` with `images/` beside it, in
      random order: of all but the open ones the first 1,900 are `train`, the next 174 `validation`, the last 1,000
      `test`; those of `source` "open" are `open`. With fewer recipes the split keeps these shares.
    - Recipe1M (Salvador et al., CVPR 2017): `layer1.json` (`title`, `ingredients` and `instructions` as lists of
      `{text}`, `partition`) and `layer2.json` (`images` of each recipe), the images in `images/<partition>/a/b/c/d/`
      after the first four characters of their names, or without one or the other of these levels. A recipe's first
      photograph that is there counts; recipes without any are left out.

    Args:
        root: the data root, which holds `recipes` or `recipe1m`.
        folder: the folder itself, where it stands elsewhere.

    Raises:
        MissingDataError: no such files.
        BadDataError: a file is damaged, or names photographs that are not there.
    """
    place = folder or looked_for("recipes", root, ["recipes", "recipe1m", "Recipe1M", "recipe1M"])
    if (place / "layer1.json").exists():
        rows = _recipe1m(place)
    elif (place / "recipes.json").exists():
        rows = _cut(place)
    else:
        raise MissingDataError(f"recipes: neither recipes.json nor layer1.json and layer2.json in {place}")
    return {split: _captions(f"recipes/{split}", place, part) for split, part in rows.items() if part}


def _captions(name: str, folder: Path, rows: Sequence[Row]) -> Captions:
    paths = [path for _, path in rows]
    return Captions(
        name=name,
        images=ImageFiles(paths),
        texts=tuple(recipe.text for recipe, _ in rows),
        owner=torch.arange(len(rows)),
        files=tuple(path.relative_to(folder).as_posix() for path in paths),
    )


def _cut(folder: Path) -> dict[str, list[Row]]:
    path = folder / "recipes.json"
    sets: dict[bool, list[Row]] = {False: [], True: []}
    for number, entry in enumerate(_entries(path), 1):
        recipe = _recipe(entry, path, number, entry.get("ingredients", ()), entry.get("instructions", ()))
        if recipe is not None:
            sets[entry.get("source") == OPEN].append((recipe, folder / str(entry.get("image", ""))))
    for _, image in sets[False][:1] + sets[True][:1]:
        if not image.is_file():
            raise MissingDataError(f"{path} names {image}, which does not exist: unpack the images beside it")
    rows = sets[False]
    first = round(len(rows) * TRAIN / (TRAIN + VALIDATION + TEST))
    last = len(rows) - round(len(rows) * TEST / (TRAIN + VALIDATION + TEST))
    return {"train": rows[:first], "validation": rows[first:last], "test": rows[last:], OPEN: sets[True]}


def _recipe1m(folder: Path) -> dict[str, list[Row]]:
    texts, images = folder / "layer1.json", folder / "layer2.json"
    if not images.exists():
        raise MissingDataError(f"recipes: {texts} is there, but no layer2.json beside it: it tells the photographs")
    names = {entry.get("id"): [image.get("id") for image in entry.get("images", ())] for entry in _entries(images)}
    rows: dict[str, list[Row]] = {split: [] for split in _PARTITIONS.values()}
    for number, entry in enumerate(_entries(texts), 1):
        partition = entry.get("partition")
        if partition not in _PARTITIONS:
            raise BadDataError(f"{texts}, recipe {number}: partition '{partition}', expected train, val or test")
        found = _first_there(folder, partition, names.get(entry.get("id"), ()))
        lines = ([line.get("text", "") for line in entry.get(field, ())] for field in ("ingredients", "instructions"))
        recipe = _recipe(entry, texts, number, *lines)
        if recipe is not None and found is not None:
            rows[_PARTITIONS[partition]].append((recipe, found))
    if not any(rows.values()):
        raise MissingDataError(f"recipes: none of the photographs that {images} names is below {folder / 'images'}")
    return rows


def _first_there(folder: Path, partition: str, names: Iterable[str]) -> Path | None:
    for name in names:
        for place in (f"images/{partition}", partition, "images", "."):
            for path in (folder / place / "/".join(name[:4]) / name, folder / place / name):
                if path.is_file():
                    return path
    return None


def _entries(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadDataError(f"cannot read the recipes in {path} ({error}): fetch the file anew") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadDataError(f"{path} is not a list of recipes: fetch the file anew")
    return iter(entries)


def _recipe(
    entry: Mapping[str, Any], path: Path, number: int, ingredients: Sequence[str], instructions: Sequence[str]
) -> Recipe | None:
    """The recipe of an entry; None where no field says anything."""
    try:
        title, lists = str(entry.get("title") or ""), (tuple(ingredients or ()), tuple(instructions or ()))
        if not (title.strip() or any(line.strip() for lines in lists for line in lines)):
            return None
        return Recipe(title, *lists)
    except (AttributeError, TypeError) as error:
        raise BadDataError(f"{path}, recipe {number}: fields are no text ({error}): mend or remove it") from error
