"""Which classes two domains share, by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassOverlap:
    """What two lists of class names have in common.

    Attributes:
        shared: names in both, as the first list spells them and in its order.
        only_first: names in the first list alone.
        only_second: names in the second list alone.
        jaccard: shared names divided by all different names, in [0, 1]; 0 where both lists are empty.
    """

    shared: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    jaccard: float


def class_overlap(names_a: Sequence[str], names_b: Sequence[str]) -> ClassOverlap:
    """Compare class names without regard to case, spaces, underscores, hyphens and slashes.

    It compares spellings, not meanings: `mug` and `cup` differ, and a `crane` is a `crane`. Names that say nothing
    (`0`, `1`, ...) agree by accident.

    Args:
        names_a: class names of one domain; of several spellings of one name, the first counts.
        names_b: class names of another.

    >>> class_overlap(["Back_Pack", "mug"], ["backpack", "desk lamp", "Mug"])
    ClassOverlap(shared=('Back_Pack', 'mug'), only_first=(), only_second=('desk lamp',), jaccard=0.6666666666666666)
    """
    first, second = _by_key(names_a), _by_key(names_b)
    shared = tuple(name for key, name in first.items() if key in second)
    every = len(first.keys() | second.keys())
    return ClassOverlap(
        shared,
        tuple(name for key, name in first.items() if key not in second),
        tuple(name for key, name in second.items() if key not in first),
        len(shared) / every if every else 0.0,
    )


def _by_key(names: Sequence[str]) -> dict[str, str]:
    """Names by what is left without case and separators; a name of separators alone stays as it is."""
    keyed: dict[str, str] = {}
    for name in names:
        keyed.setdefault(re.sub(r"[\s_/\\-]+", "", name).casefold() or name, name)
    return keyed
