"""A linear SVM on the source's features: what every other estimator must beat."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from landbridge.training.estimators import AlignedSVM, EstimatorMethod, LinearTransfer
from landbridge.training.method import Setup

Array = NDArray[Any]
Scale = Literal["apart", "source"]


class StandardisedSVM(AlignedSVM):
    """Standardise the features and learn a linear SVM on the source; nothing else is aligned.

    The row that tables call SVM, or no adaptation. The protocol of Office-Caltech-10 (Gong et al., CVPR 2012)
    standardises each domain by its own statistics, for this row too. That already removes shifts and scales of single
    features, a little adaptation; `scale="source"` does without.

    Args:
        scale: each domain by its own mean and deviation (`apart`), or both by the source's (`source`).
        C: of the SVM; by default the best power of ten from 1e-4 to 1 in two-fold cross-validation on the labelled
            source.
        random_state: of the SVM and the folds.

    >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]] * 5), np.array([0, 0, 1, 1] * 5)
    >>> StandardisedSVM().fit(x, y, target=3 * x + 50).predict(3 * x[:4] + 50).tolist()
    [0, 0, 1, 1]
    >>> StandardisedSVM("source").fit(x, y, target=3 * x + 50).predict(3 * x[:4] + 50).tolist()
    [1, 1, 1, 1]
    """

    def __init__(self, scale: Scale = "apart", C: float | None = None, random_state: int = 0) -> None:  # noqa: N803
        super().__init__(C, random_state)
        self.scale = scale

    def _scalers(self, X: Array, target: Array) -> tuple[StandardScaler, StandardScaler]:  # noqa: N803
        apart = super()._scalers(X, target)
        return (apart[0], apart[0]) if self.scale == "source" else apart

    def _maps(self, source: Array, target: Array, y: Array) -> tuple[Array, Array]:
        same = np.eye(source.shape[1])
        return same, same


class SVM(EstimatorMethod):
    """Learn a linear SVM on standardised source features: the baseline of the methods on features.

    Args:
        setup: the set-up.
        scale: features are standardised by the statistics of each domain (`apart`), or by the source's (`source`).
        most: examples a domain that it is fitted on.
    """

    paper = "Cortes and Vapnik, Machine Learning 1995"

    def __init__(self, setup: Setup, scale: Scale = "apart", most: int = 20_000) -> None:
        super().__init__(setup, most)
        self.scale = scale

    def estimator(self) -> LinearTransfer:
        """A linear SVM, its C chosen on the source."""
        return StandardisedSVM(self.scale)
