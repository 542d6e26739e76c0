"""Subspace alignment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_score

from landbridge.training.estimators import AlignedSVM, EstimatorMethod, LinearTransfer, a_few, can_fold
from landbridge.training.method import Setup

Array = NDArray[Any]


def consistent_dimension(source: Array, target: Array, gamma: float = 1e6, delta: float = 0.1) -> int:
    """The largest dimension at which subspace alignment is stable.

    With probability 1 - delta the aligned subspaces deviate by at most gamma for every d such that, in both domains,

        lambda_d - lambda_(d+1) >= (1 + sqrt(ln(2 / delta) / 2)) * 16 d^(3/2) B / (gamma sqrt(n)),

    lambda the eigenvalues of the covariance (0 after the last) and B the largest norm of an example (Fernando et al.,
    ICCV 2013, section 3.4, which uses gamma = 10^6 and delta = 0.1).

    Args:
        source: standardised source features [n, D].
        target: standardised target features [m, D].
        gamma: largest deviation.
        delta: allowed probability of failure, in (0, 1).

    Returns:
        A dimension, at least 1.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 4)) * [9, 4, 2, 1]
    >>> consistent_dimension(x, x)
    4
    """
    n = min(len(source), len(target))
    largest = max(np.linalg.norm(source, axis=1).max(), np.linalg.norm(target, axis=1).max())
    spectra = (np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T)))[::-1] for x in (source, target))
    gaps = np.minimum(*(-np.diff(spectrum, append=0.0) for spectrum in spectra))
    d = np.arange(1, len(gaps) + 1)
    bound = (1 + np.sqrt(np.log(2 / delta) / 2)) * 16 * d**1.5 * largest / (gamma * np.sqrt(n))
    stable = d[(gaps >= bound) & (d < n)]
    return int(stable.max()) if len(stable) else 1


class SubspaceAlignment(AlignedSVM):
    """Turn the source's principal axes onto the target's by a linear map, and learn a linear SVM there.

    With P_S and P_T the first d principal axes of the standardised domains, source examples become
    x P_S (P_S^T P_T) and target examples x P_T (Fernando et al., ICCV 2013, algorithm 1).

    Args:
        dimension: d; by default the best one in two-fold cross-validation on the labelled source, among some ten up to
            `consistent_dimension`.
        C: of the SVM; None takes the best as in `AlignedSVM`, and 1 while it chooses d.
        random_state: of the SVM and the folds.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(80, 5)) * [3, 2, 1, 1, 1], np.arange(80) % 2
    >>> x[:, 0] += 6 * y
    >>> turned = x + 5
    >>> turned[:, 1] += x[:, 0]
    >>> SubspaceAlignment(dimension=2).fit(x, y, target=turned).score(turned, y)
    0.8375
    """

    def __init__(self, dimension: int | None = None, C: float | None = 1.0, random_state: int = 0) -> None:  # noqa: N803
        super().__init__(C, random_state)
        self.dimension = dimension

    def _maps(self, source: Array, target: Array, y: Array) -> tuple[Array, Array]:
        self.dimension_ = self._choose(source, target, y)
        source_axes, target_axes = _axes(source, self.dimension_), _axes(target, self.dimension_)
        return source_axes @ (source_axes.T @ target_axes), target_axes

    def _choose(self, source: Array, target: Array, y: Array) -> int:
        if self.dimension is not None:
            return min(self.dimension, int(source.shape[1]))
        most = consistent_dimension(source, target) if min(source.shape) > 1 else 1
        candidates = np.unique(np.geomspace(1, most, 10).round().astype(int))
        if len(candidates) == 1 or not can_fold(y):
            return most
        onto = _axes(target, most)
        some, svm = a_few(len(source), self.random_state), self._svm(1.0 if self.C is None else self.C)

        def accuracy(d: int) -> float:
            axes = _axes(source, d)
            aligned = source[some] @ axes @ (axes.T @ onto[:, :d])
            return float(cross_val_score(svm, aligned, y[some], cv=2).mean())

        return int(max(candidates, key=accuracy))


def _axes(standardised: Array, d: int) -> Array:
    """The first d principal axes as columns [D, d]; each axis points where its largest entry is positive."""
    _, vectors = np.linalg.eigh(np.atleast_2d(np.cov(standardised.T)))
    axes = vectors[:, ::-1][:, :d]
    signed: Array = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    return signed


class SA(EstimatorMethod):
    """Align the principal subspaces of source and target, and learn a linear SVM in the aligned one.

    On the last hidden layer of a network trained on the source, as Ganin and Lempitsky (2015) do for their tables.

    Args:
        setup: the set-up.
        dimension: of the subspaces; 0 lets the paper's bound and cross-validation on the source choose.
        most: examples a domain that it is fitted on.
    """

    paper = "Fernando et al., ICCV 2013"

    def __init__(self, setup: Setup, dimension: int = 0, most: int = 20_000) -> None:
        super().__init__(setup, most)
        self.dimension = dimension

    def estimator(self) -> LinearTransfer:
        """Subspace alignment with a linear SVM."""
        return SubspaceAlignment(self.dimension or None)
