"""What the linear classifiers share: how they scale features, and a short cut where these outnumber the examples."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from sklearn.preprocessing import Normalizer, StandardScaler

from landbridge.probing.base import Array, FeatureClassifier

SCALINGS = ("standard", "length")


class LinearClassifier(FeatureClassifier):
    """A linear rule on scaled features.

    There are two usual ways of scaling them. `standard`: each feature has mean 0 and variance 1 / D over the training
    examples, which helps where channels differ in size, as in a network's first layers. `length`: each example has
    length 1, as is usual for the last layers (Chatfield et al., BMVC 2014). Either way examples are about 1 long, and
    one C means the same for a layer of 16 channels and one of 1,280. A subclass learns the rule in `_rule`.

    Args:
        C: weight of the errors.
        scaling: `standard` or `length`.

    Attributes:
        weights_: of the rule on scaled features, [classes, D].
        biases_: [classes].
    """

    def __init__(self, C: float | None, scaling: str | None) -> None:  # noqa: N803
        self.C, self.scaling = C, scaling

    def _rule(self, X: Array, codes: Array) -> tuple[Array, Array]:  # noqa: N803
        """Weights and biases, of scaled features [n, d]; a row a class, or for two classes only the second's."""
        raise TypeError(f"{type(self).__name__} must define `_rule`")

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        scaling = self.settings_["scaling"]
        if scaling not in SCALINGS:
            raise ValueError(f"the scaling is one of {', '.join(SCALINGS)}, not '{scaling}'")
        self.scaler_ = StandardScaler().fit(X.astype(np.float64)) if scaling == "standard" else Normalizer()
        scaled = self._scaled(X)
        if X.shape[1] > X.shape[0]:
            weights, biases = self._rule_of_few(scaled, codes)
        else:
            weights, biases = self._rule(scaled, codes)
        if len(weights) == 1:
            weights, biases = np.vstack([-weights, weights]), np.hstack([-biases, biases])
        self.weights_, self.biases_ = weights, biases

    def _rule_of_few(self, scaled: Array, codes: Array) -> tuple[Array, Array]:
        """The rule from n coordinates an example in place of D.

        The best weights lie in the span of the examples, w = X^T a (Kimeldorf and Wahba, 1971). With X X^T = L L^T the
        rows of L have the same inner products as those of X, so that the rule v on L is the rule X^T L^(-T) v on X.
        """
        gram = scaled @ scaled.T
        # Centred examples are linearly dependent: a hair on the diagonal.
        gram[np.diag_indices_from(gram)] += 1e-9 * max(float(np.trace(gram)) / len(gram), 1e-9)
        coordinates = cholesky(gram, lower=True)
        weights, biases = self._rule(coordinates, codes)
        return solve_triangular(coordinates, weights.T, lower=True, trans="T").T @ scaled, biases

    def _scores(self, X: Array) -> Array:  # noqa: N803
        scores: Array = self._scaled(X) @ self.weights_.T + self.biases_
        return scores

    def _scaled(self, X: Array) -> Array:  # noqa: N803
        scaled: Array = self.scaler_.transform(X.astype(np.float64))
        return scaled / np.sqrt(X.shape[1]) if self.settings_["scaling"] == "standard" else scaled
