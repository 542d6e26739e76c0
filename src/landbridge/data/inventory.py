"""What there is: which domains are found under a data root, and how large they are, without reading an image."""

from pathlib import Path
from typing import NamedTuple

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.registry import load_domain


class Availability(NamedTuple):
    """Whether a domain can be used.

    Attributes:
        found: whether its files are there and whole as far as a glance tells.
        sizes: split -> number of examples; None where not found.
        reason: what is missing, or a note on what was found ("cut: ...").
    """

    found: bool
    sizes: dict[str, int] | None
    reason: str


def describe(name: str, root: str | Path | None = None) -> Availability:
    """Look whether a domain is there, and count its examples; nothing is decoded, blended or rendered.

    Args:
        name: a name of the registry, or a path of one's own data.
        root: the data root; `LANDBRIDGE_DATA` by default.

    >>> describe("digits/printed").sizes
    {'train': 10000, 'test': 2000}
    """
    try:
        domain = load_domain(name, root)
    except (MissingDataError, BadDataError) as error:
        return Availability(False, None, str(error))
    return Availability(True, {split: len(examples) for split, examples in domain.splits.items()}, domain.note)
