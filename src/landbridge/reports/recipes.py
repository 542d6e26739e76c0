"""The report of a search by recipe: the fields of each query on the left, the photographs found on the right."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landbridge.nn.recipe_text import FIELDS, Recipe
from landbridge.reports.pages import write_page
from landbridge.reports.retrieval import Shown

HITS = 5
"""How many photographs a query shows, as the figures of the literature do."""

LINES = 7
"""How many ingredients or steps are written out; the page unfolds the others."""

LONGEST = 60
"""Characters of what a query is called."""


@dataclass(frozen=True)
class AskedRecipe:
    """One query and what was found for it.

    Attributes:
        recipe: the query by its fields, those missing that it lacks.
        hits: the photographs found, the nearest first; `itself` marks the recipe's own.
        rank: at which place its own photograph came, from 1; None where the recipe has none, as one typed by hand.
        among: how many photographs were searched.
    """

    recipe: Recipe
    hits: Sequence[Shown]
    rank: int | None
    among: int

    @property
    def name(self) -> str:
        """What to call it: its title, or the beginning of what it has instead."""
        lines = [self.recipe.title, *self.recipe.ingredients, *self.recipe.instructions]
        return textwrap.shorten(next(line for line in lines if line), LONGEST, placeholder=" …")

    @property
    def fields(self) -> list[tuple[str, list[str], list[str]]]:
        """The three fields: name, the lines written out, and those folded away; both empty where it is missing."""
        rows = []
        for field in FIELDS:
            content = getattr(self.recipe, field)
            lines = [content] if isinstance(content, str) and content else list(content)
            rows.append((field, lines[:LINES], lines[LINES:]))
        return rows


def write_recipe_report(
    folder: Path, queries: Sequence[AskedRecipe], facts: Sequence[tuple[str, str]], command: str = ""
) -> Path:
    """Write `report.html`: one file with all pictures in it.

    Args:
        folder: where to.
        queries: what was asked, and found.
        facts: what was searched and how: (what, which).
        command: the command line that does it again.

    Returns:
        The path of the report.

    >>> import tempfile
    >>> asked = AskedRecipe(Recipe("Toast"), [Shown("a/toast.jpg", None, False, score=0.5)], rank=3, among=10)
    >>> page = write_recipe_report(Path(tempfile.mkdtemp()), [asked], [("model", "runs/toast")])
    >>> "place 3 of 10" in page.read_text(encoding="utf-8")
    True
    """
    return write_page(folder, "recipes.html.j2", queries=queries, facts=facts, command=command)
