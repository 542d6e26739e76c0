"""Recipes as text: three fields, any of which may be missing, and free text taken apart into them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.core.errors import BadDataError, LandbridgeError

FIELDS = ("title", "ingredients", "instructions")
"""What a recipe is made of, in this order everywhere."""

_HEADINGS = {
    "title": ("title", "name", "recipe"),
    "ingredients": ("ingredients", "ingredient", "you need", "you will need"),
    "instructions": ("instructions", "instruction", "directions", "method", "preparation", "steps"),
}
_FIELD_OF = {heading: field for field, headings in _HEADINGS.items() for heading in headings}
_HEADING = re.compile(
    rf"(?:^|(?<=[.\n]))[ \t]*({'|'.join(sorted(_FIELD_OF, key=len, reverse=True))})[ \t]*:", re.I | re.M
)

_NUMBER = r"(?:\d+(?:[.,/]\d+)?|[¼½¾⅓⅔⅛⅜⅝⅞])"
_UNITS = r"cups?|c|tablespoons?|tbsps?|tbs|teaspoons?|tsps?|ounces?|oz|pounds?|lbs?|grams?|kg|ml|liters?|quarts?|pints?"
_STEP = re.compile(r"\s*(?:step\s+)?\d{1,2}[.):]\s+", re.I)
_WORDS = rf"(?:an?|one|two|three|four|half a)\s+(?:\w+\s+)?(?:{_UNITS}|pinch|dash|clove|can|bunch|handful)\b"
_AMOUNT = re.compile(rf"\s*(?:[-*•~]\s*)?(?:about\s+)?(?:{_NUMBER}|{_WORDS})", re.I)
_NEXT_AMOUNT = re.compile(rf"\s*[,;]\s+(?=(?:about\s+)?{_NUMBER})", re.I)
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\b\d\.)(?<!\b\d\d\.)\s+(?=[A-Z\d¼½¾⅓⅔⅛⅜⅝⅞])|\n")
_ABBREVIATED = re.compile(rf"\b(?:{_UNITS}|approx|pkg|lg|sm|med)\.$", re.I)
_FEW_WORDS = 6


@dataclass(frozen=True)
class Recipe:
    """A recipe by its fields; at least one of them says something.

    Attributes:
        title: what the dish is called; empty if unknown.
        ingredients: one an entry, with amounts or without; none if unknown.
        instructions: the steps in order; none if unknown.

    Raises:
        BadDataError: no field says anything.

    >>> recipe = Recipe("Toast", ("1 slice bread",))
    >>> print(recipe.text)
    Title: Toast
    Ingredients:
    1 slice bread
    >>> parse_recipe(recipe.text) == recipe
    True
    """

    title: str = ""
    ingredients: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", _one_line(self.title))
        for field in ("ingredients", "instructions"):
            lines = (_one_line(line) for line in getattr(self, field))
            object.__setattr__(self, field, tuple(line for line in lines if line))
        if not self.present:
            raise BadDataError("a recipe without title, ingredients and instructions says nothing: give one of them")

    @property
    def present(self) -> tuple[str, ...]:
        """The names of the fields that say something."""
        return tuple(field for field in FIELDS if getattr(self, field))

    @property
    def text(self) -> str:
        """All fields as one text with headings, from which `parse_recipe` makes the same recipe again."""
        parts = []
        for field in self.present:
            heading, content = f"{field.capitalize()}:", getattr(self, field)
            parts.append(f"{heading} {content}" if field == "title" else "\n".join([heading, *content]))
        return "\n".join(parts)

    def only(self, *fields: str) -> "Recipe":
        """The same recipe with these fields alone.

        Args:
            fields: names of `FIELDS`.

        Raises:
            LandbridgeError: no such field.
            BadDataError: the recipe has none of them.

        >>> Recipe("Toast", ("bread",), ("Toast it.",)).only("ingredients")
        Recipe(title='', ingredients=('bread',), instructions=())
        """
        for field in fields:
            if field not in FIELDS:
                raise LandbridgeError(f"a recipe has no field '{field}'; it has: {', '.join(FIELDS)}")
        return Recipe(**{field: getattr(self, field) for field in fields})


def parse_recipe(text: str) -> Recipe:
    """A recipe from free text.

    Headings (`Title:`, `Ingredients:`, `Instructions:` or `Directions:` and the like) decide where there are any. Else
    what begins with an amount is an ingredient, `2 eggs, 1 cup flour` are two of them, a first sentence before all
    amounts is the title, and other sentences are instructions.

    Args:
        text: what somebody typed or pasted.

    Returns:
        The recipe; fields that the text does not have are empty.

    Raises:
        BadDataError: the text is empty.

    >>> kale = parse_recipe("The Best Kale Ever. 1/2 cup kale, 1 teaspoon olive oil. Massage the kale. Serve at once.")
    >>> kale.title, kale.ingredients
    ('The Best Kale Ever', ('1/2 cup kale', '1 teaspoon olive oil'))
    >>> kale.instructions
    ('Massage the kale.', 'Serve at once.')
    >>> parse_recipe("Ingredients: kale, olive oil, salt").ingredients
    ('kale', 'olive oil', 'salt')
    """
    if not text.strip():
        raise BadDataError("the recipe is empty: give a title, ingredients or instructions")
    return _by_headings(text) if _HEADING.search(text) else _by_looks(text)


def _by_headings(text: str) -> Recipe:
    found = list(_HEADING.finditer(text))
    parts: dict[str, list[str]] = {field: [] for field in FIELDS}
    before = text[: found[0].start()].strip()
    if before:
        free = _by_looks(before)
        for field in free.present:
            content = getattr(free, field)
            parts[field] += [content] if field == "title" else content
    for heading, following in zip(found, [*found[1:], None]):
        field = _FIELD_OF[heading[1].lower()]
        parts[field] += _lines(field, text[heading.end() : following.start() if following else len(text)])
    return Recipe(" ".join(parts["title"]), tuple(parts["ingredients"]), tuple(parts["instructions"]))


def _lines(field: str, content: str) -> list[str]:
    """What a heading stands above, an entry a line; ingredients on the heading's own line are parted at commas."""
    if field == "ingredients" and "\n" not in content.rstrip():
        content = content.strip()
        amounts = _NEXT_AMOUNT.split(content)
        return amounts if len(amounts) > 1 or _AMOUNT.match(content) else re.split(r"\s*[,;]\s*", content.rstrip("."))
    return content.splitlines()


def _by_looks(text: str) -> Recipe:
    title, ingredients, instructions = "", list[str](), list[str]()
    for number, piece in enumerate(_pieces(text)):
        step = _STEP.match(piece)
        if step:
            instructions.append(piece[step.end() :])
        elif _AMOUNT.match(piece):
            bare = re.sub(r"^\s*[-*•]\s*", "", piece.rstrip(". "))
            ingredients += _NEXT_AMOUNT.split(bare)
        elif number == 0:
            title = piece.rstrip(". ")
        elif ingredients and not instructions and len(piece.split()) < _FEW_WORDS and piece[-1] not in ".!":
            ingredients.append(piece)  # `kosher salt`, among those with amounts
        else:
            instructions.append(piece)
    return Recipe(title, tuple(ingredients), tuple(instructions))


def _pieces(text: str) -> Iterator[str]:
    """Lines and sentences; a full stop after `tsp.` ends none."""
    begun = ""
    for piece in _SENTENCE.split(text.strip()):
        begun = f"{begun} {piece.strip()}".strip()
        if begun and not _ABBREVIATED.search(begun):
            yield begun
            begun = ""
    if begun:
        yield begun


def _one_line(text: str) -> str:
    return " ".join(text.split())
