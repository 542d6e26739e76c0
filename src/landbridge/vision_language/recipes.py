"""Recipes and their photographs: where training starts from, what recipes are alike, and how each field alone does."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.data.captions import Captions
from landbridge.evaluation.cross_retrieval import CrossRetrieval, cross_retrieval
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.heads import Head
from landbridge.nn.layers import evaluating
from landbridge.nn.recipe_encoder import BagOfWords, RecipeEncoder
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe
from landbridge.vision_language.correlations import correlations
from landbridge.vision_language.looks import embedded_images

ENOUGH = 4000
"""Recipes that canonical correlations are learned from at most: more take minutes and gigabytes."""

_ENDS = (" with ", " in ", " and ", " on ", " from ", " for ", ",", " (", " - ", ": ")


def dish_classes(texts: Sequence[str], least: int = 10) -> Tensor:
    """What kind of dish each recipe is, by how its title ends: for losses that compare classes, as AdaMine's does.

    `Grilled Chicken Salad with Limes` is a `chicken salad` where that ends `least` titles or more, else a `salad`, else
    of no kind. Recipe1M's classes come from titles as well, from frequent pairs of words (Salvador et al., CVPR 2017);
    taking the ends of titles is ours.

    Args:
        texts: recipes, as `landbridge.nn.recipe_text.Recipe.text` writes them.
        least: how many titles a kind takes.

    Returns:
        The number of each recipe's kind, int64 [N]; -1 for those of none.

    >>> dish_classes([Recipe(title).text for title in ("Pea Soup", "Leek Soup with Oil", "Bread")], least=2)
    tensor([ 0,  0, -1])
    """
    ends = [list(_ends_of(parse_recipe(text).title)) for text in texts]
    frequent = Counter(end for several in ends for end in several)
    kinds = [next((end for end in several if frequent[end] >= least), None) for several in ends]
    number = {kind: place for place, kind in enumerate(sorted({kind for kind in kinds if kind is not None}))}
    return torch.tensor([-1 if kind is None else number[kind] for kind in kinds])


def _ends_of(title: str) -> Iterator[str]:
    """The last two words of what a title calls its dish, and the last one."""
    dish = title.lower()
    for end in _ENDS:
        dish = dish.split(end)[0] or dish
    words = dish.split()
    for length in (2, 1):
        if len(words) >= length:
            yield " ".join(words[-length:])


def start_with_correlations(model: DualEncoder, features: Tensor, texts: Sequence[str], **options: Any) -> Tensor:
    """Put both heads where canonical correlations see images and recipes agree most; training goes on from there.

    With some thousands of pairs this start is better than what training finds from anywhere else; see `correlations`.

    Args:
        model: a dual encoder with linear projections whose text encoder is a `RecipeEncoder` of bags of words; changed
            in place.
        features: what the image tower puts out for the training images [N, D].
        texts: the training recipes [N].
        options: of `correlations`.

    Returns:
        The correlations, descending.

    Raises:
        LandbridgeError: the model is made of other parts.
    """
    encoder, bags, image_head, text_head = _linear_parts(model)
    chosen = torch.linspace(0, len(texts) - 1, min(len(texts), ENOUGH)).long()
    tokens = model.tokenize([texts[number] for number in chosen.tolist()])
    rows = [bag.rows(encoder.of_field(tokens, number)) for number, bag in enumerate(bags)]
    width = min(encoder.width, model.width)
    found = correlations(features[chosen], rows, width, **options)
    with torch.no_grad():
        for bag, weight, offset in zip(bags, found.fields, found.field_offsets):
            _put(bag.map, weight, offset)
        _put(image_head.output, found.image, found.image_offset)
        nn.init.eye_(text_head.output.weight)
        nn.init.zeros_(text_head.output.bias)
    return found.strengths


def _linear_parts(model: DualEncoder) -> tuple[RecipeEncoder, list[BagOfWords], Head, Head]:
    """The encoder of recipes, the bag of each field, and both projections."""
    encoder, image_head, text_head = model.text, model.image_head, model.text_head
    parts = list(encoder.encoders.values()) if isinstance(encoder, RecipeEncoder) else []
    bags = [part for part in parts if isinstance(part, BagOfWords)]
    if not isinstance(encoder, RecipeEncoder) or len(bags) < len(parts):
        raise LandbridgeError("--begin correlations is for recipes as bags of words: --text-encoder 'recipe?kind=bag'")
    if not (isinstance(image_head, Head) and isinstance(text_head, Head)) or (
        image_head.hidden_widths or text_head.hidden_widths
    ):
        raise LandbridgeError("--begin correlations is for linear projections: leave out their hidden layers")
    return encoder, bags, image_head, text_head


def _put(layer: nn.Linear, weight: Tensor, offset: Tensor) -> None:
    """A map [D, k] into a layer; outputs beyond k become 0."""
    for parameter, values in ((layer.weight, weight.T), (layer.bias, offset)):
        parameter.zero_()
        parameter[: len(values)] = values.to(parameter)


def by_field(model: DualEncoder, recipes: Captions) -> dict[str, CrossRetrieval]:
    """Retrieval with one field of each recipe alone, among those that have it.

    Args:
        model: the dual encoder.
        recipes: the set, one recipe an image, its images as the model reads them.

    Returns:
        By the name of the field; fields that no recipe has are left out.
    """
    images = embedded_images(model, recipes.images)
    parsed = [parse_recipe(text) for text in recipes.texts]
    found = {}
    for field in FIELDS:
        having = [number for number, recipe in enumerate(parsed) if getattr(recipe, field)]
        if not having:
            continue
        with evaluating(model):
            texts = model.encode_text([parsed[number].only(field).text for number in having]).float().cpu()
        own = recipes.owner[having]
        kept, owner = own.unique(return_inverse=True)
        found[field] = cross_retrieval(images[kept].numpy(), texts.numpy(), owner.numpy())
    return found


@dataclass(frozen=True)
class Asked:
    """A query and what was found.

    Attributes:
        recipe: what was asked.
        hits: positions of the images found, the nearest first.
        scores: their cosines.
        rank: of the recipe's own photograph, from 1; None where it has none.
        own: the position of that photograph; None likewise.
    """

    recipe: Recipe
    hits: list[int]
    scores: list[float]
    rank: int | None
    own: int | None


def ask(model: DualEncoder, images: Tensor, recipe: Recipe, own: int | None = None, hits: int = 5) -> Asked:
    """The photographs nearest to a recipe.

    Args:
        model: the dual encoder.
        images: embedded photographs [N, D].
        recipe: any of its fields may be missing.
        own: the position of its own photograph, if it is among them.
        hits: how many.
    """
    with evaluating(model):
        scores = images @ model.encode_text([recipe.text])[0].float().cpu()
    found = scores.topk(min(hits, len(images)))
    rank = None if own is None else 1 + int((scores > scores[own]).sum())
    return Asked(recipe, found.indices.tolist(), found.values.tolist(), rank, own)


def questions(recipes: Captions, count: int = 4) -> list[tuple[Recipe, int]]:
    """Recipes spread over a set, whole; then the first of them by one field alone, with the places of their images."""
    chosen = torch.linspace(0, len(recipes.texts) - 1, min(count, len(recipes.texts))).long().unique().tolist()
    parsed = [(parse_recipe(recipes.texts[number]), int(recipes.owner[number])) for number in chosen]
    first, place = parsed[0]
    return parsed + [(first.only(field), place) for field in first.present if len(first.present) > 1]
