"""Validators of segmenters: scores that need no target label, and the gate against lost classes. Higher is better."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.domain import View
from landbridge.data.images import Size
from landbridge.data.masks import Masks, class_counts
from landbridge.evaluation.collected import some
from landbridge.evaluation.segmentation import confusion_matrix, intersection_over_union, mean_of_known
from landbridge.evaluation.selection import FEWEST, Judged
from landbridge.nn.segmenter_model import Segmenter

LOOKED_AT = 32
"""How many images of a domain a judge looks at."""

LEAST = 0.1
"""A class is lost if the target's pixels are called it less than this times as often as the source's labels have it."""

DIMMED, BRIGHTENED = 0.7, 1.4
"""Factors on brightness under which the answers of a sound model stay the same."""

AT_ONCE = 8


@dataclass(frozen=True)
class PixelsSeen:
    """All that a validator of segmenters may look at; target labels are no part of it.

    Attributes:
        probabilities: the mean probability of each class over all target pixels [K].
        entropy: the mean entropy of a pixel's probabilities as a share of the largest possible one, in [0, 1].
        called: how many target pixels are called each class, int64 [K].
        shares: share of each class among the labelled pixels of the source [K].
        changed: pixels called class i (row) that are called class j once the image is mirrored, darker or brighter,
            int64 [K, K]; None where nobody looked.
    """

    probabilities: Tensor
    entropy: float
    called: Tensor
    shares: Tensor
    changed: Tensor | None = None

    @property
    def finite(self) -> bool:
        """Whether the model's outputs are numbers that can be judged."""
        return math.isfinite(self.entropy)


def certainty(seen: PixelsSeen) -> float:
    """Minus the mean entropy of a pixel, in [-1, 0]: how sure it is (Vu et al., CVPR 2019, eq. 2).

    A model that calls everything road is sure of it: only the gate holds it back.
    """
    return -seen.entropy


def agreement(seen: PixelsSeen) -> float:
    """Whether pixels keep their class when the image is mirrored, darker or brighter; in [0, 1].

    The mean over the classes of the intersection over union of what is said before and after, so that large classes do
    not speak for all.
    """
    if seen.changed is None:
        raise ValueError("nobody looked at changed images: the model itself is not at hand")
    return mean_of_known(intersection_over_union(seen.changed)) or 0.0


def prior(seen: PixelsSeen) -> float:
    """Minus the divergence between how often classes are predicted and how often the source's labels have them.

    The Jensen-Shannon divergence in bits, so that scores lie in [-1, 0]. It takes for granted that streets of both
    domains hold much the same.
    """
    return -jensen_shannon(seen.probabilities, seen.shares)


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """The divergence of two distributions [K] in bits, in [0, 1]: H((p + q) / 2) - (H(p) + H(q)) / 2 (Lin, 1991).

    >>> jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    1.0
    >>> jensen_shannon(torch.tensor([0.3, 0.7]), torch.tensor([0.3, 0.7]))
    0.0
    """
    p, q = p.double(), q.double()
    divergence = _bits((p + q) / 2) - (_bits(p) + _bits(q)) / 2
    return max(0.0, divergence)


def _bits(shares: Tensor) -> float:
    return float(torch.special.entr(shares).sum()) / math.log(2)


PIXEL_VALIDATORS: dict[str, Callable[[PixelsSeen], float]] = {
    "entropy": certainty,
    "agreement": agreement,
    "prior": prior,
}
"""The rules that `--select` knows for segmenters, beside `last`."""


def check_pixel_rule(name: str) -> None:
    """Whether `--select NAME` means anything for a segmenter.

    Raises:
        UnknownNameError: no such rule.
    """
    if name != "last" and name not in PIXEL_VALIDATORS:
        hint = nearest(name, PIXEL_VALIDATORS) or f"; known: last, {', '.join(PIXEL_VALIDATORS)}"
        raise UnknownNameError(f"unknown selection rule '{name}' for a segmenter{hint}")


def lost(called: Tensor, shares: Tensor) -> Tensor:
    """Which classes a model has lost: it calls the target's pixels so hardly ever, though the source has the class.

    Args:
        called: how many target pixels are called each class [K].
        shares: share of each class among the source's labelled pixels [K].

    Returns:
        Bool [K]; never true for a class that the source's labels do not have.

    >>> lost(torch.tensor([90, 9, 1, 0]), torch.tensor([0.5, 0.3, 0.2, 0.0])).tolist()
    [False, False, True, False]
    """
    return (shares > 0) & (called / called.sum().clamp_min(1) < LEAST * shares)


