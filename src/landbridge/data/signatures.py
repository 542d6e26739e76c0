"""Signatures: what is said of each class (attributes, the vector of its name, sentences) instead of examples of it."""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeWarning, UnknownNameError
from landbridge.core.registry import Registry, nearest

Kind = Literal["attributes", "word vectors", "sentences"]

_DATA = "landbridge.data"

SOURCES = Registry(
    "source of signatures",
    {
        "animals": f"{_DATA}.zoo:signatures",
        "awa2": f"{_DATA}.awa2:signatures",
        "csv": f"{_DATA}.attribute_tables:signatures",
        "flowers-sentences": f"{_DATA}.flowers_zsl:signatures",
        "keywords": f"{_DATA}.emoji_subgroups:signatures",
        "shapes": f"{_DATA}.shapes:signatures",
        "street-words": f"{_DATA}.street_signatures:words",
        "streets": f"{_DATA}.street_signatures:attributes",
        "words": f"{_DATA}.word_vectors:signatures",
        "xlsa17": f"{_DATA}.xlsa17:signatures",
    },
)
"""Name -> `package.module:function`, called with (what follows the name, or None; names of classes; data root)."""


@dataclass(frozen=True, eq=False)
class Signatures:
    """A table with a row a class.

    Classes are found by name, never by position: letters' case and what stands between words (`_`, `-`, `+` or a
    space) do not count.

    Attributes:
        classes: names of the classes, one a row.
        names: names of the columns: attributes, or dimensions of a vector.
        values: float32 [classes, columns].
        kind: what a row is.
        source: where the table is from, to stand with every number that was reached by it.
        advice: what to do about classes that it lacks, for the message.

    >>> table = Signatures(("dog", "fish"), ("furry", "tail"), torch.tensor([[1.0, 1], [0, 1]]), "attributes", "mine")
    >>> table.of(["Fish"]).values.tolist()
    [[0.0, 1.0]]
    >>> table.of(["chimp"])
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: mine lacks 1 of 1 classes: chimp; add them, or leave the classes out
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    values: Tensor
    kind: Kind
    source: str
    advice: str = "add them, or leave the classes out"

    def __post_init__(self) -> None:
        if tuple(self.values.shape) != (len(self.classes), len(self.names)) or not self.values.numel():
            shape = " x ".join(map(str, self.values.shape))
            raise BadDataError(f"{self.source}: {len(self.classes)} classes x {len(self.names)} columns, but {shape}")
        for what, names in (("class", [plain(name) for name in self.classes]), ("column", list(self.names))):
            twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
            if twice:
                raise BadDataError(f"{self.source}: the {what} '{twice[0]}' is there twice: keep one of them")
        wrong = (~self.values.isfinite()).nonzero()
        if len(wrong):
            row, column = wrong[0].tolist()
            raise BadDataError(
                f"{self.source}: '{self.names[column]}' of '{self.classes[row]}' is not a finite number "
                f"({len(wrong)} such): fill it in, or leave the column out"
            )

    def __len__(self) -> int:
        return len(self.classes)

    def lacking(self, classes: Sequence[str]) -> list[str]:
        """Those of `classes` that have no row."""
        known = {plain(name) for name in self.classes}
        return [name for name in classes if plain(name) not in known]

    def of(self, classes: Sequence[str]) -> "Signatures":
        """The rows of these classes, in their order and under their names.

        Raises:
            BadDataError: some have no row; the message names them.
        """
        missing = self.lacking(classes)
        if missing:
            raise BadDataError(
                f"{self.source} lacks {len(missing)} of {len(classes)} classes: {shortened(missing)}; {self.advice}"
            )
        row = {plain(name): number for number, name in enumerate(self.classes)}
        rows = torch.tensor([row[plain(name)] for name in classes], dtype=torch.int64)
        return replace(self, classes=tuple(classes), values=self.values[rows])

    def only(self, names: Sequence[str]) -> "Signatures":
        """Some of the columns, in the order given.

        Raises:
            UnknownNameError: there is no such column; the message suggests the nearest.
        """
        for name in names:
            if name not in self.names:
                raise UnknownNameError(f"{self.source} has no attribute '{name}'{nearest(name, self.names)}")
        return replace(self, names=tuple(names), values=self.values[:, [self.names.index(name) for name in names]])

    def normalised(self) -> "Signatures":
        """Each row scaled to length 1, as Xian et al. (TPAMI 2018, section 4.1) do; a row of zeros stays."""
        return replace(self, values=F.normalize(self.values, dim=1))

    def binary(self, threshold: float | None = None) -> "Signatures":
        """1 where a value is above the threshold, by default above the mean of its column, else 0."""
        limit = self.values.mean(0) if threshold is None else threshold
        return replace(self, values=(self.values > limit).float())

    def equal_rows(self) -> list[list[str]]:
        """Groups of classes that the table cannot tell apart, in the order of their first members.

        >>> rows = torch.tensor([[1.0], [0], [1]])
        >>> Signatures(("dog", "fish", "cat"), ("furry",), rows, "attributes", "mine").equal_rows()
        [['dog', 'cat']]
        """
        groups: dict[tuple[float, ...], list[str]] = {}
        for name, row in zip(self.classes, self.values.tolist()):
            groups.setdefault(tuple(row), []).append(name)
        return [group for group in groups.values() if len(group) > 1]

    def constant(self) -> list[str]:
        """Columns that are the same for all classes."""
        same = (self.values == self.values[:1]).all(0)
        return [name for name, yes in zip(self.names, same.tolist()) if yes]


def plain(name: str) -> str:
    """A class name as it is compared.

    >>> plain("Polar_bear") == plain("polar+bear") == "polar bear"
    True
    """
    return re.sub(r"[\s_+-]+", " ", name).strip().casefold()


def shortened(names: Sequence[str], most: int = 8) -> str:
    """Names for a message: the first few, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def load_signatures(
    spec: str | Path,
    classes: Sequence[str],
    root: Path | None = None,
    *,
    missing: Literal["error", "drop"] = "error",
) -> Signatures:
    """The signatures of some classes, ready for a method: a row each, in their order, no two alike.

    Args:
        spec: a `.csv` (header: `class` and the names of the attributes; a row a class), `awa2` (85 attributes;
            `awa2/binary` for the binary matrix), `words:FILE.txt` (vectors of the classes' names), `xlsa17/cub` and its
            like, `flowers-sentences`, `animals`, `shapes`, `keywords:FILE.txt` (for `emoji-subgroups`), `streets`
            (attributes of the classes of streets), `street-words:FILE.txt` (their words, composed where the file lacks
            a name). A FILE that is no path of its own is looked for in `word_vectors/` of the data root.
        classes: names of the classes.
        root: the data root.
        missing: what to do about classes without a row: refuse, or go on without them; `classes` of what is returned
            says which are left.

    Raises:
        UnknownNameError: no such source.
        MissingDataError: its files are not there.
        BadDataError: a class has no row, two classes have the same one, or the files cannot be used.
    """
    found = _found(str(spec), classes, root)
    if missing == "drop":
        lacking = set(found.lacking(classes))
        classes = [name for name in classes if name not in lacking]
        if len(classes) < 2:
            raise BadDataError(f"{found.source} knows {len(classes)} of the classes: take other signatures")
    return _usable(found.of(classes))


