"""Nearest neighbours."""

from sklearn.neighbors import KNeighborsClassifier

from landbridge.probing.base import Array, FeatureClassifier, on_sphere


class NearestNeighbours(FeatureClassifier):
    """The vote of the k nearest training examples, each weighted by the inverse of its distance.

    Features are centred and scaled to length 1, so that distances compare directions, see `on_sphere`.

    Args:
        k: how many vote, >= 1; by default the best of 1, 3, 5, 10, 20 in two-fold cross-validation on at most 4,000 of
            the training examples. Of fewer than k examples all vote.

    >>> import numpy as np
    >>> x, y = np.array([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]]), np.array(["east", "east", "north", "north"])
    >>> NearestNeighbours(k=1).fit(x, y).predict(np.array([[9.0, 1], [1, 9]])).tolist()
    ['east', 'north']
    """

    _candidates = {"k": (1, 3, 5, 10, 20)}
    _usual = {"k": 1}

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        self.centre_ = X.mean(0, dtype=float)
        voters = KNeighborsClassifier(min(self.settings_["k"], len(X)), weights="distance", algorithm="brute")
        self.neighbours_ = voters.fit(on_sphere(X, self.centre_), codes)

    def _scores(self, X: Array) -> Array:  # noqa: N803
        scores: Array = self.neighbours_.predict_proba(on_sphere(X, self.centre_))
        return scores
