from html.parser import HTMLParser
from pathlib import Path

import torch

from landbridge.nn.recipe_text import Recipe, parse_recipe
from landbridge.reports.recipes import LINES, LONGEST, AskedRecipe, write_recipe_report
from landbridge.reports.retrieval import shown


class Text(HTMLParser):
    """The words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.images = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += tag == "img"

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def __str__(self) -> str:
        return " ".join(self.words)


def asked(recipe: Recipe, rank: int | None) -> AskedRecipe:
    hits = [
        shown(f"a/{number}.jpg", torch.full((3, 90, 90), 40 * number, dtype=torch.uint8), score=0.9 - number / 10,
              label=f"dish <{number}>", itself=rank == number + 1)
        for number in range(5)
    ]  # fmt: skip
    return AskedRecipe(recipe, hits, rank, 1000)


def test_fields_stand_left_and_five_photographs_right(tmp_path: Path) -> None:
    long = Recipe("Stew", tuple(f"{number} cups of <it>" for number in range(LINES + 3)), ("Cook.",))
    page = write_recipe_report(tmp_path, [asked(long, 2)], [("model", "runs/stew")], "landbridge search")
    text = Text(page.read_text(encoding="utf-8"))
    assert text.images == 5
    for words in ("0 cups of <it>", "3 more", "Cook.", "dish <0>", "its own", "place 2 of 1000", "runs/stew"):
        assert words in str(text)
    assert "not given" not in str(text)


def test_a_typed_query_shows_what_it_lacks_and_no_place(tmp_path: Path) -> None:
    kale = parse_recipe("The Best Kale Ever. 1/2 cup kale, 1 teaspoon olive oil ...")
    text = str(Text(write_recipe_report(tmp_path, [asked(kale, None)], []).read_text(encoding="utf-8")))
    assert "instructions not given" in text
    assert "1000 photographs were searched" in text
    assert "its own" not in text


def test_a_query_without_a_title_is_called_by_what_it_has() -> None:
    assert asked(Recipe("", ("1 cup kale", "salt")), None).name == "1 cup kale"


def test_a_long_first_line_is_cut_in_the_heading() -> None:
    step = "Place the chard, spinach, kale and tea leaves in a blender with a cup of water and puree."
    name = asked(Recipe("", (), (step,)), None).name
    assert len(name) <= LONGEST
    assert name.endswith(" …")
    assert step.startswith(name.removesuffix(" …"))