def _found(spec: str, classes: Sequence[str], root: Path | None) -> Signatures:
    parts = re.fullmatch(r"([^/:]+)(?:[/:](.+))?", f"csv:{spec}" if spec.endswith(".csv") else spec)
    if parts is None or parts[1] not in SOURCES:
        hint = nearest(parts[1] if parts else spec, SOURCES) or f"; known: {', '.join(SOURCES)}, or a .csv"
        raise UnknownNameError(f"unknown signatures '{spec}'{hint}")
    make: Callable[[str | None, Sequence[str], Path | None], Signatures] = SOURCES.resolve(parts[1])
    return make(parts[2], classes, root)


def _usable(table: Signatures) -> Signatures:
    """The table without columns that tell nothing apart, if it tells all classes apart."""
    alike = table.equal_rows()
    if alike:
        more = f" (and {len(alike) - 1} more groups)" if len(alike) > 1 else ""
        raise BadDataError(
            f"{table.source}: {shortened(alike[0])} have the same signature{more}: nothing tells them apart; "
            "describe them further, or leave all but one out"
        )
    constant = table.constant()
    if constant and len(table) > 1:
        warnings.warn(
            f"{table.source}: left out, as the same for all {len(table)} classes: {shortened(constant)}",
            LandbridgeWarning,
            stacklevel=3,
        )
        table = table.only([name for name in table.names if name not in set(constant)])
    return table
