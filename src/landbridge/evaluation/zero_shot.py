"""The measures of zero-shot learning: classes count alike, and seen and unseen classes are weighed against each other.

Protocol and names follow Xian et al., "Zero-shot learning: a comprehensive evaluation of the good, the bad and the
ugly" (TPAMI 2018, section 4.3); the curve over the calibration follows Chao et al. (ECCV 2016, section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def by_class(right: Array, labels: Array) -> dict[int, float]:
    """The share of each class's examples that are right, classes ascending; those without examples are left out.

    >>> by_class(np.array([True, False, True]), np.array([4, 4, 7]))
    {4: 0.5, 7: 1.0}
    """
    return {int(c): float(right[labels == c].mean()) for c in np.unique(labels)}


def class_averaged(right: Array, labels: Array) -> float:
    """The mean over classes of `by_class`: a class with many examples counts no more than one with few.

    acc = 1 / |Y| sum over y in Y of (right in y / examples of y) (Xian et al., eq. 7).

    >>> class_averaged(np.array([True, True, True, False]), np.array([0, 0, 0, 1]))
    0.5
    """
    return float(np.mean(list(by_class(right, labels).values())))


def standard_error(right: Array, labels: Array) -> float:
    """How far chance in the choice of examples moves `class_averaged`: sqrt(sum over y of p (1 - p) / (n + 4)) / |Y|.

    p is the share of a class after two more examples that are right and two that are wrong, so that a class with three
    of three right is not taken for certain (Agresti and Coull, The American Statistician 52, 1998).

    >>> round(standard_error(np.array([True, False] * 50), np.zeros(100)), 3)
    0.049
    """
    shares, counts = by_class(right, labels), np.unique(labels, return_counts=True)[1]
    p = (np.array(list(shares.values())) * counts + 2) / (counts + 4)
    return float(np.sqrt((p * (1 - p) / (counts + 4)).sum()) / len(p))


def hits(scores: Array, labels: Array, classes: Array, k: int) -> Array:
    """Whether the right class is among the k with the highest scores [n].

    Args:
        scores: [n, classes].
        labels: classes [n].
        classes: which class each column is.
        k: how many; with fewer classes all of them.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found: Array = (classes[best] == labels[:, None]).any(1)
    return found


def harmonic_mean(seen: float, unseen: float) -> float:
    """H = 2 S U / (S + U): high only where both are (Xian et al., eq. 8).

    >>> harmonic_mean(0.6, 0.3), harmonic_mean(0.9, 0.0)
    (0.4, 0.0)
    """
    return 2 * seen * unseen / (seen + unseen) if seen + unseen > 0 else 0.0


@dataclass(frozen=True)
class SeenUnseenCurve:
    """Accuracy on seen and on unseen classes while the scores of seen classes are lowered more and more.

    Attributes:
        steps: values of gamma at which something changes, ascending [n].
        seen: S between them, falling [n + 1]: the first below all steps, where nothing is called unseen.
        unseen: U between them, rising [n + 1].
    """

    steps: Array
    seen: Array
    unseen: Array

    @property
    def area(self) -> float:
        """The area under seen over unseen accuracy (AUSUC): how good the scores are, whatever the calibration."""
        return float(np.trapezoid(self.seen, self.unseen))

    def at(self, gamma: float) -> tuple[float, float]:
        """S and U with this gamma."""
        place = int(np.searchsorted(self.steps, gamma, side="right"))
        return float(self.seen[place]), float(self.unseen[place])

    def harmonic(self, gammas: Array) -> Array:
        """H with each of these gammas."""
        place = np.searchsorted(self.steps, gammas, side="right")
        s, u = self.seen[place], self.unseen[place]
        h: Array = np.divide(2 * s * u, s + u, out=np.zeros_like(s), where=s + u > 0)
        return h

    def thinned(self, points: int) -> tuple[list[float], list[float]]:
        """S and U at no more than so many places, for a drawing."""
        places = np.unique(np.linspace(0, len(self.steps), points).round().astype(int))
        return self.seen[places].tolist(), self.unseen[places].tolist()


def leads(scores: Array, seen: Array) -> Array:
    """By how much the best seen class leads the best unseen one [n]; an example is called a seen class above gamma.

    Args:
        scores: [n, classes].
        seen: which columns are seen classes, bool [classes].

    Raises:
        ValueError: all are seen, or none is: there is nothing to weigh.
    """
    if seen.all() or not seen.any():
        raise ValueError("some columns must be of seen classes and some of unseen ones")
    lead: Array = scores[:, seen].max(1) - scores[:, ~seen].max(1)
    return lead


def seen_unseen_curve(scores: Array, labels: Array, seen: Array) -> SeenUnseenCurve:
    """S and U as functions of gamma, exactly: each example changes sides once, where gamma reaches its lead.

    f(x) = argmax over c of (s_c(x) - gamma [c is seen]) (Chao et al., eq. 3).

    Args:
        scores: [n, classes], of examples of seen and of unseen classes.
        labels: columns of the right classes [n].
        seen: which columns are seen classes, bool [classes].

    Raises:
        ValueError: there are no examples of seen classes, or none of unseen ones.
    """
    of_seen = seen[labels]
    if of_seen.all() or not of_seen.any():
        raise ValueError("the curve takes examples of seen classes and of unseen ones")
    own_side = np.where(seen == of_seen[:, None], scores, -np.inf)
    right = own_side.argmax(1) == labels
    counts = np.bincount(labels, minlength=len(seen))
    present = [int((counts[side] > 0).sum()) for side in (~seen, seen)]
    # What an example adds to its class-averaged accuracy when it is called rightly.
    worth = right / (counts[labels] * np.array(present)[of_seen.astype(int)])
    steps, place = np.unique(leads(scores, seen), return_inverse=True)
    lost, won = (np.bincount(place, worth * side, len(steps)) for side in (of_seen, ~of_seen))
    falling = lost.sum() - np.concatenate([[0.0], lost.cumsum()])
    return SeenUnseenCurve(steps, falling.clip(0, 1), np.concatenate([[0.0], won.cumsum()]))


def best_share(curves: Sequence[SeenUnseenCurve], leads_of_seen: Sequence[Array]) -> float:
    """The share of seen examples to give up for the largest harmonic mean, on average over some problems.

    Gamma is the quantile, at this share, of the leads of the seen examples: those that lead by less are called unseen.
    The share carries over to a problem with other classes, where scores lie closer together or further apart; gamma
    itself does not.

    Args:
        curves: one a problem.
        leads_of_seen: `leads` of the examples of seen classes in each problem.

    Returns:
        Of 101 shares in [0, 1] the best; of several equally good ones, that in the middle.
    """
    shares = np.linspace(0, 1, 101)
    gammas = [np.quantile(lead, shares) for lead in leads_of_seen]
    h = np.mean([curve.harmonic(gamma) for curve, gamma in zip(curves, gammas)], axis=0)
    best = np.flatnonzero(h >= h.max() - 1e-12)
    return float(shares[best[len(best) // 2]])


def calibrated(scores: Array, seen: Array, gamma: float) -> Array:
    """Calibrated stacking: the scores of seen classes lowered by gamma (Chao et al., eq. 3).

    >>> calibrated(np.array([[0.9, 0.5]]), np.array([True, False]), 0.5).round(1).tolist()
    [[0.4, 0.5]]
    """
    lowered: Array = scores - gamma * seen
    return lowered
