"""An embarrassingly simple approach to zero-shot learning."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve, eigh, solve
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero, class_sums

POWERS = tuple(10.0**power for power in range(-3, 4))


class ESZSL(ZeroShotClassifier):
    """A bilinear score with a closed form: two linear layers, features to attributes and attributes to classes.

        score_c(x) = x^T V s_c
        V = (X X^T + alpha I)^-1 X Y S^T (S S^T + gamma I)^-1

    with examples in the columns of X [D, n], signatures of the seen classes in those of S [A, S], and Y [n, S] 1 where
    an example is of a class and -1 elsewhere (Romera-Paredes and Torr, ICML 2015, section 3, whose gamma and
    lambda are alpha and gamma here, and whose beta is their product). It minimises
    |X^T V S - Y|^2 + alpha |V S|^2 + gamma |X^T V|^2 + alpha gamma |V|^2.

    `grid` gives a whole grid for little more than the price of one point: X X^T is taken once and factored once an
    alpha (for a few values that is cheaper than its eigenvectors), and with S S^T = Q diag(f) Q^T all gammas follow,

        V = (X X^T + alpha I)^-1 X Y S^T Q diag(1 / (f + gamma)) Q^T.

    Args:
        alpha: penalty on the side of the features, > 0.
        gamma: penalty on the side of the signatures, > 0.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> ESZSL().fit(x[:3], [0, 1, 2], table).predict(x[3:], classes=[2, 3])
    array([3])
    """

    paper = "Romera-Paredes and Torr, ICML 2015"
    GRID = {"alpha": POWERS, "gamma": POWERS}

    def __init__(self, alpha: float = 1.0, gamma: float = 0.1, scaling: str = "length") -> None:
        self.alpha, self.gamma, self.scaling = alpha, gamma, scaling

    def grid(  # noqa: D102 -- as in the base class, at less cost
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        signatures: ArrayLike,
        held_out: ArrayLike,
        classes: ArrayLike | None = None,
        grid: Mapping[str, Sequence[Any]] | None = None,
    ) -> Iterator[tuple[dict[str, Any], Array]]:
        others = dict(self.GRID if grid is None else grid)
        alphas, gammas = others.pop("alpha", (self.alpha,)), others.pop("gamma", (self.gamma,))
        above_zero(alpha=min(alphas), gamma=min(gammas))
        for point in ParameterGrid(others):
            base = clone(self).set_params(**point)
            features, codes = base._prepared(X, y, signatures)
            between, seen = base._between(features, codes)
            f, q = eigh(seen.T @ seen, driver="evd")
            gram, middle = features.T @ features, between @ q
            rows = base.signatures_[base._asked(classes)] @ q
            scored = base._scaled(base._features(held_out))
            room, diagonal = np.empty_like(gram), np.diag_indices_from(gram)
            for alpha in alphas:
                room[:] = gram
                room[diagonal] += alpha
                # Transposed, as LAPACK counts by columns: a symmetric matrix is then factored where it stands.
                factor = cho_factor(room.T, lower=True, overwrite_a=True, check_finite=False)
                told = scored @ cho_solve(factor, middle, check_finite=False)
                for gamma in gammas:
                    yield point | {"alpha": alpha, "gamma": gamma}, told @ (rows / (f + gamma)).T

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        above_zero(alpha=self.alpha, gamma=self.gamma)
        between, seen = self._between(X, codes)
        left = solve(_raised(X.T @ X, self.alpha), between, assume_a="pos")
        self.weights_: Array = solve(_raised(seen.T @ seen, self.gamma), left.T, assume_a="pos").T

    def _between(self, X: Array, codes: Array) -> tuple[Array, Array]:  # noqa: N803
        """X Y S^T [D, A], and S^T [S, A]; X Y is twice the sum of a class's examples minus that of all."""
        seen: Array = self.signatures_[self.seen_]
        sums = class_sums(X, codes, len(seen))
        return (2 * sums - sums.sum(0)).T @ seen, seen

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        scores: Array = X @ self.weights_ @ self.signatures_[classes].T
        return scores


def _raised(square: Array, by: float) -> Array:
    """A square matrix plus `by` on its diagonal."""
    raised: Array = square + by * np.eye(len(square))
    return raised
