"""Optimal transport of the source onto the target."""

import warnings
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import pairwise_distances_argmin

from landbridge.core.errors import LandbridgeError
from landbridge.training.estimators import AlignedSVM, EstimatorMethod, LinearTransfer, a_few, reverse_accuracy
from landbridge.training.method import Setup
from landbridge.training.options import Range

Array = NDArray[Any]
Kind = Literal["sinkhorn-lpl1", "sinkhorn", "emd", "linear"]

REGULARISATIONS = (0.03, 0.1, 0.3, 1.0)
"""What reverse validation tries."""


def _library() -> Any:
    try:
        import ot
    except ImportError:
        raise LandbridgeError("optimal transport needs POT: pip install 'landbridge[transport]'") from None
    return ot


def gaussian_map(source: Array, target: Array, regularisation: float) -> Array:
    """The linear map [D, D] that carries one normal distribution into another at the least cost.

    With C = cov + regularisation * I, and examples as rows, x A has the target's covariance where x has the source's:

        A = C_S^(-1/2) (C_S^(1/2) C_T C_S^(1/2))^(1/2) C_S^(-1/2)

    (Flamary, Lounici and Ferrari, arXiv:1905.10155). CORAL's map reaches the same covariance; of all that do, this one
    moves the examples least.

    Args:
        source: features [n, D]; means do not matter.
        target: features [m, D].
        regularisation: added to the diagonals of both covariances, >= 0.

    Raises:
        LandbridgeError: POT is not installed.

    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> gaussian_map(x, x * [3, 1], 0.0).round(6)
    array([[3., 0.],
           [0., 1.]])
    """
    found: Array = _library().gaussian.empirical_bures_wasserstein_mapping(source, target, reg=regularisation)[0]
    return found


