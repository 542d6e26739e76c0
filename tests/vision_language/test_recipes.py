"""Recipes in one space with photographs: the start, kinds of dishes, one field alone, questions."""

from dataclasses import replace

import pytest
import torch

from landbridge.core.errors import LandbridgeError
from landbridge.data.captions import Captions
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe
from landbridge.vision_language.alignment import Alignment
from landbridge.vision_language.looks import embedded_images, mean_recall, retrieval
from landbridge.vision_language.recipes import ask, by_field, dish_classes, questions, start_with_correlations
from toy_captions import trainer, view_of
from toy_recipes import recipe_model, recipes


def started(train: Captions) -> DualEncoder:
    model = recipe_model(train)
    start_with_correlations(model, train.images.read(torch.arange(len(train))).float(), train.texts)
    return model


def test_the_start_finds_recipes_that_it_has_not_seen() -> None:
    train, held = recipes(150), recipes(40, seed=1)
    chance = mean_recall(retrieval(recipe_model(train), held))
    model = started(train)
    assert mean_recall(retrieval(model, held)) > chance + 0.3
    alone = by_field(model, held)
    assert list(alone) == list(FIELDS)
    assert all(mean_recall(found) > chance + 0.15 for found in alone.values())


def test_the_start_is_what_the_closed_form_says_and_fields_have_offsets_of_their_own() -> None:
    model = started(recipes(150))
    embedded = model.eval().text_head(model.text(model.tokenize(recipes(150).texts)))
    assert torch.allclose(embedded.mean(0), torch.zeros(model.width), atol=1e-4)


def test_a_wider_space_than_there_are_correlations_ends_in_zeros() -> None:
    train = recipes(60)
    model = recipe_model(train, width=40, spec="recipe?width=30&least=1")
    strengths = start_with_correlations(model, train.images.read(torch.arange(60)).float(), train.texts)
    assert len(strengths) <= 11, "an image has eleven numbers"
    assert not model.image_head.output.weight[len(strengths) :].any()


@pytest.mark.parametrize("loss", ["info-nce", "hardest-triplet", "adamine"])
def test_training_goes_on_from_a_start(loss: str) -> None:
    train, held = recipes(150), recipes(40, seed=1)
    model = started(train)
    before = mean_recall(retrieval(model, held))
    method = Alignment(model, train.texts, train.owner, loss, classes=dish_classes(train.texts, 5), rate=1e-3)
    trainer(30, batch_size=32).fit(method, {"pairs": view_of(train)})
    assert mean_recall(retrieval(method.model(), held)) > before - 0.1


def test_the_start_refuses_models_of_other_parts() -> None:
    train = recipes(30)
    features = train.images.read(torch.arange(30)).float()
    with pytest.raises(LandbridgeError, match="for recipes as bags of words"):
        start_with_correlations(
            recipe_model(train, spec="recipe?kind=transformer&layers=1&width=8"), features, train.texts
        )
    text = recipe_model(train).text
    hidden = DualEncoder(make_backbone("identity?inputs=11"), text, 8, hidden=(4,))
    bare = DualEncoder(make_backbone("identity?inputs=12"), text, None)
    for model in (hidden, bare):
        with pytest.raises(LandbridgeError, match="for linear projections"):
            start_with_correlations(model, features, train.texts)


def test_kinds_of_dishes_are_how_titles_end() -> None:
    titles = ["Hot Pea Soup", "Cold pea soup with oil", "Leek Soup", "Soup", "Bread, toasted", "Rye bread", "Plums"]
    kinds = dish_classes([Recipe(title).text for title in titles] + [Recipe("", ("salt",)).text], least=2)
    names = kinds.tolist()
    assert names[0] == names[1] != names[2] == names[3], "pea soup is a kind of its own, other soups are soup"
    assert names[4] == names[5] not in names[:4]
    assert names[6] == names[7] == -1


def test_one_field_alone_looks_among_those_that_have_it() -> None:
    train = recipes(60)
    model = started(train)
    texts = tuple(parse_recipe(text).only("title").text if n < 50 else text for n, text in enumerate(train.texts))
    found = by_field(model, replace(train, texts=texts))
    assert {name: each.text_to_image.queries for name, each in found.items()} == {
        "title": 60, "ingredients": 10, "instructions": 10
    }  # fmt: skip
    assert found["ingredients"].text_to_image.candidates == 10
    titles = tuple(parse_recipe(text).only("title").text for text in train.texts)
    assert list(by_field(model, replace(train, texts=titles))) == ["title"]


def test_a_question_tells_what_is_nearest_and_where_its_own_came() -> None:
    train = recipes(60)
    model = started(train)
    images = embedded_images(model, train.images)
    recipe = parse_recipe(train.texts[7])
    asked = ask(model, images, recipe, own=7)
    scores = images @ model.eval().encode_text([recipe.text])[0]
    assert asked.hits == scores.argsort(descending=True)[:5].tolist()
    assert asked.scores == pytest.approx(scores[asked.hits].tolist(), abs=1e-5)
    assert asked.rank == int((scores > scores[7]).sum()) + 1
    typed = ask(model, images, parse_recipe("Ingredients: kale, beef"), hits=100)
    assert (typed.rank, typed.own, len(typed.hits)) == (None, None, 60)


def test_questions_are_whole_recipes_and_one_by_each_field() -> None:
    train = recipes(10)
    asked = questions(train, count=3)
    assert [place for _, place in asked] == [0, 4, 9, 0, 0, 0]
    assert [recipe.present for recipe, _ in asked[3:]] == [("title",), ("ingredients",), ("instructions",)]
