"""Direct attribute prediction."""

from landbridge.zeroshot.attributes import PRIORS, posterior, presence, prior_of, probabilities
from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero, one_of
from landbridge.zeroshot.logistic import logistic


class DAP(ZeroShotClassifier):
    """Direct attribute prediction: a probabilistic classifier an attribute, and Bayes' rule from these to classes.

        score_c(x) = log prod_m p(a_m = a_m^c | x) / p(a_m = a_m^c)

    (Lampert et al., CVPR 2009, equation 2; TPAMI 2014, section 3.1). Attributes are there or not there, see `presence`;
    p(a_m | x) is a logistic regression, where the authors' first paper has support vector machines with Platt's
    scaling. An attribute that all seen classes share says nothing.

    Args:
        prior: p(a_m): `classes`, its share among the seen classes, or `half`.
        penalty: of the logistic regressions on half the squared weights, > 0.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> import numpy as np
    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> DAP(scaling="none").fit(x[:3], [0, 1, 2], table).predict(x)
    array([0, 1, 2, 3])
    """

    paper = "Lampert et al., CVPR 2009"
    SCORING = ("prior",)
    GRID = {"prior": PRIORS, "penalty": (0.01, 0.1, 1.0)}

    def __init__(self, prior: str = "classes", penalty: float = 0.01, scaling: str = "length") -> None:
        self.prior, self.penalty, self.scaling = prior, penalty, scaling

    @property
    def prior_(self) -> Array:
        """p(a_m = 1) [A]."""
        return prior_of(self.prior, self.table_[self.seen_])

    def attributes(self, X: Array) -> Array:  # noqa: N803
        """p(a_m = 1 | x) [n, A]."""
        return probabilities(self._scaled(self._features(X)), self.weights_, self.biases_)

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        one_of("prior", self.prior, PRIORS)
        above_zero(penalty=self.penalty)
        self.table_ = presence(self.signatures_)
        seen = self.table_[self.seen_]
        self.weights_, self.biases_ = logistic(X, seen[codes], self.penalty)

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        return posterior(probabilities(X, self.weights_, self.biases_), self.table_[classes], self.prior_)
