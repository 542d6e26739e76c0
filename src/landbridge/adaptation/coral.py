"""Correlation alignment."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from landbridge.training.estimators import AlignedSVM, EstimatorMethod, LinearTransfer
from landbridge.training.method import Setup
from landbridge.training.options import Range

Array = NDArray[Any]


class CorrelationAlignment(AlignedSVM):
    """Give the source the target's covariance by whitening and re-colouring it, and learn a linear SVM there.

    Both domains are standardised feature by feature, each by itself. Then, with C = cov + regularisation * I, source
    examples become

        x C_S^(-1/2) C_T^(1/2)

    and target examples stay as they are (Sun, Feng and Saenko, AAAI 2016, algorithm 1, where the regularisation is 1).
    Standardising belongs to the paper's method: it presumes zero means and unit deviations, so that only correlations
    are left to align. The SVM learns from the transformed source, as algorithm 1 says. The authors' own program gives
    the SVM x C_S^(-1/2) C_T^(1/2) x'^T of two untransformed source examples as if it were a kernel, which it is not,
    since that matrix is not symmetric; so their figures are not quite those of this class.

    Args:
        regularisation: added to the diagonals of both covariances, > 0; the larger, the less is changed.
        C: of the SVM; by default the best power of ten from 1e-4 to 1 in two-fold cross-validation on the labelled
            source, transformed.
        random_state: of the SVM and the folds.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(80, 5)) * [3, 2, 1, 1, 1], np.arange(80) % 2
    >>> x[:, 0] += 6 * y
    >>> turned = x + 5
    >>> turned[:, 1] += x[:, 0]
    >>> CorrelationAlignment().fit(x, y, target=turned).score(turned, y)
    0.9
    """

    def __init__(self, regularisation: float = 1.0, C: float | None = None, random_state: int = 0) -> None:  # noqa: N803
        super().__init__(C, random_state)
        self.regularisation = regularisation

    def _maps(self, source: Array, target: Array, y: Array) -> tuple[Array, Array]:
        if self.regularisation <= 0:
            raise ValueError(f"the regularisation of CORAL must be above 0, not {self.regularisation}")
        whiten = _power(source, self.regularisation, -0.5)
        return whiten @ _power(target, self.regularisation, 0.5), np.eye(source.shape[1])


def _power(standardised: Array, regularisation: float, exponent: float) -> Array:
    """(cov + regularisation I)^exponent, symmetric [D, D]."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(standardised.T)))
    # Rounding may leave an eigenvalue of a singular covariance just below zero.
    powered: Array = (vectors * (values.clip(0) + regularisation) ** exponent) @ vectors.T
    return powered


class CORAL(EstimatorMethod):
    """Give the source features the target's covariance, and learn a linear SVM on them.

    On the last hidden layer of a network trained on the source, as the paper does with fine-tuned networks.

    Args:
        setup: the set-up.
        regularisation: added to the diagonals of both covariances.
        most: examples a domain that it is fitted on.
    """

    paper = "Sun, Feng and Saenko, AAAI 2016"

    def __init__(
        self, setup: Setup, regularisation: Annotated[float, Range(0.01, 10, log=True)] = 1.0, most: int = 20_000
    ) -> None:
        super().__init__(setup, most)
        self.regularisation = regularisation

    def estimator(self) -> LinearTransfer:
        """Correlation alignment with a linear SVM."""
        return CorrelationAlignment(self.regularisation)
