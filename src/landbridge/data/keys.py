"""What names of domains are made of: `A+B` is two domains joined; keys, as in `pacs/photo?without=dog,horse`."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.streets.knobs import CHOICES

if TYPE_CHECKING:
    from landbridge.data.domain import Domain

KEYS = ("classes", "without", "group", "without-group")
"""`classes` keeps those that it names, `without` all others; likewise for groups, of which `group` keeps one."""

KNOBS = (*CHOICES, "size")
"""What simulated streets, `streets/*`, may be told; see `landbridge.data.streets.knobs`."""

_EVERY = (*KEYS, *KNOBS)
_KEY = rf"(?=(?:{'|'.join(_EVERY)})=)"


def parts_of(name: str) -> list[str]:
    """The names that `A+B` joins, each with its keys; the name itself where it joins nothing.

    A path of one's own that exists may have a `+` in it, and so may a class in double quotes.

    >>> parts_of("pacs/photo+pacs/cartoon?without=dog"), parts_of('mine?classes="a+b"')
    (['pacs/photo', 'pacs/cartoon?without=dog'], ['mine?classes="a+b"'])
    """
    pieces, parts = re.split(r'\+(?=(?:[^"]*"[^"]*")*[^"]*$)', name), []
    while pieces:
        count = next((n for n in range(len(pieces), 1, -1) if _is_path(pieces[:n])), 1)
        parts.append("+".join(pieces[:count]))
        pieces = pieces[count:]
    return parts


def _is_path(pieces: Sequence[str]) -> bool:
    """Whether the pieces, joined, are a path that exists; keys may follow it."""
    return "?" not in "".join(pieces[:-1]) and _exists("+".join(pieces).partition("?")[0])


def split_keys(name: str) -> tuple[str, dict[str, list[str]]]:
    """The name of a domain without its keys, and the classes or groups that each key names.

    Commas part them; one with a comma in its name stands in double quotes.

    Raises:
        UnknownNameError: a key that there is not.
        BadDataError: a key names nothing.

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
        known = _EVERY if name.startswith("streets/") else KEYS
        hint = nearest(other[1], known, 0.6) or f"; known: {', '.join(known)}"
        raise UnknownNameError(f"'{name}': unknown key '{other[1]}'{hint}")
    keys: dict[str, list[str]] = {}
    for part in re.split(f"&{_KEY}", rest[0]):
        key, _, value = part.partition("=")
        named = [word.strip() for row in csv.reader([value], skipinitialspace=True) for word in row]
        if not all(named) or not named:
            what = "value" if key in KNOBS else "group" if key.endswith("group") else "class"
            example = {"value": "VALUE", "group": "NAME", "class": "CLASS,CLASS"}[what]
            example = f"{key}={example}"
            raise BadDataError(f"'{name}': the key '{key}' lacks a {what}: write {example}")
        keys.setdefault(key, []).extend(named)
    return plain, keys


def keep_named(domain: "Domain", keys: Mapping[str, list[str]]) -> "Domain":
    """A domain with the classes and groups that the keys leave.

    Raises:
        UnknownNameError: a key names a class or group that the domain has not; the message suggests the nearest.
        BadDataError: nothing is left, there are no labels to go by, or `group` names several.
    """
    from landbridge.data.groups import only_group, without_group

    if "classes" in keys:
        domain = domain.only(keys["classes"])
    if "without" in keys:
        domain = domain.without(keys["without"])
    for name in keys.get("without-group", ()):
        domain = without_group(domain, name)
    if len(keys.get("group", ())) > 1:
        raise BadDataError(f"the key 'group' keeps one {domain.group_kind}, not {len(keys['group'])}: name one")
    return only_group(domain, *keys["group"]) if "group" in keys else domain


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # longer than a name may be; no such user
        return False
