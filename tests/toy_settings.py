"""Toy domains of settings of their own: several sources and no target, and targets that lack or add a class."""

from collections.abc import Callable

import torch
from torch import Tensor

from conftest import gaussians
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.joined import join
from landbridge.data.matching import match_label_sets

Place = tuple[float, float]


def in_halves(name: str, classes: tuple[str, ...], x: Tensor, y: Tensor) -> Domain:
    """The first half of the points to train on, the second to test on."""
    half = {"train": slice(0, len(y) // 2), "test": slice(len(y) // 2, None)}
    return Domain(name, classes, {split: Examples(Arrays(x[part]), y[part]) for split, part in half.items()})


def misled(name: str, agrees: float, count: int, seed: int) -> Domain:
    """Points whose class shows weakly in one coordinate, and clearly in the other, but rightly only in a share of them.

    Args:
        name: of the domain.
        agrees: the share of examples in which the clear coordinate is right.
        count: examples a split.
        seed: of all that is random.
    """
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(2 * count) % 2
    side, right = 2.0 * y - 1, torch.rand(2 * count, generator=generator) < agrees
    noise = torch.randn(2 * count, 2, generator=generator) * torch.tensor([1.0, 0.4])
    return in_halves(name, ("left", "right"), torch.stack([side, 2 * torch.where(right, side, -side)], 1) + noise, y)


def one_that_is_larger() -> tuple[Domain, Domain]:
    """The clear coordinate is mostly right in the larger source, and mostly wrong in the smaller and in the target."""
    return join([misled("large", 0.95, 240, 1), misled("small", 0.2, 60, 2)]), misled("toy-target", 0.1, 300, 3)


def two_that_lie_apart() -> tuple[Domain, Domain]:
    """Sources that lie apart and differ in their share of a class, so that the place seems to tell the class."""

    def lying(name: str, share: float, place: Callable[[Tensor], Tensor], count: int, seed: int) -> Domain:
        generator = torch.Generator().manual_seed(seed)
        y = (torch.rand(2 * count, generator=generator) < share).long()
        side = 2.0 * y - 1
        noise = torch.randn(2 * count, 2, generator=generator) * torch.tensor([0.6, 0.5])
        return in_halves(name, ("left", "right"), torch.stack([side, place(side)], 1) + noise, y)

    below = lying("below", 0.8, lambda side: torch.full_like(side, -2.0), 150, 1)
    above = lying("above", 0.2, lambda side: torch.full_like(side, 2.0), 150, 2)
    return join([below, above]), lying("toy-target", 0.5, lambda side: 2 * side, 300, 3)


LEFT, RIGHT, ABOVE = {"left": (-2.0, 0.0)}, {"right": (2.0, 0.0)}, {"above": (0.0, 3.0)}


def clouds(name: str, centres: dict[str, Place], shift: Place, seed: int) -> Domain:
    """One cloud of points a class, the whole moved by `shift`."""
    y = torch.arange(200 * len(centres)) % len(centres)
    noise = 0.5 * torch.randn(len(y), 2, generator=torch.Generator().manual_seed(seed))
    return in_halves(name, tuple(centres), torch.tensor(list(centres.values()))[y] + noise + torch.tensor(shift), y)


def partial_target() -> tuple[Domain, Domain]:
    """Three classes, of which the target, which is moved, has two."""
    source = clouds("toy-source", LEFT | RIGHT | ABOVE, (0.0, 0.0), 1)
    return match_label_sets(source, clouds("toy-target", LEFT | RIGHT, (1.8, 0.5), 2), "partial")


def open_target() -> tuple[Domain, Domain]:
    """Two classes, and a target, moved a little, which has a third one."""
    source = clouds("toy-source", LEFT | RIGHT, (0.0, 0.0), 1)
    return match_label_sets(source, clouds("toy-target", LEFT | RIGHT | ABOVE, (0.5, 0.0), 2), "open")


def nearer() -> tuple[Domain, Domain]:
    """The usual two classes, the target moved half as far: most of each class stays on its side of the boundary."""
    return gaussians("toy-source", (0.0, 0.0), 0.0, seed=1), gaussians("toy-target", (1.2, 0.0), 0.6, seed=2)


DOMAINS: dict[str, Callable[[], tuple[Domain, Domain]]] = {
    "coral-dg": two_that_lie_apart,
    "group-dro": one_that_is_larger,
    "irm": one_that_is_larger,
    "pada": partial_target,
    "osbp": open_target,
    # They move the boundary to where the target is thin, and cannot know that a whole class has crossed it.
    "mcd": nearer,
    "mdd": nearer,
}
"""Source and target by method, where the usual two domains are not of its setting, or too far apart for it."""
