"""Trying strategies under a budget, and estimating how good each is without looking at a label that was not given."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from landbridge.advice.material import Gathered
from landbridge.advice.rules import AGREEING, SHOT_RULES, Estimate
from landbridge.advice.strategies import STRATEGIES, Material, Scorer, vote

Array = NDArray[Any]

FOLDS = 5
"""Of the cross-validation on the shots, at most."""


@dataclass(frozen=True)
class Trial:
    """One strategy, tried.

    Attributes:
        name: of the strategy.
        scorer: the fitted rule.
        predicted: what it says of the target examples that were looked at: class numbers [m].
        source_accuracy: on held-out source examples; None for rules that know the target only.
        shots_accuracy: on target labels that it did not learn from; None without them.
        seconds: how long that took.
    """

    name: str
    scorer: Scorer
    predicted: Array
    source_accuracy: float | None
    shots_accuracy: float | None
    seconds: float


def run(
    names: Sequence[str],
    gathered: Gathered,
    budget: float,
    seed: int = 0,
    told: Callable[[str], None] = lambda name: None,
) -> dict[str, Trial]:
    """Try strategies in turn; none is begun once `budget` seconds are spent, and the first always is.

    Args:
        names: of `STRATEGIES`, in the order to try them.
        gathered: what they learn from.
        budget: seconds.
        seed: of the folds.
        told: called with each name before it is tried.
    """
    trials: dict[str, Trial] = {}
    begun = time.perf_counter()
    for name in names:
        if trials and time.perf_counter() - begun >= budget:
            break
        told(name)
        trials[name] = _try(name, gathered, seed, {name: trial.scorer for name, trial in trials.items()})
    return trials


def _try(name: str, gathered: Gathered, seed: int, learned: Mapping[str, Scorer]) -> Trial:
    begun, given = time.perf_counter(), gathered.material
    scorer = vote(given, learned) if name == "vote" else STRATEGIES[name](given)
    on_source = None
    if name not in SHOT_RULES and len(gathered.held_y):
        on_source = _accuracy(scorer(gathered.held_x, "source"), gathered.held_y)
    on_shots = None
    if name in SHOT_RULES:
        on_shots = _cross_validated(name, given, seed)
    elif len(given.shots_y):
        on_shots = _accuracy(scorer(given.shots_x, "target"), given.shots_y)
    predicted = scorer(given.target, "target").argmax(1)
    return Trial(name, scorer, predicted, on_source, on_shots, time.perf_counter() - begun)


def _cross_validated(name: str, given: Material, seed: int) -> float | None:
    """The accuracy on shots that were left out in turn; None with one a class, where none can be left out."""
    folds = min(FOLDS, int(np.bincount(given.shots_y, minlength=1)[np.unique(given.shots_y)].min()))
    if folds < 2:
        return None
    right = 0
    for learn, held in StratifiedKFold(folds, shuffle=True, random_state=seed).split(given.shots_x, given.shots_y):
        part = replace(given, shots_x=given.shots_x[learn], shots_y=given.shots_y[learn])
        scores = STRATEGIES[name](part)(given.shots_x[held], "target")
        right += int((scores.argmax(1) == given.shots_y[held]).sum())
    return right / len(given.shots_y)


def _accuracy(scores: Array, y: Array) -> float:
    return float((scores.argmax(1) == y).mean())


def on_shots(trials: Mapping[str, Trial], shots: int) -> dict[str, Estimate]:
    """Estimates from the target labels that were given: the accuracy on `shots` examples, and its standard error."""
    measured = {name: trial.shots_accuracy for name, trial in trials.items() if trial.shots_accuracy is not None}
    return {name: Estimate(value, _error(value, shots)) for name, value in measured.items()}


def without_labels(trials: Mapping[str, Trial], y: Array, classes: int) -> dict[str, Estimate]:
    """Estimates from what the strategies say of the target, and nothing else: agreement times variety.

    Agreement is the share of target examples of which another strategy says the same, averaged over the others: rules
    that err in different ways agree where they are right (Platanios, Blum and Mitchell, UAI 2014). Rules that look at
    the target as if it were the source often collapse together onto a few classes, which agreement cannot see; so it
    is multiplied by the entropy of the classes that the rule hands out over that of the source's labels, at most 1.
    Misleading where most strategies share a mistake, or where few of the source's classes occur in the target.

    Args:
        trials: what was tried.
        y: labels of the source.
        classes: how many there are.

    Returns:
        By strategy; empty with fewer than three, where agreement says nothing.
    """
    if len(trials) < AGREEING:
        return {}
    estimates = {}
    for name, trial in trials.items():
        others = [other.predicted for other in trials.values() if other.name != name]
        agreement = float(np.mean([(trial.predicted == predicted).mean() for predicted in others]))
        value = agreement * min(1.0, entropy(trial.predicted, classes) / max(entropy(y, classes), 1e-12))
        estimates[name] = Estimate(value, _error(value, len(trial.predicted)))
    return estimates


def entropy(labels: Array, classes: int) -> float:
    """Entropy of the shares of the classes, in [0, log classes].

    >>> round(entropy(np.array([0, 1, 0, 1]), 3), 3)
    0.693
    """
    shares = np.bincount(labels, minlength=classes) / max(len(labels), 1)
    seen = shares[shares > 0]
    return float(-(seen * np.log(seen)).sum())


def _error(value: float, count: int) -> float:
    """Standard error of a share `value` of `count` examples; as if one more had been right and one wrong."""
    smooth = (value * count + 1) / (count + 2)
    return float(np.sqrt(smooth * (1 - smooth) / (count + 2)))
