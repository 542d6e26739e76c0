"""Rare-class sampling: images that hold what is seldom seen are drawn more often."""

from pathlib import PurePath

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.batches import seed_of
from landbridge.data.domain import View
from landbridge.data.images import Size
from landbridge.data.masks import Masks, class_counts


class RareClasses:
    """An order of examples that favours rare classes (Hoyer et al., "DAFormer", CVPR 2022, rare class sampling).

    With f_c the share of pixels that are of class c, a class is drawn with

        P(c) = exp((1 - f_c) / T) / sum over c' of exp((1 - f_c') / T),

    then an image evenly among those that hold it. Shares are of the pixels that have a class, void ones left out. A
    class of which no image holds `pixels` pixels is never drawn, and the others' probabilities sum to 1.

    Args:
        view: examples with masks, shown.
        seed: decides the draws.
        temperature: T, > 0; the higher, the more even. The paper has 0.01.
        pixels: how many pixels of a class an image must hold to count as holding it; of the size counted at. (The
            authors' code asks for 3,000 of a source image.)
        size: (height, width) at which pixels are counted; None takes each mask's own.
        counts: pixels by image and class, int64 [n, classes], where they are at hand; counted otherwise.

    Attributes:
        frequencies: f_c, float64 [classes].
        probabilities: P(c), float64 [classes].

    Raises:
        SealedLabelsError: the labels are sealed.
        BadDataError: there are no masks, or none of them holds enough pixels of any class.

    >>> from landbridge.data.domain import Domain, Examples
    >>> from landbridge.data.images import Arrays
    >>> from landbridge.data.masks import ArrayMasks
    >>> masks = torch.zeros(3, 4, 4, dtype=torch.uint8)
    >>> masks[2, 0, 0] = 1
    >>> examples = Examples(Arrays(torch.zeros(3, 3, 4, 4, dtype=torch.uint8)), ArrayMasks(masks))
    >>> rare = RareClasses(Domain("toy", ("road", "bicycle"), {"train": examples}).labelled(), seed=0)
    >>> rare.positions(0, 8)
    tensor([2, 2, 2, 2, 2, 2, 2, 2])
    """

    def __init__(
        self,
        view: View,
        seed: int,
        temperature: float = 0.01,
        pixels: int = 1,
        size: Size | None = None,
        counts: Tensor | None = None,
    ) -> None:
        if temperature <= 0:
            raise BadDataError(f"the temperature of rare classes must be above 0, not {temperature}")
        masks = view.y
        if not isinstance(masks, Masks):
            raise BadDataError(f"rare classes are drawn by the pixels of masks, which {view.domain} has not")
        self._key = (seed, PurePath(view.domain).name, view.split)
        counts = class_counts(masks, len(view.classes), size) if counts is None else counts
        self._held = counts >= pixels
        if not self._held.any():
            raise BadDataError(
                f"no mask of {view.domain} ({view.split}) has {pixels} pixels of one class: ask for fewer"
            )
        self.frequencies = counts.sum(0).double() / counts.sum()
        self.probabilities = class_probabilities(self.frequencies, self._held.any(0), temperature)

    def positions(self, step: int, count: int) -> Tensor:
        """The examples of the batch at `step`, int64 [count]: a pure function of (seed, step)."""
        generator = torch.Generator().manual_seed(seed_of("rare classes", *self._key, step))
        classes = torch.multinomial(self.probabilities, count, replacement=True, generator=generator)
        return torch.multinomial(self._held[:, classes].T.double(), 1, generator=generator).flatten()


def class_probabilities(frequencies: Tensor, found: Tensor, temperature: float) -> Tensor:
    """P(c) of the classes, float64 [classes], see `RareClasses`.

    Args:
        frequencies: shares of the pixels [classes].
        found: which classes can be drawn at all, bool [classes].
        temperature: T, > 0.

    >>> class_probabilities(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([True, True, False]), 0.1)
    tensor([0.5000, 0.5000, 0.0000], dtype=torch.float64)
    """
    logits = ((1 - frequencies.double()) / temperature).masked_fill(~found, -torch.inf)
    return logits.softmax(0)
