"""How good a model is on a domain, and how much of the gap it closed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.domain import View, unseal
from landbridge.data.images import Size
from landbridge.data.masks import Labels, Masks
from landbridge.evaluation.inference import predict
from landbridge.evaluation.multi_label import average_precision_11_point as average_precision_11_point
from landbridge.evaluation.segmentation import SegmentationScores, confusion_matrix
from landbridge.nn.models import Classifier
from landbridge.nn.segmenter_model import Segmenter

IMAGES_AT_ONCE = 16


def labels_of(view: View) -> Labels | None:
    """The labels of a view, for a person to look at; None where there are none."""
    return unseal(view)


@dataclass(frozen=True)
class Scores:
    """What is known about a model on a domain once its labels are opened.

    Attributes:
        accuracy: share of examples classified rightly, in [0, 1]; None without labels.
        mean_class_accuracy: mean over the classes of the share of their examples classified rightly; None likewise.
        per_class_accuracy: by class; None for a class without examples.
        confusion: examples of class i (row) called class j (column), int64 [classes, classes].
        examples: how many there were.
        open_set: the numbers of an open-set target by name, see `open_set_scores`; empty for others.
    """

    accuracy: float | None
    mean_class_accuracy: float | None
    per_class_accuracy: list[float | None] | None
    confusion: list[list[int]] | None
    examples: int
    open_set: Mapping[str, float | None] = field(default_factory=dict)

    def as_metrics(self, prefix: str) -> dict[str, Any]:
        """The numbers under names such as `target_accuracy`."""
        named = {"accuracy": self.accuracy, "mean_class_accuracy": self.mean_class_accuracy, "examples": self.examples}
        named |= self.open_set
        return {f"{prefix}_{name}": value for name, value in named.items()}


def open_set_scores(by_class: Sequence[float | None] | None) -> dict[str, float | None]:
    """What a field reports of a target with classes that the source lacks.

    Args:
        by_class: the share of each class's examples that are called rightly, `unknown` last; None where not known.

    Returns:
        `known_accuracy`, the mean over the known classes (OS*); `unknown_accuracy`, the share of the unknown class that
        is called so; `all_accuracy`, the mean over all of these classes (OS, Panareda Busto and Gall, ICCV 2017); and
        `h_score`, the harmonic mean of the first two (Fu et al., ECCV 2020), which neither alone can lift.

    >>> open_set_scores([1.0, 0.5, None, 0.25])["h_score"]
    0.375
    """
    *known, rejected = by_class or (None,)
    of_known, overall = _mean(known), _mean(by_class or ())
    h_score = None
    if of_known is not None and rejected is not None:
        h_score = 2 * of_known * rejected / (of_known + rejected) if of_known + rejected else 0.0
    return {"known_accuracy": of_known, "unknown_accuracy": rejected, "all_accuracy": overall, "h_score": h_score}


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def score(probabilities: Tensor, view: View, *, open_set: bool = False) -> Scores:
    """Compare predictions with the labels of a view, which are opened for it.

    Args:
        probabilities: [N, classes], in the order of the view.
        view: whose labels; may have none.
        open_set: whether the last class is `unknown`, that of all examples whose own class the source lacks.

    Raises:
        BadDataError: the examples may have several labels each, so that right and wrong are not defined.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix  # takes seconds to import

    labels = unseal(view)
    if labels is None or len(labels) == 0:
        return Scores(None, None, None, None, len(view), open_set_scores(None) if open_set else {})
    if labels.dim() == 2:
        raise BadDataError(
            f"an example of {view.domain} may have several labels: there is no accuracy, but a mean average precision"
        )
    confusion = multiclass_confusion_matrix(probabilities.argmax(1), labels, num_classes=probabilities.shape[1])
    right, seen = confusion.diagonal().double(), confusion.sum(1).double()
    by_class = [float(r / s) if s else None for r, s in zip(right, seen)]
    return Scores(
        accuracy=float(right.sum() / seen.sum()),
        mean_class_accuracy=_mean(by_class),
        per_class_accuracy=by_class,
        confusion=confusion.tolist(),
        examples=len(view),
        open_set=open_set_scores(by_class) if open_set else {},
    )


def evaluate(model: Classifier, view: View, *, open_set: bool = False) -> Scores:
    """The scores of a model on a view; see `score`."""
    return score(predict(model, view), view, open_set=open_set)