class OptimalTransport(AlignedSVM):
    """Carry each source example to where the cheapest plan sends it in the target; learn a linear SVM there.

    Both domains are standardised, each by itself. Every example weighs the same in its domain, and the plan gamma
    [n, m] moves one set onto the other (Courty et al., TPAMI 2017):

        min over gamma of  <gamma, M> + regularisation * sum gamma log gamma
                           + class_regularisation * sum over j, c of (sum over i in class c of gamma_ij)^(1/2)

    with M the squared distances, divided by their median. The last sum lets each target example take its mass from few
    source classes. A source example goes to the mean of the target examples that receive it, weighted by the plan, and
    one that the plan does not know moves as its nearest neighbour does. Target examples stay.

    The paper chooses both weights with some labels of the target. Here they are not to be had, so that reverse
    validation chooses the first, and the second has the usual value of the library.

    Args:
        kind: `sinkhorn-lpl1`, all of the above; `sinkhorn`, without the classes; `emd`, the exact plan without
            regularisation; `linear`, the linear map that carries a normal distribution with the source's covariance
            into one with the target's (see `gaussian_map`), its regularisation added to both covariances.
        regularisation: weight of the entropy, > 0; None takes the best of `REGULARISATIONS` in reverse validation, see
            `landbridge.training.estimators.reverse_accuracy`, and 1 for `linear`, as CORAL does. `emd` has none.
        class_regularisation: weight of the classes, >= 0.
        C: of the SVM; by default 1 / D, D the number of features, which amounts to 1 on examples of length one about.
            Cross-validation on the transported source would flatter: the plan has drawn classes together already.
        most: examples a domain that the plan is made of, since it takes n m numbers; more are drawn at random.
        random_state: of the SVM, the folds and the draw.

    Raises:
        LandbridgeError: POT is not installed.

    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 3
    >>> x = rng.normal(size=(60, 2)) * 0.3 + 3 * np.stack([np.cos(2 * y), np.sin(2 * y)], 1)
    >>> turned = x @ [[0.87, 0.5], [-0.5, 0.87]]
    >>> OptimalTransport(regularisation=0.1).fit(x, y, target=turned).score(turned, y)
    1.0
    """

    def __init__(
        self,
        kind: Kind = "sinkhorn-lpl1",
        regularisation: float | None = None,
        class_regularisation: float = 0.1,
        C: float | None = None,  # noqa: N803
        most: int = 3000,
        random_state: int = 0,
    ) -> None:
        super().__init__(C, random_state)
        self.kind, self.regularisation, self.class_regularisation = kind, regularisation, class_regularisation
        self.most = most

    def _align(self, source: Array, target: Array, y: Array) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"the kind of transport is one of {', '.join(get_args(Kind))}, not '{self.kind}'")
        self.source_map_ = self.target_map_ = np.eye(source.shape[1])
        some, few = (a_few(len(x), self.random_state, self.most) for x in (source, target))
        self.landmarks_, target, y = source[some].astype(np.float64), target[few].astype(np.float64), y[some]
        self.moves_ = np.zeros_like(self.landmarks_)
        if np.array_equal(self.landmarks_, target):
            return  # no target was given
        self.regularisation_ = self._choose(self.landmarks_, target, y)
        if self.kind == "linear":
            self.source_map_ = gaussian_map(self.landmarks_, target, self.regularisation_)
        else:
            self.moves_ = self._carried(self.landmarks_, target, y) - self.landmarks_

    def _mapped(self, standardised: Array, domain: str) -> Array:
        mapped = super()._mapped(standardised, domain)
        if domain == "source" and self.moves_.any():
            mapped = mapped + self.moves_[pairwise_distances_argmin(standardised, self.landmarks_)]
        return mapped

    def _carried(self, source: Array, target: Array, y: Array) -> Array:
        """Where the plan sends each source example, [n, D]."""
        ot = _library()
        mass_here, mass_there = ot.unif(len(source)), ot.unif(len(target))
        cost = ot.dist(source, target)
        cost /= np.median(cost) or 1.0
        # The best plan is the same with a constant off each row or column, and no row of exp(-cost) vanishes.
        cost -= cost.min(1, keepdims=True)
        cost -= cost.min(0, keepdims=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a plan that a last step would still change a little does as well
            if self.kind == "emd":
                plan = ot.emd(mass_here, mass_there, cost, numItermax=1_000_000)
            elif self.kind == "sinkhorn":
                plan = ot.sinkhorn(mass_here, mass_there, cost, self.regularisation_, stopThr=1e-6)
            else:
                numbers = np.unique(y, return_inverse=True)[1]
                weights = self.regularisation_, self.class_regularisation
                plan = ot.da.sinkhorn_lpl1_mm(mass_here, numbers, mass_there, cost, *weights, stopInnerThr=1e-6)
        sent: Array = plan.sum(1, keepdims=True)
        # Whatever rounding leaves without mass stays where it is.
        carried: Array = np.where(sent > 0, plan @ target / np.maximum(sent, 1e-300), source)
        return carried

    def _choose(self, source: Array, target: Array, y: Array) -> float:
        if self.regularisation is not None or self.kind == "emd":
            return self.regularisation or 0.0
        if self.kind == "linear":
            return 1.0
        tried = clone(self)
        return max(
            REGULARISATIONS,
            key=lambda value: reverse_accuracy(tried.set_params(regularisation=value), source, y, target),
        )

    def _choose_c(self, mapped: Array, y: Array) -> float:
        return 1 / float(mapped.shape[1])


class OT(EstimatorMethod):
    """Carry the source onto the target by optimal transport, and learn a linear SVM there.

    On the last hidden layer of a network trained on the source.

    Args:
        setup: the set-up.
        kind: `sinkhorn-lpl1` (entropy and classes), `sinkhorn` (entropy), `emd` (exact) or `linear` (of normal
            distributions).
        regularisation: weight of the entropy, in units of the median cost; 0 lets reverse validation choose.
        class_regularisation: weight of the classes.
        most: examples a domain that the plan is made of.

    Raises:
        LandbridgeError: POT is not installed.
    """

    paper = "Courty et al., TPAMI 2017"

    def __init__(
        self,
        setup: Setup,
        kind: Kind = "sinkhorn-lpl1",
        regularisation: float = 0.0,
        class_regularisation: Annotated[float, Range(0.01, 1, log=True)] = 0.1,
        most: int = 3000,
    ) -> None:
        super().__init__(setup, most)
        _library()
        self.kind, self.regularisation, self.class_regularisation = kind, regularisation, class_regularisation

    def estimator(self) -> LinearTransfer:
        """Optimal transport with a linear SVM."""
        return OptimalTransport(self.kind, self.regularisation or None, self.class_regularisation, most=self.most)
