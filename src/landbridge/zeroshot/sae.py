"""A semantic autoencoder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero, class_sums, cosines, one_of

DIRECTIONS = ("to-signatures", "to-features")


class SAE(ZeroShotClassifier):
    """A linear map from features to signatures whose transpose leads back.

        min over W of  |X - W^T S|^2 + weight |W X - S|^2

    with examples in the columns of X [D, n] and the signature of each example's class in those of S [A, n]
    (Kodirov et al., CVPR 2017, section 3). Its solution is that of the Sylvester equation

        S S^T W + W (weight X X^T) = (1 + weight) S X^T.

    Both S S^T = Q diag(f) Q^T and X X^T = U diag(e) U^T are symmetric, so that their eigenvectors solve it,

        W = Q [(1 + weight) (Q^T S X^T U)_ij / (f_i + weight e_j)]_ij U^T,

    and serve all weights at once, which `grid` makes use of.

    A class is found by the cosine, either among signatures, cos(W x, s_c), or among features, cos(x, W^T s_c).

    Args:
        weight: lambda, of the way to the signatures against the way back, > 0.
        direction: `to-signatures` or `to-features`.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> SAE().fit(x[:3], [0, 1, 2], table).predict(x)
    array([0, 1, 2, 3])
    """

    paper = "Kodirov et al., CVPR 2017"
    GRID = {"direction": DIRECTIONS, "weight": tuple(10.0**power for power in range(-5, 5))}

    def __init__(self, weight: float = 1.0, direction: str = "to-signatures", scaling: str = "length") -> None:
        self.weight, self.direction, self.scaling = weight, direction, scaling

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
        weights, directions = others.pop("weight", (self.weight,)), others.pop("direction", (self.direction,))
        for point in ParameterGrid(others):
            base = clone(self).set_params(**point)
            solutions = base._solutions(*base._prepared(X, y, signatures), weights)
            features, asked = base._scaled(base._features(held_out)), base._asked(classes)
            for weight, base.weights_ in zip(weights, solutions):
                for direction in directions:
                    base.set_params(weight=weight, direction=direction)
                    yield point | {"weight": weight, "direction": direction}, base._scores(features, asked)

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        (self.weights_,) = self._solutions(X, codes, [self.weight])

    def _solutions(self, X: Array, codes: Array, weights: Sequence[float]) -> Iterator[Array]:  # noqa: N803
        """W [A, D] for each weight."""
        above_zero(weight=min(weights))
        seen = self.signatures_[self.seen_]
        f, q = eigh((seen.T * np.bincount(codes)) @ seen, driver="evd")
        e, u = eigh(X.T @ X, driver="evd")
        middle = q.T @ (seen.T @ class_sums(X, codes, len(seen))) @ u
        # What rounding leaves of an eigenvalue of 0 is none; there the numerator is 0 too.
        f, e = _without_rounding(f), _without_rounding(e)
        for weight in weights:
            both = f[:, None] + weight * e
            yield q @ np.divide((1 + weight) * middle, both, out=np.zeros_like(both), where=both > 0) @ u.T

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        one_of("direction", self.direction, DIRECTIONS)
        rows = self.signatures_[classes]
        if self.direction == "to-signatures":
            return cosines(X @ self.weights_.T, rows)
        return cosines(X, rows @ self.weights_)


def _without_rounding(eigenvalues: Array) -> Array:
    least = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max()
    cleaned: Array = np.where(eigenvalues > least, eigenvalues, 0.0)
    return cleaned
