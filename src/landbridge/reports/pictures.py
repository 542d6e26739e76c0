"""Sample images with what the models call them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landbridge.evaluation.snapshot import Snapshot
from landbridge.reports.drawing import picture


@dataclass(frozen=True)
class Call:
    """What a model calls an image: the class, how sure it is in percent, and whether that is right (None: unknown)."""

    name: str
    sure: int
    right: bool | None

    @property
    def mark(self) -> str:
        """A symbol, so that nobody needs to tell colours apart."""
        return {True: "✓", False: "✗", None: ""}[self.right]

    @property
    def words(self) -> str:
        """For those who do not see the symbol."""
        return self.name + {True: " (right)", False: " (wrong)", None: ""}[self.right]


@dataclass(frozen=True)
class Card:
    """An image, its truth if known, and the calls of the models, earlier first; one a line where names are long."""

    image: str
    truth: str | None
    calls: list[Call]
    pixelated: bool
    stacked: bool = False

    @property
    def alt(self) -> str:
        """The card in words."""
        known = f"truth {self.truth}" if self.truth is not None else "truth unknown"
        return f"{known}; called {', then '.join(call.words for call in self.calls)}"


@dataclass(frozen=True)
class Pair:
    """A source image, and what the model makes of it."""

    before: str
    after: str
    truth: str
    pixelated: bool


def pairs(taken: Snapshot | None, classes: Sequence[str], most: int = 16) -> list[Pair]:
    """The first sample images of the source beside their translations; none where the model does not translate.

    Args:
        taken: the model's snapshot.
        classes: names of the classes.
        most: how many.
    """
    if taken is None or "translated_images" not in taken:
        return []
    images, made = taken["source_images"][:most], taken["translated_images"]
    return [
        Pair(picture(before), picture(after), classes[label], max(images.shape[1:3]) < 64)
        for before, after, label in zip(images, made, taken["source_label"])
    ]


def cards(side: str, models: Sequence[Snapshot], classes: Sequence[str], most: int = 24) -> list[Card]:
    """The first sample images of a domain, which are a random draw, with the calls of several models on them.

    Args:
        side: `source` or `target`.
        models: snapshots, earlier first; one that shows other images than the last is left out.
        classes: names of the classes.
        most: how many.
    """
    if not models or not len(models[-1][f"{side}_images"]):
        return []
    images, labels = models[-1][f"{side}_images"], models[-1][f"{side}_label"]
    same = [taken for taken in models if np.array_equal(taken[f"{side}_images"], images)]
    return [
        Card(
            picture(images[i]),
            classes[labels[i]] if labels[i] >= 0 else None,
            [_call(taken, side, i, classes) for taken in same],
            max(images.shape[1:3]) < 64,
            max(map(len, classes), default=0) > 5,
        )
        for i in range(min(len(images), most))
    ]


def _call(taken: Snapshot, side: str, i: int, classes: Sequence[str]) -> Call:
    predicted, label = int(taken[f"{side}_predicted"][i]), int(taken[f"{side}_label"][i])
    sure = round(100 * float(taken[f"{side}_confidence"][i]))
    return Call(classes[predicted], sure, predicted == label if label >= 0 else None)
