"""Nearest attributes."""

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

from landbridge.zeroshot.attributes import presence, probabilities, ridge
from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero, cosines, one_of
from landbridge.zeroshot.logistic import logistic

SIMILARITIES = ("hamming", "cosine", "euclidean")
PREDICTORS = ("ridge", "logistic")


class NearestAttributes(ZeroShotClassifier):
    """Predict each attribute of an image, and find the class whose row of the table is most similar.

        score_c(x) = similarity(a(x), s_c)

    a(x) is linear: `ridge`, a ridge regression an attribute on its values in the table, or `logistic`, a logistic
    regression an attribute on whether it is there (see `presence`). The similarity is `cosine`, `euclidean` (minus the
    distance), or `hamming`: minus the share of the attributes in which a(x), rounded to there or not there, differs
    from the row. It is the plainest way from attributes to classes, which Lampert et al. (CVPR 2009) and Palatucci et
    al. (NIPS 2009, section 4: nearest neighbour in the space of a semantic code, learned by ridge regression) refine.

    Args:
        similarity: `hamming`, `cosine` or `euclidean`.
        predictor: `ridge` or `logistic`.
        penalty: on the squared weights, > 0.
        scaling: of the features, see `ZeroShotClassifier`.

    Attributes:
        table_: the rows that predicted attributes are compared with [C, A].

    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> NearestAttributes(scaling="none").fit(x[:3], [0, 1, 2], table).predict(x)
    array([0, 1, 2, 3])
    """

    paper = "Palatucci et al., NIPS 2009"
    GRID = {"similarity": SIMILARITIES, "penalty": (0.01, 0.1, 1.0, 10.0)}

    def __init__(
        self, similarity: str = "cosine", predictor: str = "ridge", penalty: float = 1.0, scaling: str = "length"
    ) -> None:
        self.similarity, self.predictor, self.penalty, self.scaling = similarity, predictor, penalty, scaling

    def attributes(self, X: Array) -> Array:  # noqa: N803
        """Predicted attributes [n, A]: values as in `table_`, or probabilities for `logistic`."""
        return self._attributes(self._scaled(self._features(X)))

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        one_of("similarity", self.similarity, SIMILARITIES)
        one_of("predictor", self.predictor, PREDICTORS)
        above_zero(penalty=self.penalty)
        there = self.similarity == "hamming" or self.predictor == "logistic"
        self.table_ = presence(self.signatures_) if there else self.signatures_
        learn = logistic if self.predictor == "logistic" else ridge
        self.weights_, self.biases_ = learn(X, self.table_[self.seen_][codes], self.penalty)

    def _attributes(self, X: Array) -> Array:  # noqa: N803
        if self.predictor == "logistic":
            return probabilities(X, self.weights_, self.biases_)
        predicted: Array = X @ self.weights_.T + self.biases_
        return predicted

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        predicted = self._attributes(X)
        rows: Array = self.table_[classes]
        if self.similarity == "cosine":
            return cosines(predicted, rows)
        if self.similarity == "hamming":
            # Of zeros and ones, the squared distance counts those that differ.
            differ = euclidean_distances((predicted > 0.5).astype(np.float64), rows, squared=True)
            distances: Array = differ / rows.shape[1]
        else:
            distances = euclidean_distances(predicted, rows)
        return -distances
