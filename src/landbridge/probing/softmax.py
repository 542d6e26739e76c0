"""Softmax regression."""

from sklearn.linear_model import LogisticRegression

from landbridge.probing.base import Array
from landbridge.probing.linear import SCALINGS, LinearClassifier


class SoftmaxRegression(LinearClassifier):
    """Multinomial logistic regression with an L2 penalty.

        min over W, b of  |W|^2 / 2 + C sum_i -log softmax(W x_i + b)[y_i]

    by L-BFGS; x is scaled, see `LinearClassifier`. Softmax of `scores` gives probabilities.

    Args:
        C: weight of the likelihood against the norm of the weights, > 0; by default the best power of ten from 1 to
            1,000 in two-fold cross-validation on at most 4,000 of the training examples.
        scaling: `standard` or `length`, see `LinearClassifier`; by default the better one in the same cross-validation,
            and `length` where no class has two examples.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(90) % 3
    >>> x = rng.normal(size=(90, 5)) + 3 * np.eye(5)[y]
    >>> SoftmaxRegression().fit(x, y).score(x, y) > 0.9
    True
    """

    _candidates = {"scaling": SCALINGS, "C": (1.0, 10.0, 100.0, 1000.0)}
    # With one example a class what deviates is what tells classes apart: dividing by it would hide it.
    _usual = {"scaling": "length", "C": 10.0}

    def __init__(self, C: float | None = None, scaling: str | None = None) -> None:  # noqa: N803
        super().__init__(C, scaling)

    def _rule(self, X: Array, codes: Array) -> tuple[Array, Array]:  # noqa: N803
        fitted = LogisticRegression(C=self.settings_["C"], tol=1e-4, max_iter=1000).fit(X, codes)
        if len(self.classes_) == 2:
            # Two classes share one margin z: half for one and half against the other has the same softmax.
            return fitted.coef_ / 2, fitted.intercept_ / 2
        return fitted.coef_, fitted.intercept_
