"""Recipes in both layouts, on tiny files."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.captions import load_captions
from landbridge.data.recipes import load_recipes
from landbridge.nn.recipe_text import parse_recipe
from toy_recipes import write_cut


def photograph(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (200, 10, 10)).save(path)


def lines(*texts: str) -> list[dict[str, str]]:
    return [{"text": text} for text in texts]


def entry(name: str, title: str, ingredients: list[str], instructions: list[str], partition: str) -> dict[str, Any]:
    told = {"id": name, "title": title, "partition": partition}
    return told | {"ingredients": lines(*ingredients), "instructions": lines(*instructions)}


def write_recipe1m(folder: Path, **changes: Any) -> None:
    """Four recipes: one a partition, and one whose photographs are all missing."""
    layer1 = [
        entry("a", "Toast", ["bread"], ["Toast it."], "train"),
        entry("b", "Soup", ["peas", "salt"], [], "val"),
        entry("c", "Cake", ["flour"], ["Bake."], "test"),
        entry("d", "Air", ["air"], ["Breathe."], "train"),
    ]
    layer2 = [
        {"id": "a", "images": [{"id": "gone.png", "url": ""}, {"id": "abcde.png", "url": ""}]},
        {"id": "b", "images": [{"id": "bcdef.png", "url": ""}]},
        {"id": "c", "images": [{"id": "cdefg.png", "url": ""}]},
        {"id": "d", "images": [{"id": "nowhere.png", "url": ""}]},
    ]
    layer1[0] |= changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "layer1.json").write_text(json.dumps(layer1), encoding="utf-8")
    (folder / "layer2.json").write_text(json.dumps(layer2), encoding="utf-8")
    photograph(folder / "images/train/a/b/c/d/abcde.png")
    photograph(folder / "val/b/c/d/e/bcdef.png")
    photograph(folder / "images/cdefg.png")


def test_the_cut_is_split_in_its_order_and_open_ones_stand_apart(tmp_path: Path) -> None:
    write_cut(tmp_path / "recipes", count=40, open_ones=3)
    parts = load_captions("recipes", tmp_path)
    assert {name: len(part) for name, part in parts.items()} == {"train": 25, "validation": 2, "test": 13, "open": 3}
    names = [name for part in ("train", "validation", "test", "open") for name in parts[part].files]
    assert names == [f"images/r{number}.png" for number in range(43)]
    first = parse_recipe(parts["train"].texts[0])
    assert (first.title, first.ingredients[0], first.instructions[0]) == (
        "kale soup with beef",
        "1 cup kale",
        "Wash the kale.",
    )
    assert parts["train"].texts_of(0) == (first.text,)


def test_recipe1m_by_its_partitions_with_the_first_photograph_that_is_there(tmp_path: Path) -> None:
    write_recipe1m(tmp_path / "recipe1m")
    parts = load_recipes(tmp_path)
    assert {name: part.files for name, part in parts.items()} == {
        "train": ("images/train/a/b/c/d/abcde.png",),
        "validation": ("val/b/c/d/e/bcdef.png",),
        "test": ("images/cdefg.png",),
    }
    soup = parse_recipe(parts["validation"].texts[0])
    assert (soup.title, soup.ingredients, soup.instructions) == ("Soup", ("peas", "salt"), ())


def test_a_recipe_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    write_recipe1m(tmp_path, title=" ", ingredients=[], instructions=[])
    assert set(load_recipes(None, tmp_path)) == {"validation", "test"}


@pytest.mark.data
def test_the_shared_cut(data_root: Path) -> None:
    parts = load_recipes(data_root)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 1900, "validation": 174, "test": 1000, "open": 132
    }  # fmt: skip
    assert all(set(parse_recipe(text).present) for part in parts.values() for text in part.texts)


def test_missing_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"neither recipes\.json nor layer1\.json"):
        load_recipes(None, tmp_path)
    write_recipe1m(tmp_path)
    (tmp_path / "layer2.json").unlink()
    with pytest.raises(MissingDataError, match=r"no layer2\.json beside it"):
        load_recipes(None, tmp_path)
    write_cut(tmp_path / "cut")
    for image in (tmp_path / "cut/images").glob("*"):
        image.unlink()
    with pytest.raises(MissingDataError, match="unpack the images beside it"):
        load_recipes(None, tmp_path / "cut")


def test_without_any_photograph_is_one_line(tmp_path: Path) -> None:
    write_recipe1m(tmp_path)
    for image in tmp_path.rglob("*.png"):
        image.unlink()
    with pytest.raises(MissingDataError, match="none of the photographs"):
        load_recipes(None, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"cannot read the recipes in .*recipes\.json .*fetch the file anew"),
        ("{}", "not a list of recipes"),
        ('[{"title": "x", "ingredients": [3], "image": "i"}]', "recipe 1: fields are no text"),
    ],
)
def test_damaged_files_are_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "recipes.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadDataError, match=message):
        load_recipes(None, tmp_path)


def test_an_unknown_partition_is_one_line(tmp_path: Path) -> None:
    write_recipe1m(tmp_path, partition="dev")
    with pytest.raises(BadDataError, match="recipe 1: partition 'dev', expected train, val or test"):
        load_recipes(None, tmp_path)
