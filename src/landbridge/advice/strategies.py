"""The strategies that are tried: cheap rules on the features of a frozen network, one function each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from landbridge.adaptation.coral import CorrelationAlignment
from landbridge.adaptation.sa import SubspaceAlignment
from landbridge.adaptation.svm import StandardisedSVM
from landbridge.probing import CLASSIFIERS
from landbridge.training.estimators import AlignedSVM

Array = NDArray[Any]
Scorer = Callable[[Array, str], Array]
"""(features [n, D], `source` or `target`) -> scores [n, classes]; the largest is what the rule says."""

C = 1.0
"""Of all SVMs, on standardised features divided by the root of their number, so that examples have length one about.
Choosing it for each strategy by cross-validation would take ten times as long and compare the choices as well."""

NEVER = -1e6
"""The score of a class that a rule never saw: a constant, so that linear rules stay linear."""


@dataclass(frozen=True)
class Material:
    """What a rule may learn from. There are no target labels here but those that were given.

    Attributes:
        x: source features [n, D].
        y: their class numbers [n].
        target: target features [m, D], without labels.
        shots_x: target features with labels [k, D].
        shots_y: their class numbers [k].
        classes: how many classes there are.
    """

    x: Array
    y: Array
    target: Array
    shots_x: Array
    shots_y: Array
    classes: int


def _probe(name: str, *, on_shots: bool, **options: Any) -> Callable[[Material], Scorer]:
    """A classifier of `landbridge.probing` on the labels of one side, used on both sides alike."""

    def learn(given: Material) -> Scorer:
        x, y = (given.shots_x, given.shots_y) if on_shots else (given.x, given.y)
        fitted = CLASSIFIERS.resolve(name)(**options).fit(x, y)
        return lambda features, _: _spread(fitted.scores(features), fitted.classes_, given.classes)

    return learn


def _aligned(make: Callable[..., AlignedSVM]) -> Callable[[Material], Scorer]:
    """An estimator that maps both domains into one space; each side is scored through its own map."""

    def learn(given: Material) -> Scorer:
        fitted = make(C=C / given.x.shape[1]).fit(given.x, given.y, target=given.target)

        def scores(features: Array, domain: str) -> Array:
            found = fitted.svm_.decision_function(fitted.transform(features, domain))
            both = np.stack([-found, found], 1) if found.ndim == 1 else found
            return _spread(both, fitted.classes_, given.classes)

        return scores

    return learn


def _together(given: Material) -> Scorer:
    """One SVM on the labels of both sides: each standardised by itself, shots repeated until both weigh alike."""
    scalers = {"source": StandardScaler().fit(given.x), "target": StandardScaler().fit(given.target)}
    times = max(1, len(given.x) // len(given.shots_x))
    x = np.concatenate(
        [scalers["source"].transform(given.x), *[scalers["target"].transform(given.shots_x)] * times],
    )
    y = np.concatenate([given.y, *[given.shots_y] * times])
    fitted = CLASSIFIERS.resolve("svm")(C=C, scaling="standard").fit(x, y)
    return lambda features, domain: _spread(
        fitted.scores(scalers[domain].transform(features)), fitted.classes_, given.classes
    )


VOTERS = ("standardised", "coral", "sa")
"""Those that a vote is taken of: the linear rules that learn from the source and look at the target."""


def vote(given: Material, learned: Mapping[str, Scorer] = MappingProxyType({})) -> Scorer:
    """The mean of what the voters say, each at unit spread on the target.

        vote(x) = mean over r of (s_r(x) - mean over c of s_rc(x)) / sigma_r

    with s_rc(x) the score that rule r gives class c, and sigma_r the standard deviation of the centred scores over all
    target examples and classes. Which voter is right where domains differ cannot be known without labels; where their
    mistakes differ the mean makes fewer (Kittler et al., PAMI 1998, the sum rule). A sum of linear rules is linear.

    Args:
        given: what to learn from.
        learned: voters that were learned from it before; the others are learned now.
    """
    seen = np.unique(given.y)
    rules = [learned.get(name) or STRATEGIES[name](given) for name in VOTERS]

    def centred(rule: Scorer, features: Array, domain: str) -> Array:
        found = rule(features, domain)[:, seen]
        return np.asarray(found - found.mean(1, keepdims=True))

    spreads = [max(float(centred(rule, given.target, "target").std()), 1e-12) for rule in rules]

    def scores(features: Array, domain: str) -> Array:
        each = [centred(rule, features, domain) / spread for rule, spread in zip(rules, spreads)]
        return _spread(np.mean(each, axis=0), seen, given.classes)

    return scores


STRATEGIES: Mapping[str, Callable[[Material], Scorer]] = {
    "vote": vote,
    "source-svm": _probe("svm", on_shots=False, C=C, scaling="standard"),
    "source-prototype": _probe("prototype", on_shots=False),
    "source-knn": _probe("knn", on_shots=False),
    "standardised": _aligned(StandardisedSVM),
    "coral": _aligned(CorrelationAlignment),
    "sa": _aligned(SubspaceAlignment),
    "shots-svm": _probe("svm", on_shots=True, C=C, scaling="standard"),
    "shots-prototype": _probe("prototype", on_shots=True),
    "together": _together,
}
"""Name -> how it learns."""

LINEAR = ("vote", *VOTERS, "source-svm", "shots-svm", "together")
"""Those whose scores are linear in the features."""


def _spread(scores: Array, known: Array, classes: int) -> Array:
    """Scores [n, known] as [n, classes]; a class that was never seen is never said."""
    every = np.full((len(scores), classes), NEVER)
    every[:, known] = scores
    return every


def linear(scorer: Scorer, width: int, rows: int = 512) -> tuple[Array, Array]:
    """A rule of `LINEAR` on target features, as (weights [classes, D], biases [classes]).

    It is known from what it says of the origin and of the unit vectors.

    Args:
        scorer: the rule.
        width: number of features.
        rows: how many unit vectors are scored at once.
    """
    bias = scorer(np.zeros((1, width)), "target")[0]
    starts = range(0, width, rows)
    parts = [scorer(np.eye(min(rows, width - start), width, start), "target") - bias for start in starts]
    return np.concatenate(parts).T, bias
