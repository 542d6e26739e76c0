"""Recipes to vectors: fields that are missing or dropped, words against a naive form, saving."""

import math
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.recipe_encoder import BagOfWords, RecipeEncoder, packed
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe
from landbridge.nn.text_encoders import make_text_encoder, read_text_encoder
from landbridge.nn.tokenizers import train_tokenizer
from toy_recipes import recipes

TEXTS = recipes(30).texts
KINDS = ("recipe?width=8&least=1", "recipe?width=8&least=1&kind=transformer&layers=1&length=20")


def made(spec: str = KINDS[0]) -> RecipeEncoder:
    torch.manual_seed(0)
    encoder = make_text_encoder(spec, TEXTS)
    assert isinstance(encoder, RecipeEncoder)
    return encoder


@pytest.mark.parametrize("spec", KINDS)
def test_a_recipe_is_the_mean_of_the_fields_that_it_has(spec: str) -> None:
    encoder, recipe = made(spec).eval(), parse_recipe(TEXTS[0])
    alone = encoder(encoder.tokenizer([recipe.only(field).text for field in FIELDS]))
    for fields in (("title",), ("title", "instructions"), FIELDS):
        vector = encoder(encoder.tokenizer([recipe.only(*fields).text]))[0]
        expected = alone[[FIELDS.index(field) for field in fields]].mean(0)
        assert torch.allclose(vector, expected, atol=1e-5)


@pytest.mark.parametrize("spec", KINDS)
def test_padding_changes_nothing(spec: str) -> None:
    encoder = made(spec).eval()
    short, long = Recipe("kale soup").text, TEXTS[1]
    together, alone = encoder(encoder.tokenizer([short, long]))[0], encoder(encoder.tokenizer([short]))[0]
    assert torch.allclose(together, alone, atol=1e-5)


def test_training_drops_fields_as_often_as_asked_and_never_all() -> None:
    encoder = made("recipe?width=8&least=1&drop=0.4").train()
    torch.manual_seed(0)
    kept = encoder.kept(torch.ones(20_000, 3, dtype=torch.bool))
    assert bool(kept.any(1).all())
    # One is kept whatever its luck: dropped are 0.4 of the fields, less one of three where all would be.
    assert float((~kept).float().mean()) == pytest.approx(0.4 - 0.4**3 / 3, abs=0.01)
    present = torch.tensor([[True, False, False]] * 500)
    assert torch.equal(encoder.kept(present), present), "the only field always stays"
    assert torch.equal(encoder.eval().kept(present), present)


def test_words_count_as_the_formula_says() -> None:
    texts = ["salt salt peas", "salt bread", "peas"]
    words = train_tokenizer(texts, least=1)
    bag = BagOfWords(words, 4).count(texts)
    number = {word: int(words([word])[0, 1]) for word in ("salt", "peas", "bread")}
    expected = torch.zeros(words.vocabulary)
    expected[number["salt"]] = math.log(1 + 2) * math.log(4 / 3)
    expected[number["peas"]] = math.log(1 + 1) * math.log(4 / 3)
    row = bag.rows(words(["salt salt peas"]))[0]
    assert torch.allclose(row, expected / expected.norm(), atol=1e-6)
    assert torch.allclose(bag.eval()(words(["salt salt peas"]))[0], bag.map(row), atol=1e-6)


def test_packing_keeps_the_order() -> None:
    assert packed(torch.tensor([[0, 0]])).tolist() == [[0]]
    assert packed(torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 1)


@pytest.mark.parametrize("spec", KINDS)
def test_a_saved_encoder_is_the_same(spec: str, tmp_path: Path) -> None:
    encoder = made(spec).eval()
    encoder.write(tmp_path / "text")
    again = read_text_encoder(tmp_path / "text")
    again.load_state_dict(encoder.state_dict())
    tokens = encoder.tokenizer(TEXTS[:3])
    assert torch.equal(again.tokenizer(TEXTS[:3]), tokens)
    assert torch.equal(again.eval()(tokens), encoder(tokens))
    assert again.facts() == encoder.facts()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("recipe/x", "has keys, no name"),
        ("recipe?kind=tree", "bag or transformer, not 'tree'"),
        ("recipe?drop=1", "drop is at least 0 and below 1, not 1.0"),
        ("recipe?forget=-1", "forget is at least 0 and below 1"),
        ("recipe?wdith=3", "unknown key 'wdith'; did you mean 'width'"),
    ],
)
def test_what_cannot_be_made_is_one_line(spec: str, message: str) -> None:
    with pytest.raises(LandbridgeError, match=message):
        make_text_encoder(spec, TEXTS)


def test_no_texts_or_weights_are_one_line() -> None:
    with pytest.raises(BadDataError, match="learns its vocabulary from training recipes"):
        make_text_encoder("recipe")
    with pytest.raises(LandbridgeError, match="starts from scratch: it takes no weights"):
        make_text_encoder("recipe", TEXTS, "file.safetensors")


@pytest.mark.parametrize("spec", KINDS)
def test_a_learned_context_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(LandbridgeError, match="takes no learned context: take another --few-shot than coop"):
        made(spec).word_vectors  # noqa: B018
