"""Which layer groups are copied from the source, and whether they may move: what curves over depth are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest

ENDS = ("first", "last")
"""Which layer groups are copied: those next to the input, or those next to the head. All others begin at random."""

MODES = ("frozen", "tuned")
"""What becomes of the copied groups on the target: they stay as they are, or are trained with the rest."""

USUAL = 5
"""Steps from none to all that deep networks are looked at in, by default."""


class Copying(NamedTuple):
    """A way of using the source network.

    Attributes:
        end: one of `ENDS`.
        copied: how many layer groups.
        mode: one of `MODES`.
        total: layer groups of the network.
    """

    end: str
    copied: int
    mode: str
    total: int

    @property
    def name(self) -> str:
        """Of its folder. From scratch there is neither end nor mode, and of all groups there is no end.

        >>> [Copying("last", count, "tuned", 3).name for count in (0, 1, 3)]
        ['scratch', 'last-1-tuned', 'all-tuned']
        """
        if self.copied == 0:
            return "scratch"
        return f"all-{self.mode}" if self.copied == self.total else f"{self.end}-{self.copied}-{self.mode}"

    @property
    def options(self) -> dict[str, str]:
        """The options of `FineTune`.

        >>> Copying("last", 1, "frozen", 3).options, Copying("last", 3, "tuned", 3).options
        ({'copy': 'last:1', 'freeze': 'last:1'}, {'copy': 'all'})
        """
        part = {0: "none", self.total: "all"}.get(self.copied, f"{self.end}:{self.copied}")
        return {"copy": part, "freeze": part} if self.mode == "frozen" and self.copied else {"copy": part}


def chosen_depths(asked: str | None, groups: Sequence[str], backbone: str) -> list[int]:
    """The numbers of copied groups that `--depths` names, ascending.

    Args:
        asked: numbers and `all`, with commas; None for all there are, of deep networks some.
        groups: the layer groups.
        backbone: for messages.

    Raises:
        LandbridgeError: no number, or more groups than there are.

    >>> chosen_depths(None, ["stem", "conv2"], "lenet"), chosen_depths(None, ["g"] * 19, "deep")
    ([0, 1, 2], [0, 4, 8, 11, 15, 19])
    >>> chosen_depths("all,0", ["stem", "conv2"], "lenet")
    [0, 2]
    """
    total = len(groups)
    if asked is None:
        steps = min(total, USUAL)
        return [round(total * step / steps) for step in range(steps + 1)]
    found = set()
    for word in filter(None, map(str.strip, str(asked).split(","))):
        if word != "all" and not (word.isdecimal() and int(word) <= total):
            raise LandbridgeError(
                f"--depths {word}: '{backbone}' has {total} layer groups, so say 0 to {total}, or all: "
                f"{', '.join(groups)}"
            )
        found.add(total if word == "all" else int(word))
    if not found:
        raise LandbridgeError("--depths names no number of layer groups: say some with commas, as in 0,2,all")
    return sorted(found)


def chosen_names(asked: str, known: Iterable[str], option: str) -> list[str]:
    """The names with commas that an option lists, in the order known.

    Raises:
        UnknownNameError: one that is not known; the message suggests the nearest.

    >>> chosen_names("last,first", ENDS, "ends")
    ['first', 'last']
    """
    known, words = list(known), [word.strip() for word in asked.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise UnknownNameError(
                f"--{option} lists {' and '.join(known)}, with a comma, not '{word}'{nearest(word, known)}"
            )
    if not words:
        raise UnknownNameError(f"--{option} lists nothing: say {', '.join(known)}")
    return [name for name in known if name in words]


def copyings(plan: Mapping[str, Any]) -> list[Copying]:
    """All ways that a plan asks for, those that share a cell once."""
    every = [
        Copying(end, count, mode, len(plan["groups"]))
        for count in plan["depths"]
        for end in plan["ends"]
        for mode in plan["modes"]
    ]
    return list({copying.name: copying for copying in every}.values())
