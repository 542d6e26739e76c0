"""What somebody looks for in an index: a picture, a sentence, or a recipe."""

import json
from dataclasses import dataclass
from pathlib import Path

from landbridge.api._indexing import Maker, Rows
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.data.folders import is_image
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe


@dataclass(frozen=True)
class Query:
    """What is looked for: one of the three.

    Attributes:
        image: the file of a picture.
        text: a sentence.
        recipe: a recipe, any of whose fields may be missing.
    """

    image: Path | None = None
    text: str | None = None
    recipe: Recipe | None = None

    @property
    def said(self) -> str:
        """The query in words."""
        return str(self.image) if self.image is not None else self.text or (self.recipe.text if self.recipe else "")

    @property
    def kind(self) -> str:
        """What it is: `image`, `sentence` or `recipe`."""
        return "image" if self.image is not None else "sentence" if self.recipe is None else "recipe"

    def vector(self, maker: Maker) -> Rows:
        """Its vector [1, D].

        Raises:
            LandbridgeError: the network cannot read such a query.
        """
        if self.image is not None:
            return maker.vector_of(self.image.expanduser())
        return maker.vector_of_recipe(self.recipe) if self.recipe is not None else maker.vector_of_text(self.text or "")

    def seen_by(self, maker: Maker) -> "Query":
        """The query as a network takes it: one that was trained on recipes reads every sentence as one."""
        return self if self.text is None or not maker.reads_recipes else Query(recipe=parse_recipe(self.text))


def query_of(query: str | None, image: str | None, recipe: str | None) -> Query:
    """What is looked for.

    Args:
        query: an image file that is there, else a sentence.
        image: an image file.
        recipe: a file, or the recipe itself.

    Raises:
        LandbridgeError: nothing, or more than one of them; or the query has the name of an image that is not there.
        BadDataError: the recipe is empty or cannot be read.

    >>> query_of("a dog on a beach", None, None).kind, query_of(None, None, "Ingredients: kale, oil").recipe.present
    ('sentence', ('ingredients',))
    """
    given = [each for each in (query, image, recipe) if each is not None and each.strip()]
    if len(given) != 1:
        what = "there is nothing to look for" if not given else "one thing is looked for at a time"
        raise LandbridgeError(f"{what}: name an image file, or a sentence in quotes, or --recipe FILE")
    if recipe is not None and recipe.strip():
        return Query(recipe=read_recipe(recipe))
    if image is not None and image.strip():
        return Query(image=Path(image))
    asked = given[0].strip()
    if _is_file(asked) and is_image(asked):
        return Query(image=Path(asked))
    if is_image(asked):
        raise MissingDataError(f"no such image file: {asked} (a sentence would not end like the name of one)")
    return Query(text=" ".join(asked.split()))


def read_recipe(recipe: str) -> Recipe:
    """A recipe from a file or from its text.

    Args:
        recipe: a `.json` file with `title`, `ingredients` and `instructions`, any of which may be missing; a file of
            free text; or free text, see `landbridge.nn.recipe_text.parse_recipe`.

    Raises:
        MissingDataError: it has the name of a file that is not there.
        BadDataError: it says nothing, or the file cannot be read as one.
    """
    path = Path(recipe.strip()).expanduser()
    if not _is_file(recipe.strip()):
        if path.suffix.lower() in (".json", ".txt", ".md"):
            raise MissingDataError(f"no such file with a recipe: {path}")
        return parse_recipe(recipe)
    try:
        written = path.read_text(encoding="utf-8")
        return _of_fields(json.loads(written), path) if path.suffix.lower() == ".json" else parse_recipe(written)
    except ValueError as error:
        raise BadDataError(f"{path} is no recipe that can be read ({error}): write it as UTF-8 text or JSON") from error


def _of_fields(told: object, path: Path) -> Recipe:
    """The recipe that a JSON object tells; a field is a text or a list of texts."""
    if not isinstance(told, dict) or not set(FIELDS) & set(told):
        raise BadDataError(f"{path} is no recipe: a JSON object with some of {', '.join(FIELDS)} is wanted")
    fields = {field: told[field] for field in FIELDS if told.get(field)}
    for field, content in fields.items():
        lines = content if isinstance(content, list) and field != "title" else [content]
        if not all(isinstance(line, str) for line in lines):
            raise BadDataError(f"{path}: '{field}' is a text{'' if field == 'title' else ', or a list of texts'}")
    lists = {
        field: tuple(content if isinstance(content, list) else content.splitlines())
        for field, content in fields.items()
        if field != "title"
    }
    return Recipe(fields.get("title", ""), **lists)


def _is_file(name: str) -> bool:
    """Whether a file has this name; a long sentence is none."""
    try:
        return Path(name).expanduser().is_file()
    except (OSError, RuntimeError):  # too long for a name, or the home of nobody
        return False
