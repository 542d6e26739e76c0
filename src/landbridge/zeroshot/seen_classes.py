"""Probabilities of the seen classes, which IAP and ConSE start from."""

from scipy.special import softmax

from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero
from landbridge.zeroshot.logistic import softmax_regression


class OverSeenClasses(ZeroShotClassifier):
    """A softmax regression over the seen classes, from which a subclass reasons on.

    min over W, b of  sum_i -log softmax(W x_i + b)[y_i] + penalty |W|^2 / 2
    """

    penalty: float

    def seen_probabilities(self, X: Array) -> Array:  # noqa: N803
        """p(y | x) of the seen classes [n, S], in the order of `seen_`."""
        return self._probabilities(self._scaled(self._features(X)))

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        above_zero(penalty=self.penalty)
        self.weights_, self.biases_ = softmax_regression(X, codes, self.penalty)

    def _probabilities(self, X: Array) -> Array:  # noqa: N803
        told: Array = softmax(X @ self.weights_.T + self.biases_, axis=1)
        return told
