"""Convex combination of semantic embeddings."""

import numpy as np

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.base import Array, cosines
from landbridge.zeroshot.seen_classes import OverSeenClasses


class ConSE(OverSeenClasses):
    """Place an image among the signatures of the seen classes it looks like, and find the class nearest to that place.

        f(x) = 1/Z sum over t <= T of p(y_t | x) s(y_t),   Z = sum over t <= T of p(y_t | x)
        score_c(x) = cos(f(x), s_c)

    with y_1, y_2, ... the seen classes, the most probable first (Norouzi et al., ICLR 2014, section 3). A softmax
    regression gives p. About the signatures nothing is learned, so that those of new classes can be anything.

    Args:
        top: T, >= 1; at most all seen classes count.
        penalty: of the softmax regression on half the squared weights, > 0.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> table = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    >>> x = np.array([[2.0, 0.0], [0.0, 2.0]])
    >>> ConSE().fit(x, [0, 1], table).predict([[1.0, 0.9]])
    array([2])
    """

    paper = "Norouzi et al., ICLR 2014"
    SCORING = ("top",)
    GRID = {"top": (1, 2, 5, 10, 20, 50), "penalty": (0.01, 0.1, 1.0)}

    def __init__(self, top: int = 10, penalty: float = 0.01, scaling: str = "length") -> None:
        self.top, self.penalty, self.scaling = top, penalty, scaling

    def embed(self, X: Array) -> Array:  # noqa: N803
        """f(x): images [n, D] among the signatures [n, A]."""
        return self._embedded(self._scaled(self._features(X)))

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        if self.top < 1:
            raise BadDataError(f"ConSE combines at least one seen class, not {self.top}")
        super()._learn(X, codes)

    def _embedded(self, X: Array) -> Array:  # noqa: N803
        probable = self._probabilities(X)
        out = np.argsort(-probable, axis=1, kind="stable")[:, self.top :]
        np.put_along_axis(probable, out, 0.0, axis=1)
        embedded: Array = probable / probable.sum(1, keepdims=True) @ self.signatures_[self.seen_]
        return embedded

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        return cosines(self._embedded(X), self.signatures_[classes])