def kept(seen: PixelsSeen) -> float:
    """The share of the source's classes that a model has not lost, in [0, 1]: the gate's number, class by class."""
    there = seen.shares > 0
    gone = lost(seen.called, seen.shares)
    return 1.0 - float(gone.sum()) / max(1, int(there.sum()))


@dataclass(frozen=True)
class PixelMaterial:
    """What judges look at a segmenter with, the same for every model of a run.

    Attributes:
        target: unlabelled target training images.
        shares: share of each class among the labelled pixels of the source [K].
        size: height and width at which the images are looked at; their own by default, which then is one for all.
        changes: the same images otherwise, and how to undo that in masks.
    """

    target: View
    shares: Tensor
    size: Size | None = None
    changes: Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = field(
        default_factory=lambda: CHANGES
    )

    @classmethod
    def of(cls, target: View, source: View, size: Size | None = None, seed: int = 0) -> "PixelMaterial":
        """At most `LOOKED_AT` images of the target, and how often the source's labels have each class.

        Args:
            target: unlabelled images.
            source: images with their labels shown.
            size: as above.
            seed: which ones.

        Raises:
            BadDataError: the source's labels are no masks.
        """
        masks = source.y
        if not isinstance(masks, Masks):
            raise BadDataError(f"{source.domain} has no class for each pixel to compare predictions with")
        counts = class_counts(masks, len(source.classes), size).sum(0).double()
        return cls(some(target, LOOKED_AT, seed), counts / counts.sum().clamp_min(1), size)

    @torch.inference_mode()
    def look(self, model: Segmenter, *, anew: bool = True) -> PixelsSeen:
        """Look at a model.

        Args:
            model: which one; it is left in evaluation mode.
            anew: whether to look at changed images too.
        """
        count = len(self.shares)
        total, called = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.int64)
        changed = torch.zeros(count, count, dtype=torch.int64)
        entropy, pixels = 0.0, 0
        for positions in torch.arange(len(self.target)).split(AT_ONCE):
            images = self.target.read(positions, self.size)
            probabilities = model.probabilities(images)
            labels = probabilities.argmax(1).to(torch.uint8)
            total += probabilities.sum((0, 2, 3)).double()
            entropy += float(torch.special.entr(probabilities).sum())
            pixels += labels.numel()
            called += torch.bincount(labels.flatten(), minlength=count)
            for change, undo in self.changes.values() if anew else ():
                changed += confusion_matrix(undo(model.predict(change(images))), labels, count)
        return PixelsSeen(
            (total / pixels).float(), entropy / pixels / math.log(count), called, self.shares, changed if anew else None
        )


def _lit(factor: float) -> Callable[[Tensor], Tensor]:
    return lambda images: (images * factor).round_().clamp_(0, 255).to(torch.uint8)


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(-1)


def _same(masks: Tensor) -> Tensor:
    return masks


CHANGES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "mirrored": (_mirrored, _mirrored),
    "dimmed": (_lit(DIMMED), _same),
    "brightened": (_lit(BRIGHTENED), _same),
}
"""What `agreement` does to images, and how it is undone in masks."""


def pixel_scores(seen: PixelsSeen) -> dict[str, float | None]:
    """All that can be said of a segmenter without target labels: score by the validator's name, None for no number."""
    found = {name: score_pixels(name, seen) for name in PIXEL_VALIDATORS if name != "agreement" or _looked(seen)}
    return {name: score if math.isfinite(score) else None for name, score in found.items()}


def _looked(seen: PixelsSeen) -> bool:
    return seen.changed is not None


def score_pixels(name: str, seen: PixelsSeen) -> float:
    """The score by a validator; NaN where the model's outputs are no numbers."""
    return PIXEL_VALIDATORS[name](seen) if seen.finite else math.nan


def pixel_scorer(name: str, material: PixelMaterial) -> Callable[[Segmenter], Judged] | None:
    """The judge that `--select NAME` means; None for `last`.

    A model that has lost more than half of the source's classes is not sound, whatever it scores.

    Args:
        name: `last` or a name of `PIXEL_VALIDATORS`.
        material: what it looks at a model with.

    Raises:
        UnknownNameError: no such rule.
    """
    check_pixel_rule(name)
    if name == "last":
        return None

    def judge(model: Segmenter) -> Judged:
        seen = material.look(model, anew=name == "agreement")
        score = score_pixels(name, seen)
        return Judged(score, math.isfinite(score) and kept(seen) >= FEWEST)

    return judge
