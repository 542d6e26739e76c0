"""Support vector machines for examples that may have several labels each."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from landbridge.probing.base import FOLDS, Array
from landbridge.probing.svm import LinearSVM
from landbridge.training.estimators import a_few


class OneVsRestSVM(BaseEstimator):  # type: ignore[misc]
    """One `LinearSVM` a class, on the examples that are judged for it (VOC 2007; Everingham et al., IJCV 2010).

    A class of which the judged examples are all alike gets the same score everywhere: 1 if all have it, else -1.

    Args:
        C: of the SVMs, one for all classes; by default the best power of ten from 0.1 to 100 by the mean average
            precision in two-fold cross-validation on at most 4,000 of the training examples.
        scaling: `standard` or `length`, see `landbridge.probing.linear.LinearClassifier`.
        random_state: of the solver.

    Attributes:
        classes_: 0, 1, ...: the columns of `y`, and of `scores`.
        settings_: the constructor's arguments with nothing left open.

    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> y = np.where(x[:, :2] > 0, 1, -1)  # the first two features are the classes
    >>> y[:5, 1] = 0  # nobody could say
    >>> fitted = OneVsRestSVM().fit(x, y)
    >>> bool((fitted.predict(x) == np.where(x[:, :2] > 0, 1, -1)).mean() > 0.9)
    True
    """

    def __init__(self, C: float | None = None, scaling: str = "length", random_state: int = 0) -> None:  # noqa: N803
        self.C, self.scaling, self.random_state = C, scaling, random_state

    def fit(self, X: Array, y: Array) -> Self:  # noqa: N803
        """Learn from features [n, D] and labels [n, classes]: 1 has the class, -1 has it not, 0 is not judged."""
        X = validate_data(self, X, dtype=(np.float64, np.float32))  # noqa: N806
        y = check_array(y, dtype=int)
        check_consistent_length(X, y)
        if not np.isin(y, (-1, 0, 1)).all():
            raise ValueError("labels are 1, -1 or 0 for each class")
        self.classes_ = np.arange(y.shape[1])
        chosen = self.C if self.C is not None else self._choose(X, y)
        self.settings_: dict[str, Any] = self.get_params() | {"C": chosen}
        self.svms_ = self._learned(chosen, X, y)
        return self

    def scores(self, X: Array) -> Array:  # noqa: N803
        """How much speaks for each class [n, classes]; above 0 it is predicted."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)  # noqa: N806
        return _scored(self.svms_, X)

    def predict(self, X: Array) -> Array:  # noqa: N803
        """1 or -1 for each class [n, classes]."""
        return np.where(self.scores(X) > 0, 1, -1)

    def _learned(self, C: float, X: Array, y: Array) -> list[LinearSVM | int]:  # noqa: N803
        """For each class its SVM, or the one score that all get."""
        found: list[LinearSVM | int] = []
        for labels in y.T:
            judged = labels != 0
            alike = len(np.unique(labels[judged])) < 2
            svm = LinearSVM(C, self.scaling, self.random_state)
            found.append(1 if alike and (labels == 1).any() else -1 if alike else svm.fit(X[judged], labels[judged]))
        return found

    def _choose(self, X: Array, y: Array) -> float:  # noqa: N803
        some = a_few(len(X), seed=0)
        folds = list(KFold(FOLDS).split(some)) if len(some) >= FOLDS else []

        def precision(C: float) -> float:  # noqa: N803
            return float(np.mean([self._precision(C, X, y, some[train], some[test]) for train, test in folds]))

        candidates = LinearSVM._candidates["C"]
        return float(max(candidates, key=precision)) if folds else 1.0

    def _precision(self, C: float, X: Array, y: Array, train: Array, test: Array) -> float:  # noqa: N803
        """The mean average precision on `test` of what was learned on `train`; classes without examples stay out."""
        scores = _scored(self._learned(C, X[train], y[train]), X[test])
        found = [
            average_precision_score(labels[labels != 0] == 1, values[labels != 0])
            for labels, values in zip(y[test].T, scores.T)
            if (labels == 1).any()
        ]
        return float(np.mean(found)) if found else 0.0


def _scored(svms: list[LinearSVM | int], X: Array) -> Array:  # noqa: N803
    return np.stack([np.full(len(X), svm) if isinstance(svm, int) else svm.scores(X)[:, 1] for svm in svms], 1)
