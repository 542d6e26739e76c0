"""What the classifiers on features share: each scores the classes, and chooses what is left open by itself."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from landbridge.training.estimators import a_few

Array = NDArray[Any]

FOLDS = 2
"""Of the cross-validation that chooses a setting."""

FALL = 0.01
"""Values that follow one that is worse than the best by so much accuracy are not tried."""


class FeatureClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier on features [n, D] that says how much speaks for each class.

    A subclass learns in `_learn` and scores in `_scores`. In `_candidates` it says which values, in order, are tried
    for an argument that is left at None; one argument is chosen after the other. `_usual` holds for those still to be
    chosen, and where no two classes have examples for two folds.

    Attributes:
        classes_: the labels, sorted; the columns of `scores` stand in this order.
        settings_: the constructor's arguments with nothing left open: `type(e)(**e.settings_)` learns from other
            examples of the same kind without choosing again.
    """

    _candidates: ClassVar[dict[str, tuple[Any, ...]]] = {}
    _usual: ClassVar[dict[str, Any]] = {}

    def fit(self, X: Array, y: Array) -> Self:  # noqa: N803
        """Learn from features [n, D] and labels [n] of at least two classes."""
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), ensure_min_samples=2)  # noqa: N806
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"all {len(y)} examples are of one class: there is nothing to tell apart")
        left_open = [name for name in self._candidates if getattr(self, name) is None]
        self.settings_: dict[str, Any] = self.get_params() | {name: self._usual[name] for name in left_open}
        for name in left_open:
            self.settings_[name] = self._choose(name, X, codes)
        self._learn(X, codes)
        return self

    def scores(self, X: Array) -> Array:  # noqa: N803
        """How much speaks for each class [n, classes], in the order of `classes_`; the largest is predicted."""
        check_is_fitted(self)
        return self._scores(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))

    def decision_function(self, X: Array) -> Array:  # noqa: N803
        """The scores; of two classes half the second's lead over the first [n], as scikit-learn wants it."""
        scores = self.scores(X)
        return scores if len(self.classes_) > 2 else (scores[:, 1] - scores[:, 0]) / 2

    def predict(self, X: Array) -> Array:  # noqa: N803
        """The class with the largest score [n]."""
        best = self.scores(X).argmax(1)
        labels: Array = self.classes_[best]
        return labels

    def _choose(self, name: str, X: Array, codes: Array) -> Any:  # noqa: N803
        """The first value with the best accuracy in cross-validation; classes without an example a fold stay out."""
        some = a_few(len(codes), seed=0)
        some = some[np.bincount(codes[some])[codes[some]] >= FOLDS]
        if len(np.unique(codes[some])) < 2:
            return self.settings_[name]
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        best, chosen = -1.0, None
        for value in self._candidates[name]:
            candidate = type(self)(**self.settings_ | {name: value})
            accuracy = float(cross_val_score(candidate, X[some], codes[some], cv=folds).mean())
            if accuracy > best:
                best, chosen = accuracy, value
            elif accuracy < best - FALL:
                break
        return chosen

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        """Learn from features [n, D] and the positions of their labels in `classes_` [n], under `settings_`."""
        raise TypeError(f"{type(self).__name__} must define `_learn`")

    def _scores(self, X: Array) -> Array:  # noqa: N803
        """The scores [n, classes] of checked features [n, D]."""
        raise TypeError(f"{type(self).__name__} must define `_scores`")


def on_sphere(X: Array, centre: Array) -> Array:  # noqa: N803
    """Features minus their centre, scaled to length 1 (CL2N of Wang et al., SimpleShot, arXiv:1911.04623, section 3).

    Distances between them then compare directions: neither what all images share nor the strength of an activation
    counts.

    >>> on_sphere(np.array([[4.0, 5.0], [1.0, 1.0]]), np.array([1.0, 1.0])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    centred = X.astype(np.float64) - centre
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: Array = centred / np.where(lengths > 0, lengths, 1.0)
    return unit
