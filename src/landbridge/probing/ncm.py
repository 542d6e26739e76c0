"""Nearest class mean by a shrunk within-class covariance."""

import numpy as np
from scipy.linalg import solve
from sklearn.covariance import ledoit_wolf_shrinkage

from landbridge.probing.base import Array, FeatureClassifier, on_sphere


class ShrunkenClassMean(FeatureClassifier):
    """The class whose mean is nearest where directions in which examples of a class differ anyway count less.

        score_c(x) = -(x - m_c)^T S^-1 (x - m_c) + x^T S^-1 x,  S = (1 - a) W + a tr(W) / D I

    with m_c the mean of class c, W the covariance within classes, pooled, and I the identity. What is added is the same
    for all classes. The distance is that of linear discriminant analysis with equal priors (Hastie et al., The Elements
    of Statistical Learning, section 4.3); few examples estimate W badly, so it is drawn towards a multiple of the
    identity, a as Ledoit and Wolf (Journal of Multivariate Analysis 88, 2004, equation 14) estimate it. Features are
    centred and scaled to length 1, see `on_sphere`.

    With one example a class nothing is known within classes: S is the identity, and the rule that of `prototype`.

    Args:
        shrinkage: a, in (0, 1]; None takes the estimate, for which no label is held out.

    >>> x, y = np.array([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]]), np.array(["east", "east", "north", "north"])
    >>> ShrunkenClassMean().fit(x, y).predict(np.array([[9.0, 1], [1, 9]])).tolist()
    ['east', 'north']
    """

    def __init__(self, shrinkage: float | None = None) -> None:
        self.shrinkage = shrinkage

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        self.centre_ = X.mean(0, dtype=float)
        unit = on_sphere(X, self.centre_)
        means = np.stack([unit[codes == code].mean(0) for code in range(len(self.classes_))])
        deviations = unit - means[codes]
        if self.shrinkage is None:
            self.settings_["shrinkage"] = _estimate(deviations)
        weights = solve(_shrunken(deviations, self.settings_["shrinkage"]), means.T, assume_a="pos").T
        self.weights_, self.biases_ = 2 * weights, -(weights * means).sum(1)

    def _scores(self, X: Array) -> Array:  # noqa: N803
        scores: Array = on_sphere(X, self.centre_) @ self.weights_.T + self.biases_
        return scores


def _estimate(deviations: Array) -> float:
    """The shrinkage that Ledoit and Wolf estimate; 1 where nothing differs within classes."""
    if not deviations.any():
        return 1.0
    # Never quite 0, so that S can be inverted.
    return max(float(ledoit_wolf_shrinkage(deviations, assume_centered=True)), 1e-9)


def _shrunken(deviations: Array, shrinkage: float) -> Array:
    """S, from the deviations of examples [n, D] from the means of their classes."""
    if not 0 < shrinkage <= 1:
        raise ValueError(f"the shrinkage of the covariance is in (0, 1], not {shrinkage}")
    within = deviations.T @ deviations / len(deviations)
    spread = float(np.trace(within)) / len(within) or 1.0
    covariance: Array = (1 - shrinkage) * within + shrinkage * spread * np.eye(len(within))
    return covariance
