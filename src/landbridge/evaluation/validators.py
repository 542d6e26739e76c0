"""Judges of a model that need no target label. Higher is better."""

from collections.abc import Callable

import torch
from torch import Tensor

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.domain import View
from landbridge.evaluation.inference import predict
from landbridge.nn.models import Classifier

Validator = Callable[[Classifier, View, View], float]
"""(model, labelled source validation view, unlabelled target view) -> score."""


def negative_entropy(probabilities: Tensor) -> Tensor:
    """Minus the mean entropy of predictions [N, C], in [-log C, 0]: how sure it is (Morerio et al., ICLR 2018)."""
    return (probabilities * probabilities.clamp_min(1e-12).log()).sum(1).mean()


def mutual_information(probabilities: Tensor) -> Tensor:
    """Entropy of the mean prediction minus mean entropy, in [0, log C]: sure of each, and of different classes.

    Information maximisation (Krause et al., NeurIPS 2010, eq. 3). A model that calls everything one class scores 0,
    which entropy alone would take for perfect.
    """
    mean = probabilities.mean(0)
    return negative_entropy(probabilities) - (mean * mean.clamp_min(1e-12).log()).sum()


def source_accuracy(model: Classifier, source: View, target: View) -> float:
    """Accuracy on held-out source examples: blind to the shift, but never misled by a collapse on the target."""
    return float((predict(model, source).argmax(1) == source.y).float().mean())


def entropy(model: Classifier, source: View, target: View) -> float:
    """`negative_entropy` on the target."""
    return float(negative_entropy(predict(model, target)))


def information_maximisation(model: Classifier, source: View, target: View) -> float:
    """`mutual_information` on the target."""
    return float(mutual_information(predict(model, target)))


VALIDATORS: dict[str, Validator] = {
    "source-accuracy": source_accuracy,
    "entropy": entropy,
    "im": information_maximisation,
}
"""The rules that `--select` knows beside `last`."""


LOOKED_AT = 2000
"""How many examples of a domain a judge looks at."""


def _some(view: View, most: int, seed: int) -> View:
    return view.subset(torch.randperm(len(view), generator=torch.Generator().manual_seed(seed))[:most])


def unlabelled_scores(model: Classifier, target: View, most: int = LOOKED_AT) -> dict[str, float]:
    """What can be said of a finished model without target labels: by it, settings are chosen between runs.

    Args:
        model: the model to judge.
        target: unlabelled target training examples.
        most: how many of them are looked at, always the same ones.

    Returns:
        `entropy` and `im`, as `--select` means them.
    """
    probabilities = predict(model.eval(), _some(target, most, seed=0))
    return {
        "entropy": float(negative_entropy(probabilities)),
        "im": float(mutual_information(probabilities)),
    }


def scorer(
    name: str, source: View, target: View, most: int = LOOKED_AT, seed: int = 0
) -> Callable[[Classifier], float] | None:
    """The judge that `--select NAME` means, on at most `most` examples a domain; None for `last`.

    Args:
        name: `last` or a name of `VALIDATORS`.
        source: labelled source examples that training does not see.
        target: unlabelled target training examples.
        most: how many examples of each are looked at.
        seed: which ones.

    Raises:
        UnknownNameError: no such rule.
    """
    if name == "last":
        return None
    if name not in VALIDATORS:
        hint = nearest(name, VALIDATORS) or f"; known: last, {', '.join(VALIDATORS)}"
        raise UnknownNameError(f"unknown selection rule '{name}'{hint}")
    source, target = (_some(view, most, seed) for view in (source, target))
    validator = VALIDATORS[name]
    return lambda model: validator(model.eval(), source, target)
