"""Indirect attribute prediction."""

import numpy as np

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.attributes import PRIORS, posterior, presence, prior_of, shared
from landbridge.zeroshot.base import Array, one_of
from landbridge.zeroshot.seen_classes import OverSeenClasses


class IAP(OverSeenClasses):
    """Indirect attribute prediction: attributes by way of the seen classes that have them.

        p(a_m | x) = sum over seen k of p(a_m | y_k) p(y_k | x),   p(a_m | y_k) = [a_m = a_m^k]
        score_c(x) = log prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c)

    (Lampert et al., CVPR 2009, section 3, equations 2 and 3). p(y_k | x) is a softmax regression; attributes are there
    or not there, see `presence`. A seen class's probability of 1 would rule out all rows but its own, so each
    p(a_m | x) is drawn a little towards the prior. An attribute that all seen classes share says nothing.

    Args:
        prior: p(a_m): `classes`, its share among the seen classes, or `half`.
        penalty: of the softmax regression on half the squared weights, > 0.
        smoothing: weight of the prior in p(a_m | x), in [0, 1).
        scaling: of the features, see `ZeroShotClassifier`.

    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> IAP(scaling="none").fit(x[:3], [0, 1, 2], table).predict(x)
    array([0, 1, 2, 3])
    """

    paper = "Lampert et al., CVPR 2009"
    SCORING = ("prior",)
    GRID = {"prior": PRIORS, "penalty": (0.01, 0.1, 1.0)}

    def __init__(
        self, prior: str = "classes", penalty: float = 0.01, smoothing: float = 0.001, scaling: str = "length"
    ) -> None:
        self.prior, self.penalty, self.smoothing, self.scaling = prior, penalty, smoothing, scaling

    @property
    def prior_(self) -> Array:
        """p(a_m = 1) [A]."""
        return prior_of(self.prior, self.table_[self.seen_])

    def attributes(self, X: Array) -> Array:  # noqa: N803
        """p(a_m = 1 | x) [n, A]."""
        return self._attributes(self._scaled(self._features(X)))

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        one_of("prior", self.prior, PRIORS)
        if not 0 <= self.smoothing < 1:
            raise BadDataError(f"smoothing is in [0, 1), not {self.smoothing:g}")
        super()._learn(X, codes)
        self.table_ = presence(self.signatures_)

    def _attributes(self, X: Array) -> Array:  # noqa: N803
        seen = self.table_[self.seen_]
        told = (1 - self.smoothing) * self._probabilities(X) @ seen + self.smoothing * self.prior_
        known: Array = np.where(shared(seen), 0.5, told)
        return known

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        return posterior(self._attributes(X), self.table_[classes], self.prior_)
