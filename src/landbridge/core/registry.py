"""Names and what they stand for, imported only when asked for."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from landbridge.core.errors import UnknownNameError


def nearest(name: str, names: Iterable[str], likeness: float = 0.5) -> str:
    """A hint at the most similar known name, or the empty string.

    Args:
        name: what was written.
        names: what is known.
        likeness: how much of both names must agree, in [0, 1]; among short words, half is chance.

    >>> nearest("dan", ["dann", "sa"])
    "; did you mean 'dann'?"
    """
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=likeness)
    return f"; did you mean '{close[0]}'?" if close else ""


def resolve(reference: str) -> Any:
    """Import what `package.module:attribute` refers to.

    >>> resolve("pathlib:Path").__name__
    'Path'
    """
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


class Registry(Mapping[str, str]):
    """A table from names to `package.module:attribute`, resolved late.

    Args:
        kind: what the names are, in one word, for error messages ("method").
        entries: name -> `package.module:attribute`.

    >>> shapes = Registry("shape", {"path": "pathlib:Path"})
    >>> shapes.resolve("path").__name__
    'Path'
    >>> shapes.resolve("pat")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: unknown shape 'pat'; did you mean 'path'?
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> str:
        """The reference that stands behind a name; unknown names raise with a suggestion."""
        if name not in self._entries:
            hint = nearest(name, self._entries) or f"; known: {', '.join(sorted(self._entries))}"
            raise UnknownNameError(f"unknown {self.kind} '{name}'{hint}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def resolve(self, name: str) -> Any:
        """Import and return what a name stands for.

        Raises:
            UnknownNameError: no such name; the message suggests the nearest.
        """
        return resolve(self[name])
