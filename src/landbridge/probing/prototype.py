"""Nearest class mean."""

import numpy as np

from landbridge.probing.base import Array, FeatureClassifier, on_sphere


class NearestClassMean(FeatureClassifier):
    """The class whose mean feature, its prototype, is nearest.

    Features are centred and scaled to length 1, as in SimpleShot (Wang et al., arXiv:1911.04623); then

        score_c(x) = -|x - p_c|^2,  p_c = (1 - s) mean of class c + s mean of all class means

    with s the shrinkage. The closer s is to 1, the less the length of a prototype counts beside its direction.

    Args:
        shrinkage: s, in [0, 1); None takes the best of 0, 0.25, 0.5, 0.75 in two-fold cross-validation on at most 4,000
            of the training examples.

    >>> x, y = np.array([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]]), np.array(["east", "east", "north", "north"])
    >>> NearestClassMean().fit(x, y).predict(np.array([[9.0, 1], [1, 9]])).tolist()
    ['east', 'north']
    """

    _candidates = {"shrinkage": (0.0, 0.25, 0.5, 0.75)}
    _usual = {"shrinkage": 0.0}

    def __init__(self, shrinkage: float | None = 0.0) -> None:
        self.shrinkage = shrinkage

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        shrinkage = self.settings_["shrinkage"]
        if not 0 <= shrinkage < 1:
            raise ValueError(f"the shrinkage of prototypes is in [0, 1), not {shrinkage}")
        self.centre_ = X.mean(0, dtype=float)
        unit = on_sphere(X, self.centre_)
        means = np.stack([unit[codes == code].mean(0) for code in range(len(self.classes_))])
        self.prototypes_ = (1 - shrinkage) * means + shrinkage * means.mean(0)

    def _scores(self, X: Array) -> Array:  # noqa: N803
        unit = on_sphere(X, self.centre_)
        squares = (unit**2).sum(1, keepdims=True) + (self.prototypes_**2).sum(1)
        scores: Array = 2 * unit @ self.prototypes_.T - squares
        return scores
