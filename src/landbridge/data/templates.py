"""Templates: sentences with a place for the name of a class, as `a photo of a {}.`"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

from landbridge.core.errors import LandbridgeError

PHOTO = "a photo of a {}."
"""The usual one."""

SEPARATOR = "|"
"""Between templates that are written in one line: it is in no sentence."""


@dataclass(frozen=True)
class Template:
    """A sentence with places to fill.

    Attributes:
        pieces: (what stands before, the field that follows or nothing), from left to right.
    """

    pieces: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, text: str, known: Sequence[str] = ("name",)) -> "Template":
        """The template that a text is.

        Args:
            text: `{}` stands for `{name}`; a brace itself is written twice.
            known: the fields that it may have.

        Raises:
            LandbridgeError: it has another field, none, or a lonely brace.

        >>> Template.of("a {} on a {{table}}").fill(name="cat")
        'a cat on a {table}'
        >>> Template.of("a {colour} cat")
        Traceback (most recent call last):
        landbridge.core.errors.LandbridgeError: template ... has the unknown field {colour}; it may have {} and {name}
        """
        try:
            parsed = [(before, _field(*field)) for before, *field in Formatter().parse(text)]
        except ValueError as error:
            raise LandbridgeError(f"template '{text}': {error}; a brace itself is written twice") from error
        template = cls(tuple(parsed))
        if not template.fields:
            raise LandbridgeError(f"template '{text}' names no class: put {{}} where the name belongs")
        for field in template.fields:
            if field not in known:
                *others, last = ["{}", *(f"{{{name}}}" for name in known)]
                raise LandbridgeError(
                    f"template '{text}' has the unknown field {{{field}}}; it may have {', '.join(others)} and {last}"
                )
        return template

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in their order."""
        return tuple(field for _, field in self.pieces if field)

    def fill(self, **values: str) -> str:
        """The sentence, with a value for each field."""
        return "".join(before + (values[field] if field else "") for before, field in self.pieces)


def _field(name: str | None, spec: str | None, conversion: str | None) -> str:
    """A field as it is written; of the mini-language that formats numbers nothing is known here."""
    if name is None:
        return ""
    return f"{name}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}" or "name"


def spoken(name: str) -> str:
    """A class name as it is said.

    >>> spoken("art_painting")
    'art painting'
    """
    return name.replace("_", " ").strip()
