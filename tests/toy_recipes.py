"""Recipes that tests make: what a dish is made of can be seen in its features, and read in each of its fields."""

import itertools
import json
from pathlib import Path

import torch
from PIL import Image

from landbridge.data.captions import Captions
from landbridge.data.images import Arrays
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.recipe_text import Recipe
from landbridge.nn.text_encoders import make_text_encoder

FOODS = ("kale", "beef", "rice", "plums", "cream", "leeks", "corn", "eggs")
DISHES = ("soup", "salad", "cake")


def recipe_of(pair: tuple[int, int], dish: int) -> Recipe:
    first, second = (FOODS[number] for number in pair)
    return Recipe(
        f"{first} {DISHES[dish]} with {second}",
        (f"1 cup {first}", f"2 cups {second}", "salt"),
        (f"Wash the {first}.", f"Add {second}. Serve the {DISHES[dish]}."),
    )


def recipes(count: int = 120, seed: int = 0) -> Captions:
    """Each with an image of one number a food and one a dish."""
    generator = torch.Generator().manual_seed(seed)
    pairs = list(itertools.permutations(range(len(FOODS)), 2))
    chosen = torch.randint(len(pairs), (count,), generator=generator).tolist()
    dishes = torch.randint(len(DISHES), (count,), generator=generator).tolist()
    x = 0.05 * torch.randn(count, len(FOODS) + len(DISHES), generator=generator)
    for row, (pair, dish) in enumerate(zip(chosen, dishes)):
        x[row, list(pairs[pair])] += 1
        x[row, len(FOODS) + dish] += 1
    texts = tuple(recipe_of(pairs[pair], dish).text for pair, dish in zip(chosen, dishes))
    return Captions("recipes", Arrays(x), texts, torch.arange(count))


def recipe_model(train: Captions, width: int = 10, spec: str = "recipe?width=12&least=1", seed: int = 0) -> DualEncoder:
    """A dual encoder that knows the words of these recipes."""
    torch.manual_seed(seed)
    image = make_backbone(f"identity?inputs={len(FOODS) + len(DISHES)}")
    return DualEncoder(image, make_text_encoder(spec, train.texts), width)


def write_cut(folder: Path, count: int = 40, open_ones: int = 3) -> None:
    """The layout of `recipes.json`, its photographs of one colour each."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(count + open_ones):
        recipe = recipe_of((number % 8, (number + 1 + number // 8) % 8), number % 3)
        name = f"images/r{number}.png"
        Image.new("RGB", (20, 16), (40 * (number % 6), 80 * (number % 3), 200)).save(folder / name)
        rows.append(
            {"id": f"r{number}", "title": recipe.title, "ingredients": recipe.ingredients, "image": name}
            | {"instructions": recipe.instructions, "source": "epicurious" if number < count else "open"}
        )
    (folder / "recipes.json").write_text(json.dumps(rows), encoding="utf-8")