def evaluate_pixels(
    model: Segmenter, view: View, size: Size | None = None, private: Sequence[str] = (), **seeing: Any
) -> SegmentationScores:
    """The scores of a segmenter on a view, whose masks are opened for it.

    Args:
        model: the segmenter.
        view: images with a class for each pixel.
        size: height and width at which images and masks are compared; each at its own by default.
        private: names of the classes that only this domain has, the last ones. A model that does not know them says
            none of them.
        seeing: how the segmenter looks, as for its `predict`: `window`, `scales`, `flip`.

    Raises:
        BadDataError: the view has no images, no masks, or classes that the model does not know as its own.
    """
    masks = unseal(view)
    if not isinstance(masks, Masks):
        raise BadDataError(f"{view.domain} ({view.split}) has no class for each pixel to measure a segmenter by")
    if not len(view):
        raise BadDataError(f"{view.domain} ({view.split}) has no images to measure a segmenter on")
    every = tuple(view.classes)
    if model.classes not in (every, every[: len(every) - len(private)]):
        raise BadDataError(
            f"the model's classes ({_shown(model.classes)}) are not those of {view.domain} ({_shown(view.classes)})"
        )
    count = len(every)
    confusion = torch.zeros(count, count, dtype=torch.int64)
    # Images of their own sizes do not fit into one tensor.
    for positions in torch.arange(len(view)).split(1 if size is None else IMAGES_AT_ONCE):
        predicted = model.predict(view.read(positions, size), **seeing)
        confusion += confusion_matrix(predicted, masks.read(positions, size), count)
    return SegmentationScores(every, confusion, len(view), tuple(private))


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def mean_average_precision(scores: Tensor, view: View) -> tuple[float, list[float | None]]:
    """How well the scores rank the examples of each class, for a view whose examples may have several labels.

    Args:
        scores: [N, classes], in the order of the view; of each class only the order counts.
        view: whose labels, which are opened for it.

    Returns:
        The mean over the classes of `average_precision_11_point`, in [0, 1], and that of each class; None for a class
        that no example has, which the mean leaves out.

    Raises:
        BadDataError: the view has no labels, or one an example; or the scores are not numbers.
    """
    labels = unseal(view)
    if labels is None or labels.dim() != 2:
        found = "none" if labels is None else "one each"
        raise BadDataError(f"mean average precision takes several labels an example: {view.domain} has {found}")
    if scores.isnan().any():
        raise BadDataError(f"some scores on {view.domain} are NaN: they rank nothing")
    if scores.shape != labels.shape:
        raise ValueError(f"scores {tuple(scores.shape)} for labels {tuple(labels.shape)}")
    by_class = [average_precision_11_point(scores[:, c].cpu(), labels[:, c]) for c in range(labels.shape[1])]
    known = [value for value in by_class if not math.isnan(value)]
    if not known:
        raise BadDataError(f"no example of {view.domain} ({view.split}) has any of its classes: nothing can be ranked")
    return sum(known) / len(known), [None if math.isnan(value) else value for value in by_class]


def variance_explained(predictions: Tensor, view: View) -> tuple[float, float]:
    """How well numbers are predicted, for a view whose labels are numbers.

    Args:
        predictions: [N, K], in the order of the view.
        view: whose labels, which are opened for it.

    Returns:
        R^2 = 1 - sum (y - p)^2 / sum (y - mean y)^2, at most 1 and 0 for always saying the mean; and the mean absolute
        error in the units of the labels. Both are means over the K numbers.

    Raises:
        BadDataError: the labels are no numbers to predict, or all the same.
    """
    labels = unseal(view)
    if labels is None or not labels.is_floating_point():
        raise BadDataError(f"the labels of {view.domain} ({view.split}) are no numbers to predict")
    truth, errors = labels.double(), (predictions - labels).double()
    spread = (truth - truth.mean(0)).square().sum(0)
    if not bool((spread > 0).all()):
        raise BadDataError(f"all examples of {view.domain} ({view.split}) have the same number: nothing is explained")
    return float((1 - errors.square().sum(0) / spread).mean()), float(errors.abs().mean())


def gap_closed(method: float, source_only: float, target_only: float) -> float | None:
    """The share of the gap between no adaptation and training on the target that a method closed.

    (method - source only) / (target only - source only) (Ganin and Lempitsky, ICML 2015, table 1). 1 is the oracle,
    below 0 is worse than doing nothing.

    Returns:
        The share, or None where the oracle is no better than source only, so that there is no gap to close.

    >>> round(gap_closed(0.8149, 0.5749, 0.9891), 3)
    0.579
    """
    gap = target_only - source_only
    return (method - source_only) / gap if gap > 0 else None
