"""How good the classes of pixels are: confusion matrices, and intersection over union."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.label_maps import VOID


def confusion_matrix(predicted: Tensor, truth: Tensor, classes: int) -> Tensor:
    """How many pixels of each class are called each class; void pixels count for nothing.

    Args:
        predicted: class numbers, uint8 of any shape.
        truth: class numbers, uint8 of the same shape; `VOID` for pixels without one.
        classes: how many there are, at most 255.

    Returns:
        int64 [classes, classes]: of the true class (row), called class (column).

    Raises:
        BadDataError: there are other numbers among the labels; the message counts and names them.
        ValueError: the shapes or types do not fit, or a prediction is no class.

    >>> truth = torch.tensor([0, 0, 1, VOID], dtype=torch.uint8)
    >>> confusion_matrix(torch.tensor([0, 1, 1, 0], dtype=torch.uint8), truth, 2).tolist()
    [[1, 1], [0, 1]]
    """
    if predicted.shape != truth.shape or predicted.dtype != torch.uint8 or truth.dtype != torch.uint8:
        raise ValueError(
            f"masks are uint8 and of one shape, not {predicted.dtype} {list(predicted.shape)} and {truth.dtype} "
            f"{list(truth.shape)}"
        )
    if predicted.numel() and int(predicted.max()) >= classes:
        raise ValueError(f"a prediction of {int(predicted.max())} is none of {classes} classes")
    # A number for each pair of classes, that of void included: pixels need not be picked out first. Two bytes hold it
    # while there are few classes, and counting bytes is what memory makes slow.
    kind = torch.int16 if 256 * classes <= 2**15 else torch.int32
    pairs = truth.flatten().to(kind).mul_(classes).add_(predicted.flatten())
    counts = torch.bincount(pairs, minlength=256 * classes).view(256, classes)
    _refuse_unknown(counts[classes:VOID].sum(1), classes)
    return counts[:classes]


def _refuse_unknown(counts: Tensor, classes: int) -> None:
    """Refuse labels that are neither a class nor void."""
    if found := [(classes + place, int(count)) for place, count in enumerate(counts) if count]:
        named = ", ".join(f"{label} ({count:,} pixels)" for label, count in found[:5]) + (", ..." if found[5:] else "")
        raise BadDataError(
            f"{sum(count for _, count in found):,} labelled pixels are neither void ({VOID}) nor one of the {classes} "
            f"classes: labels {named}; name a map from their ids to classes"
        )


def intersection_over_union(confusion: Tensor) -> list[float | None]:
    """The intersection over union of each class: TP / (TP + FP + FN) over all pixels together.

    Args:
        confusion: [K, K], true classes in rows.

    Returns:
        One number in [0, 1] a class; None for a class that no pixel has or is called.

    >>> intersection_over_union(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    [0.75, 0.8, None]
    """
    right = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - right
    return [int(r) / int(u) if u else None for r, u in zip(right, union)]


def mean_of_known(by_class: Sequence[float | None]) -> float | None:
    """The mean of the numbers that are known; None where none is.

    >>> mean_of_known([0.75, 0.5, None])
    0.625
    """
    known = [value for value in by_class if value is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class SegmentationScores:
    """What is known about a segmenter on a domain once its labels are opened.

    Attributes:
        classes: names of the classes.
        confusion: pixels of class i (row) called class j (column), int64 [K, K].
        images: how many there were.
        private: names of the classes that only the target has.
    """

    classes: tuple[str, ...]
    confusion: Tensor
    images: int
    private: tuple[str, ...] = ()

    @property
    def per_class_iou(self) -> dict[str, float | None]:
        """The intersection over union of each class, by name; None for one that no pixel has or is called."""
        return dict(zip(self.classes, intersection_over_union(self.confusion)))

    @property
    def miou(self) -> float | None:
        """The mean intersection over union of all classes, in [0, 1]."""
        return mean_of_known(list(self.per_class_iou.values()))

    @property
    def pixel_accuracy(self) -> float | None:
        """Share of labelled pixels that are called rightly, in [0, 1]."""
        labelled = int(self.confusion.sum())
        return int(self.confusion.trace()) / labelled if labelled else None

    @property
    def mean_class_accuracy(self) -> float | None:
        """Mean over the classes of the share of their pixels that are called rightly."""
        pairs = zip(self.confusion.diagonal(), self.confusion.sum(1))
        return mean_of_known([int(right) / int(seen) if seen else None for right, seen in pairs])

    @property
    def by_kind(self) -> dict[str, float | None]:
        """The means over shared and over private classes; see `shared_and_private`."""
        return shared_and_private(self.per_class_iou, self.private)

    def as_metrics(self, prefix: str) -> dict[str, Any]:
        """The numbers under names such as `target_miou`; see `shared_and_private` on those of private classes."""
        named: dict[str, Any] = {
            "miou": self.miou,
            "per_class_iou": self.per_class_iou,
            "pixel_accuracy": self.pixel_accuracy,
            "mean_class_accuracy": self.mean_class_accuracy,
            "examples": self.images,
        }
        if self.private:
            named |= self.by_kind
        return {f"{prefix}_{name}": value for name, value in named.items()}


def shared_and_private(by_class: dict[str, float | None], private: Collection[str]) -> dict[str, float | None]:
    """What a field reports of a target with classes that the source lacks.

    Args:
        by_class: the intersection over union of each class; None where not known.
        private: names of the classes that only the target has.

    Returns:
        `shared_miou` and `private_miou`, the means over the two kinds, and `harmonic_miou`, their harmonic mean, which
        neither can lift alone (Bucher et al., NeurIPS 2019, section 4; Xian et al., TPAMI 2019, section 5.4).

    >>> shared_and_private({"road": 0.75, "tuk-tuk": 0.25}, ["tuk-tuk"])
    {'shared_miou': 0.75, 'private_miou': 0.25, 'harmonic_miou': 0.375}
    """
    shared = mean_of_known([value for name, value in by_class.items() if name not in private])
    own = mean_of_known([value for name, value in by_class.items() if name in private])
    harmonic = None
    if shared is not None and own is not None:
        harmonic = 2 * shared * own / (shared + own) if shared + own else 0.0
    return {"shared_miou": shared, "private_miou": own, "harmonic_miou": harmonic}
