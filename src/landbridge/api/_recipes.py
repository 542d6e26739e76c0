"""What `landbridge align` does where the sentences are recipes: where it begins, what it measures, what it shows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import LandbridgeError, MissingDataError
from landbridge.core.files import write_json
from landbridge.data.captions import Captions
from landbridge.data.images import Arrays, Files
from landbridge.data.recipes import OPEN
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.recipe_encoder import RecipeEncoder
from landbridge.nn.recipe_text import Recipe, parse_recipe
from landbridge.reports.recipes import AskedRecipe, write_recipe_report
from landbridge.reports.retrieval import shown
from landbridge.runs import Result, Run
from landbridge.vision_language.looks import embedded_images, retrieval, save_pictures
from landbridge.vision_language.recipes import ask, by_field, dish_classes, questions, start_with_correlations

FOLDER, PAGE = "recipes", "recipes/report.html"
"""Where a run keeps its questions and their page."""

SHOWN = (192, 192)

TYPED = (
    "The Best Kale Ever. 1/2 cup kale, 1 teaspoon olive oil ...",
    "Chocolate cake",
    "Ingredients: shrimp, lime, cilantro, avocado",
)
"""Queries as people type them, which have no photograph of their own."""


def reads_recipes(model: DualEncoder) -> bool:
    """Whether the texts of a model are recipes by their fields."""
    return isinstance(model.text, RecipeEncoder)


def begin_with_correlations(model: DualEncoder, train: Captions, locked: bool) -> None:
    """Put the heads of a model where features and recipes are correlated most.

    Args:
        model: as it reads the training set.
        train: the training set, its images the features of a locked tower.
        locked: whether they are.

    Raises:
        LandbridgeError: the tower is not locked, so that features are not there once and for all; or see
            `start_with_correlations`.
    """
    if not locked or not isinstance(train.images, Arrays):
        raise LandbridgeError("--begin correlations takes features computed once: add --image-rate-ratio 0")
    features = train.images.read(train.owner).float()
    start_with_correlations(model, features, train.texts)


def classes_for(model: DualEncoder, train: Captions) -> Tensor | None:
    """The class of each training image; of recipes without, the kinds of dishes that their titles tell."""
    if train.classes is not None or not reads_recipes(model):
        return train.classes
    kinds = dish_classes(train.texts)
    classes = torch.full((len(train.images),), -1)
    classes[train.owner] = kinds
    return classes


def recipe_metrics(model: DualEncoder, parts: Mapping[str, Captions]) -> dict[str, float]:
    """Retrieval on the test part by one field alone, and on the recipes from open collections.

    Args:
        model: as it reads the parts.
        parts: by name.

    Returns:
        `title_image_to_text_recall_at_1` and so on by field, `open_...` likewise; nothing for other texts.
    """
    if not reads_recipes(model) or "test" not in parts:
        return {}
    told = {name: found.metrics() for name, found in by_field(model, parts["test"]).items()}
    if OPEN in parts:
        told[OPEN] = retrieval(model, parts[OPEN]).metrics()
    return {f"{name}_{measure}": value for name, table in told.items() for measure, value in table.items()}


def keep_questions(folder: Path, model: DualEncoder, seen: Captions, pictures: Captions) -> None:
    """Ask for some recipes of the test part, whole and by field, and for some typed ones; keep what was found.

    Args:
        folder: of the run.
        model: as it reads the test part.
        seen: the test part so.
        pictures: the same with its images.
    """
    images = embedded_images(model, seen.images)
    asked = [ask(model, images, recipe, place) for recipe, place in questions(seen)]
    asked += [ask(model, images, parse_recipe(text)) for text in TYPED]
    positions = sorted({place for one in asked for place in one.hits})
    size = SHOWN if isinstance(pictures.images, Files) else None
    save_pictures(folder / FOLDER / "pictures.npz", pictures.images.read(torch.tensor(positions), size))
    titles = {int(owner): parse_recipe(text).title for owner, text in zip(seen.owner, seen.texts)}
    write_json(
        folder / FOLDER / "questions.json",
        {
            "among": len(images),
            "shown": [{"position": at, "title": titles[at], "file": _file(seen, at)} for at in positions],
            "asked": [asdict(one) for one in asked],
        },
    )


def _file(captions: Captions, position: int) -> str:
    return captions.files[position] if captions.files else f"image {position}"


def write_questions(run: Run) -> Path | None:
    """Write the page of a run's questions anew, from what the run holds.

    Returns:
        Its path; None where the run asked for no recipes.

    Raises:
        MissingDataError: the pictures are gone.
    """
    place = run.folder / FOLDER / "questions.json"
    if not place.is_file():
        return None
    told = json.loads(place.read_text(encoding="utf-8"))
    kept = run.folder / FOLDER / "pictures.npz"
    if not kept.is_file():
        raise MissingDataError(f"{kept} is gone: the page of recipes needs it; run align anew")
    with np.load(kept, allow_pickle=False) as file:
        pictures = torch.from_numpy(file["images"]).permute(0, 3, 1, 2)
    known = {at["position"]: (at, pictures[number]) for number, at in enumerate(told["shown"])}
    queries = [_asked(one, known, told["among"]) for one in told["asked"]]
    return write_recipe_report(run.folder / FOLDER, queries, _facts(run.result), run.result.command)


def _asked(one: Mapping[str, Any], known: Mapping[int, tuple[Mapping[str, Any], Tensor]], among: int) -> AskedRecipe:
    fields = one["recipe"]
    recipe = Recipe(fields["title"], tuple(fields["ingredients"]), tuple(fields["instructions"]))
    hits = [
        shown(known[at][0]["file"], known[at][1], label=known[at][0]["title"], score=score, itself=at == one["own"])
        for at, score in zip(one["hits"], one["scores"])
    ]
    return AskedRecipe(recipe, hits, one["rank"], among)


def _facts(result: Result) -> Sequence[tuple[str, str]]:
    ways = {"image_to_text": "photograph → recipe", "text_to_image": "recipe → photograph"}
    ranks = [
        f"{said}: median rank {result.metrics[f'{way}_median_rank']:.1f}, among the first 10 in "
        f"{100 * result.metrics[f'{way}_recall_at_10']:.1f} %"
        for way, said in ways.items()
    ]
    return [
        ("recipes", result.target),
        ("trained on", result.protocol),
        ("photographs", f"read by {result.backbone}"),
        ("loss", result.method),
        *(("on the test part", line) for line in ranks),
    ]
