"""Keys on names of domains: `pacs/photo?without=dog,horse` is `pacs/photo` without two of its classes."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.core.registry import nearest

if TYPE_CHECKING:
    from landbridge.data.domain import Domain

KEYS = ("classes", "without")
"""`classes` keeps those that it names, `without` all others."""

_KEY = rf"(?=(?:{'|'.join(KEYS)})=)"


def split_keys(name: str) -> tuple[str, dict[str, list[str]]]:
    """The name of a domain without its keys, and the classes that each key names.

    Commas part the classes; a class with a comma in its name stands in double quotes.

    Raises:
        UnknownNameError: a key that there is not.
        BadDataError: a key names no class.

    >>> split_keys("pacs/photo?without=dog,horse")
    ('pacs/photo', {'without': ['dog', 'horse']})
    >>> split_keys("pacs/photo")
    ('pacs/photo', {})
    >>> split_keys("pacs/photo?witout=dog")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: 'pacs/photo?witout=dog': unknown key 'witout'; did you mean 'without'?
    """
    if "?" not in name or _exists(name):  # a folder of one's own may be called so
        return name, {}
    plain, *rest = re.split(rf"\?{_KEY}", name, maxsplit=1)
    if not rest:
        other = re.search(r"\?([^/=]+)=", name)
        if other is None:
            return name, {}
        hint = nearest(other[1], KEYS) or f"; known: {', '.join(KEYS)}"
        raise UnknownNameError(f"'{name}': unknown key '{other[1]}'{hint}")
    keys: dict[str, list[str]] = {}
    for part in re.split(f"&{_KEY}", rest[0]):
        key, _, value = part.partition("=")
        named = [word.strip() for row in csv.reader([value], skipinitialspace=True) for word in row]
        if not all(named) or not named:
            raise BadDataError(f"'{name}': the key '{key}' lacks a class: write {key}=CLASS,CLASS")
        keys.setdefault(key, []).extend(named)
    return plain, keys


def keep_classes(domain: "Domain", keys: Mapping[str, list[str]]) -> "Domain":
    """A domain with the classes that the keys leave.

    Raises:
        UnknownNameError: a key names a class that the domain has not; the message suggests the nearest.
        BadDataError: nothing is left, or there are no labels to go by.
    """
    if "classes" in keys:
        domain = domain.only(keys["classes"])
    return domain.without(keys["without"]) if "without" in keys else domain


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # longer than a name may be; no such user
        return False
