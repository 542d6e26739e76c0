"""Linear support vector machines."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from landbridge.probing.base import Array
from landbridge.probing.linear import SCALINGS, LinearClassifier


class LinearSVM(LinearClassifier):
    """One linear support vector machine a class, that class against all others.

        min over w, b of  (|w|^2 + b^2) / 2 + C sum_i max(0, 1 - y_i (w x_i + b))^2

    with y_i = 1 for the class and -1 for the others, by liblinear's dual coordinate descent (Hsieh et al., ICML 2008);
    x is scaled, see `LinearClassifier`.

    Args:
        C: weight of the errors against the width of the margin, > 0; by default the best power of ten from 0.1 to 100
            in two-fold cross-validation on at most 4,000 of the training examples.
        scaling: `standard` or `length`, see `LinearClassifier`; by default the better one in the same cross-validation,
            and `length` where no class has two examples.
        random_state: of the solver.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(90) % 3
    >>> x = rng.normal(size=(90, 5)) + 3 * np.eye(5)[y]
    >>> svm = LinearSVM().fit(x, y)
    >>> svm.scores(x).shape, svm.score(x, y) > 0.9, svm.settings_
    ((90, 3), True, {'C': 0.1, 'random_state': 0, 'scaling': 'standard'})
    """

    _candidates = {"scaling": SCALINGS, "C": (0.1, 1.0, 10.0, 100.0)}
    # With one example a class what deviates is what tells classes apart: dividing by it would hide it.
    _usual = {"scaling": "length", "C": 1.0}

    def __init__(self, C: float | None = None, scaling: str | None = None, random_state: int = 0) -> None:  # noqa: N803
        super().__init__(C, scaling)
        self.random_state = random_state

    def _rule(self, X: Array, codes: Array) -> tuple[Array, Array]:  # noqa: N803
        svm = LinearSVC(C=self.settings_["C"], dual=True, tol=1e-2, max_iter=300, random_state=self.random_state)
        with warnings.catch_warnings():
            # Where a large C is still short of the optimum after so many passes, cross-validation judges what it got.
            warnings.simplefilter("ignore", ConvergenceWarning)
            svm.fit(X, codes)
        return svm.coef_, svm.intercept_
