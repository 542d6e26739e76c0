"""Transfer component analysis."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

from landbridge.training.estimators import AlignedSVM, EstimatorMethod, LinearTransfer, a_few, can_fold
from landbridge.training.method import Setup

Array = NDArray[Any]
Scale = Literal["apart", "together"]


def transfer_components(coordinates: Array, sources: int, mu: float) -> Array:
    """The directions that keep variance while the means of both domains meet.

    With the kernel matrix K of all examples, W solves

        min over W of  tr(W^T K L K W) + mu tr(W^T W)   such that   W^T K H K W = I

    where tr(W^T K L K W) is the squared distance between the domains' means of the new features K W, and H centres
    (Pan et al., IEEE TNN 2011, equation 10): the leading eigenvectors of (K L K + mu I)^-1 K H K. They are found along
    the eigenvectors of K, which lose nothing: what of W lies outside only costs.

    Args:
        coordinates: the kernel's principal coordinates [N, r], source first: their inner products are K, and their
            columns are orthogonal.
        sources: how many of the N are the source's.
        mu: weight of tr(W^T W), > 0; the larger, the more leading components are those of K itself.

    Returns:
        [r, r]: `coordinates @` it are the new features by falling importance, scaled to variance 1 over both domains
        (the constraint says 1 / N, which would leave the C of the SVM without a usual size).

    >>> x = np.array([[0.0, -3.0], [4.0, -3.0], [0.0, 3.0], [4.0, 3.0]]) - [2, 0]
    >>> first = transfer_components(x, 2, mu=1.0)[:, 0]  # the domains differ along the second axis
    >>> bool(abs(first[0]) > 1e6 * abs(first[1]))
    True
    """
    lengths = np.linalg.norm(coordinates, axis=0)
    along = coordinates * lengths  # K U, with the eigenvectors U of K
    means_apart = along[:sources].mean(0) - along[sources:].mean(0)
    centred = along - along.mean(0)
    variances, directions = eigh(centred.T @ centred, np.outer(means_apart, means_apart) + mu * np.eye(len(lengths)))
    kept = variances > 1e-10 * variances.max()
    scaled = directions[:, kept][:, ::-1] * np.sqrt(len(along) / variances[kept][::-1])
    found: Array = lengths[:, None] * scaled
    return found


class TransferComponents(AlignedSVM):
    """Find components in which the means of both domains meet and their variance stays; learn a linear SVM on them.

    See `transfer_components`. With a linear kernel the components are a linear map of the features. Where each domain
    is standardised by itself (`scale="apart"`, as in the protocol of Office-Caltech-10), its mean is zero already: a
    linear kernel has nothing left to bring together, mu does not matter, and the components are the principal ones of
    both domains, at unit variance. An `rbf` kernel sees more than means; `scale="together"` leaves the means to TCA.

    Args:
        kernel: `linear`; or `rbf`, exp(-||a - b||^2 / median squared distance), which has no linear head.
        dimension: components; by default the best number in two-fold cross-validation on the labelled source, among
            some ten up to all.
        mu: weight of the complexity of the map, > 0; matters with `rbf` or `together`.
        scale: features are standardised by the statistics of each domain (`apart`), or of both (`together`).
        C: of the SVM; None takes the best as in `AlignedSVM`, and 1 / d while it chooses the dimension d.
        most: examples a domain that an `rbf` kernel compares with; more are drawn at random.
        random_state: of the SVM, the folds and the draw.

    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> x = rng.normal(size=(80, 5)) + 3 * y[:, None] * [1, 0, 0, 0, 0]
    >>> moved = x + [0, 9, 0, 0, 0]
    >>> TransferComponents(dimension=4, scale="together").fit(x, y, target=moved).score(moved, y)
    0.95
    """

    def __init__(
        self,
        kernel: Literal["linear", "rbf"] = "linear",
        dimension: int | None = None,
        mu: float = 1.0,
        scale: Scale = "apart",
        C: float | None = None,  # noqa: N803
        most: int = 500,
        random_state: int = 0,
    ) -> None:
        super().__init__(C, random_state)
        self.kernel, self.dimension, self.mu, self.scale, self.most = kernel, dimension, mu, scale, most

    def _scalers(self, X: Array, target: Array) -> tuple[StandardScaler, StandardScaler]:  # noqa: N803
        if self.scale == "apart":
            return super()._scalers(X, target)
        both = StandardScaler().fit(np.concatenate([X, target]))
        return both, both

    def _align(self, source: Array, target: Array, y: Array) -> None:
        if self.kernel not in ("linear", "rbf"):
            raise ValueError(f"the kernel of TCA is linear or rbf, not '{self.kernel}'")
        if not self.mu > 0:
            raise ValueError(f"the mu of TCA must be above 0, not {self.mu}")
        source, target = source.astype(np.float64), target.astype(np.float64)
        if self.kernel == "rbf":
            source_few, target_few = (x[a_few(len(x), self.random_state, self.most)] for x in (source, target))
            self.landmarks_ = np.concatenate([source_few, target_few])
            squared = euclidean_distances(self.landmarks_, squared=True)
            self.gamma_ = 1 / max(float(np.median(squared[np.triu_indices(len(squared), 1)])), 1e-12)
            values, vectors = eigh(rbf_kernel(self.landmarks_, gamma=self.gamma_))
            kept = values > 1e-10 * values[-1]
            basis, coordinates = vectors[:, kept] / np.sqrt(values[kept]), vectors[:, kept] * np.sqrt(values[kept])
            sources = len(source_few)
        else:
            both, sources = np.concatenate([source, target]), len(source)
            values, vectors = eigh(both.T @ both)
            basis = vectors[:, values > 1e-10 * values[-1]]
            coordinates = both @ basis
        every = basis @ transfer_components(coordinates, sources, self.mu)
        self.target_map_ = self.source_map_ = every
        self.dimension_ = self._choose(source, y, every.shape[1])
        self.target_map_ = self.source_map_ = every[:, : self.dimension_]

    def _mapped(self, standardised: Array, domain: str) -> Array:
        if self.kernel == "rbf":
            standardised = rbf_kernel(standardised, self.landmarks_, gamma=self.gamma_)
        return super()._mapped(standardised, domain)

    def _choose(self, source: Array, y: Array, most: int) -> int:
        if self.dimension is not None or not can_fold(y):
            return min(self.dimension or most, most)
        some = a_few(len(source), self.random_state)
        components = self._mapped(source[some], "source")

        def accuracy(d: int) -> float:
            svm = self._svm(1 / d if self.C is None else self.C)
            return float(cross_val_score(svm, components[:, :d], y[some], cv=2).mean())

        return int(max(np.unique(np.geomspace(1, most, 10).round().astype(int)), key=accuracy))

    def linear_head(self) -> tuple[Array, Array]:
        """As `AlignedSVM` says, for a linear kernel."""
        if self.kernel != "linear":
            raise ValueError("the rule of an rbf kernel is not linear in the features: use predict")
        return super().linear_head()


class TCA(EstimatorMethod):
    """Find components in which the domains' means meet while variance stays, and learn a linear SVM on them.

    On the last hidden layer of a network trained on the source, with a linear kernel.

    Args:
        setup: the set-up.
        dimension: components; 0 lets cross-validation on the source choose.
        mu: weight of the complexity of the map; matters with `together`.
        scale: features are standardised by the statistics of each domain (`apart`), or of both (`together`).
        most: examples a domain that it is fitted on.
    """

    paper = "Pan et al., IEEE Transactions on Neural Networks 2011"

    def __init__(
        self,
        setup: Setup,
        dimension: int = 0,
        mu: float = 1.0,
        scale: Scale = "apart",
        most: int = 20_000,
    ) -> None:
        super().__init__(setup, most)
        self.dimension, self.mu, self.scale = dimension, mu, scale

    def estimator(self) -> LinearTransfer:
        """Transfer component analysis with a linear kernel and a linear SVM."""
        return TransferComponents(dimension=self.dimension or None, mu=self.mu, scale=self.scale)
