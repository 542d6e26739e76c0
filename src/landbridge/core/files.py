"""Files that are either whole or not there, and the folder where computed things are kept."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place only when the block ends well.

    The block may write a file or make a folder there. On any error the temporary is removed, and what stood at
    `path` stays.

    Args:
        path: where the result shall stand; its folder is made if missing.

    Yields:
        The temporary path, in the same folder, not yet existing.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> (folder / "a.txt").read_text(), len(list(folder.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    shelter = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    temporary = shelter / path.name
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            path.rename(shelter / "replaced")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(shelter, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON, indented, whole or not at all; a NaN is refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def cache_folder(*parts: str) -> Path:
    """The folder for things computed once: `LANDBRIDGE_CACHE`, else the user's cache folder.

    Args:
        parts: sub-folders; they are made if missing.
    """
    if named := os.environ.get("LANDBRIDGE_CACHE"):
        base = Path(named)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches" / "landbridge"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landbridge"
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
