"""Tables of attributes as people write them: a CSV with a header, a row a class."""

import csv
from collections.abc import Sequence
from pathlib import Path

import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.signatures import Signatures


def read_table(path: Path, source: str | None = None) -> Signatures:
    r"""Attributes from a CSV: the header holds their names after the first cell, each row a class and its numbers.

    Args:
        path: the file, UTF-8.
        source: what to call it; by default its name.

    Raises:
        BadDataError: no header, a row of another length, or a cell that is no number; the message says which.

    >>> path = tmp / "mine.csv"
    >>> _ = path.write_text("class,furry,tail\ndog,1,1\nfish,0,1\n")
    >>> read_table(path).names
    ('furry', 'tail')
    >>> _ = path.write_text("dog,1,1\nfish,0,1\n")
    >>> read_table(path)
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: .../mine.csv has no header: begin with a line 'class,ATTRIBUTE,ATTRIBUTE,...'
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(c.strip() for c in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path} is no CSV that can be read ({error})") from error
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    if len(header) < 2 or any(_number(cell) is not None for cell in header[1:]):
        raise BadDataError(f"{path} has no header: begin with a line 'class,ATTRIBUTE,ATTRIBUTE,...'")
    if len(lines) < 2:
        raise BadDataError(f"{path} has no class: add a line for each")
    classes, rows = [], []
    for line, (name, *cells) in lines[1:]:
        if len(cells) != len(header) - 1:
            raise BadDataError(f"{path}, line {line}: {len(cells)} values for {len(header) - 1} attributes")
        values = [_number(cell) for cell in cells]
        if None in values:
            column = values.index(None)
            raise BadDataError(f"{path}, line {line}: '{header[1 + column]}' is no number: '{cells[column]}'")
        classes.append(name.strip())
        rows.append(values)
    return Signatures(tuple(classes), tuple(header[1:]), torch.tensor(rows), "attributes", source or path.name)


def signatures(file: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """The table in a `.csv` of one's own.

    Args:
        file: its path.
        classes: not looked at.
        root: not looked at.

    Raises:
        MissingDataError: there is no such file.
        BadDataError: it is no such table.
    """
    path = Path(file or "").expanduser()
    if not path.is_file():
        raise MissingDataError(f"no such file: {path}")
    return read_table(path)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
