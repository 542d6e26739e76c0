import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe


def test_fields_missing_or_not_survive_the_way_through_text() -> None:
    whole = Recipe("Pea soup", ("1 cup peas, dried", "salt, and pepper"), ("Soak them.", "Cook: 2 hours."))
    for fields in (("title",), ("ingredients",), ("instructions",), ("title", "instructions"), FIELDS):
        part = whole.only(*fields)
        assert parse_recipe(part.text) == part
        assert part.present == fields


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abc ,.½1", min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_any_list_of_ingredients_survives(lines: list[str]) -> None:
    recipe = Recipe("x", tuple(lines))
    assert parse_recipe(recipe.text) == recipe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pancakes", Recipe("Pancakes")),
        (
            "Pancakes\n\n2 eggs, beaten\n1 cup flour\nKosher salt\n\n1. Mix. Then fry.\n2. Serve.",
            Recipe("Pancakes", ("2 eggs, beaten", "1 cup flour", "Kosher salt"), ("Mix.", "Then fry.", "Serve.")),
        ),
        ("2 eggs, beaten, 1 cup flour", Recipe("", ("2 eggs, beaten", "1 cup flour"))),
        ("2 tsp. Salt. ½ cup milk. Mix well.", Recipe("", ("2 tsp. Salt", "½ cup milk"), ("Mix well.",))),
        ("A pinch of salt", Recipe("", ("A pinch of salt",))),
        ("A cake for Sunday", Recipe("A cake for Sunday")),
        ("Directions: Mix. Bake.", Recipe("", (), ("Mix. Bake.",))),
        ("ingredients: kale, olive oil, salt.", Recipe("", ("kale", "olive oil", "salt"))),
        ("My cake. Ingredients: flour, sugar. Method: Bake.", Recipe("My cake", ("flour", "sugar"), ("Bake.",))),
        (
            "The Best Kale Ever. 1/2 cup kale, 1 teaspoon olive oil ...",
            Recipe("The Best Kale Ever", ("1/2 cup kale", "1 teaspoon olive oil")),
        ),
    ],
)
def test_free_text_is_taken_apart(text: str, expected: Recipe) -> None:
    assert parse_recipe(text) == expected


def test_lines_are_tidied_and_empty_ones_left_out() -> None:
    assert Recipe(" a  b ", (" ", "c\nd")) == Recipe("a b", ("c d",))


def test_a_recipe_that_says_nothing_is_one_line() -> None:
    for nothing in (lambda: Recipe(" ", ("",)), lambda: Recipe("x").only("ingredients")):
        with pytest.raises(BadDataError, match="says nothing: give one of them"):
            nothing()
    with pytest.raises(BadDataError, match="the recipe is empty: give a title"):
        parse_recipe(" \n")
    with pytest.raises(LandbridgeError, match="no field 'author'; it has: title, ingredients, instructions"):
        Recipe("x").only("author")
