"""Scikit-learn estimators with two domains: what they share, and how one becomes a method like any other."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from landbridge.data.batches import Batch, in_order
from landbridge.data.domain import View
from landbridge.nn.models import Classifier
from landbridge.training.method import Domains, Losses, Method, Moment, Phase, Setup
from landbridge.training.supervised import classification, source_phase

Array = NDArray[Any]


class LinearTransfer(Protocol):
    """An estimator that aligns two domains and ends in a linear rule on the target's features."""

    def fit(self, X: Array, y: Array, *, target: Array | None = None) -> Any:  # noqa: N803
        """Learn from labelled source features [n, D] and unlabelled target features [m, D]."""
        ...

    def linear_head(self) -> tuple[Array, Array]:
        """(weights [classes, D], biases [classes]) of the rule on raw target features."""
        ...


class AlignedSVM(TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Standardise each domain by itself, map both into one space, and learn a linear SVM there.

    A subclass says which linear maps, in `_maps`; where one is not linear, it learns it in `_align` and applies it in
    `_mapped`. `linear_head` wants the target's to be linear.

    Args:
        C: of the SVM; None takes the best power of ten from 1e-4 to 1 in two-fold cross-validation on the labelled
            source, mapped.
        random_state: of the SVM and the folds.
    """

    def __init__(self, C: float | None = 1.0, random_state: int = 0) -> None:  # noqa: N803
        self.C, self.random_state = C, random_state

    def _maps(self, source: Array, target: Array, y: Array) -> tuple[Array, Array]:
        """The maps [D, d] of standardised source [n, D] and target features [m, D]."""
        raise TypeError(f"{type(self).__name__} must define `_maps`")

    def _scalers(self, X: Array, target: Array) -> tuple[StandardScaler, StandardScaler]:  # noqa: N803
        """What standardises source [n, D] and target features [m, D]: each by itself, by default."""
        return StandardScaler().fit(X), StandardScaler().fit(target)

    def _align(self, source: Array, target: Array, y: Array) -> None:
        """Learn how standardised source [n, D] and target features [m, D] are mapped."""
        self.source_map_, self.target_map_ = self._maps(source, target, y)

    def _mapped(self, standardised: Array, domain: str) -> Array:
        """Standardised features of a domain [n, D] in the common space [n, d]."""
        mapped: Array = standardised @ (self.source_map_ if domain == "source" else self.target_map_)
        return mapped

    def fit(self, X: Array, y: Array, *, target: Array | None = None) -> Self:  # noqa: N803
        """Align and learn.

        Args:
            X: source features [n, D].
            y: their labels [n].
            target: target features [m, D], without labels; without them this is the source-only fit.
        """
        X, y = validate_data(self, X, y, ensure_min_samples=2)  # noqa: N806
        check_classification_targets(y)
        target = X if target is None else check_array(target, ensure_min_samples=2)
        if target.shape[1] != X.shape[1]:
            raise ValueError(f"the source has {X.shape[1]} features, the target {target.shape[1]}")
        self.source_scaler_, self.target_scaler_ = self._scalers(X, target)
        source, target = self.source_scaler_.transform(X), self.target_scaler_.transform(target)
        self._align(source, target, y)
        mapped = self._mapped(source, "source")
        self.C_ = self._choose_c(mapped, y) if self.C is None else self.C
        self.svm_ = self._svm(self.C_).fit(mapped, y)
        self.classes_ = self.svm_.classes_
        return self

    def transform(self, X: Array, domain: str = "source") -> Array:  # noqa: N803
        """Features in the common space [n, d]; `domain` is `source` or `target`."""
        check_is_fitted(self, "svm_")
        X = validate_data(self, X, reset=False)  # noqa: N806
        scaler = self.source_scaler_ if domain == "source" else self.target_scaler_
        return self._mapped(scaler.transform(X), domain)

    def predict(self, X: Array) -> Array:  # noqa: N803
        """Labels of target examples [n]."""
        check_is_fitted(self, "svm_")
        predicted: Array = self.svm_.predict(self.transform(X, "target"))
        return predicted

    def linear_head(self) -> tuple[Array, Array]:
        """The whole rule on raw target features: (weights [classes, D], biases [classes])."""
        coefficients, intercepts = self.svm_.coef_, self.svm_.intercept_
        if len(self.classes_) == 2:
            coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.hstack([-intercepts, intercepts])
        weight = coefficients @ self.target_map_.T / self.target_scaler_.scale_
        return weight, intercepts - weight @ self.target_scaler_.mean_

    def _svm(self, C: float) -> LinearSVC:  # noqa: N803
        return LinearSVC(C=C, dual="auto", random_state=self.random_state)

    def _choose_c(self, mapped: Array, y: Array) -> float:
        if not can_fold(y):
            return 1.0
        some = a_few(len(y), self.random_state)

        def accuracy(c: float) -> float:
            # A C so large that a hundred sweeps do not reach its rule is judged as it stands there.
            svm = self._svm(c).set_params(max_iter=100)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                return float(cross_val_score(svm, mapped[some], y[some], cv=2).mean())

        return max((1e-4, 1e-3, 1e-2, 1e-1, 1.0), key=accuracy)


def reverse_accuracy(estimator: BaseEstimator, X: Array, y: Array, target: Array) -> float:  # noqa: N803
    """How well labels survive the way from source to target and back: a judge that needs no target label.

    A first copy of the estimator learns from the source and labels the target; a second learns from the target with
    those labels and is tested on the source, whose labels are known (Zhong et al., ECML 2010; Bruzzone and Marconcini,
    TPAMI 2010). Both see all examples; the papers hold some of the source out.

    Args:
        estimator: an `AlignedSVM`; it stays as it is.
        X: source features [n, D].
        y: their labels [n].
        target: target features [m, D], without labels.

    Returns:
        Accuracy on the source after the round trip, in [0, 1]; 0 where all of the target was called one class.

    >>> class Plain(AlignedSVM):
    ...     def _maps(self, source, target, y):
    ...         return np.eye(1), np.eye(1)
    >>> x, y = np.array([[0.0], [1.0], [4.0], [5.0]] * 5), np.array([0, 0, 1, 1] * 5)
    >>> reverse_accuracy(Plain(), x, y, 3 * x + 50)
    1.0
    """
    guessed = clone(estimator).fit(X, y, target=target).predict(target)
    if len(np.unique(guessed)) == 1:
        return 0.0
    return float(clone(estimator).fit(target, guessed, target=X).score(X, y))


def can_fold(y: Array) -> bool:
    """Whether every class has the two examples that two-fold cross-validation needs."""
    return bool(np.unique(y, return_counts=True)[1].min() >= 2)


def a_few(count: int, seed: int, most: int = 4000) -> Array:
    """At most `most` of the numbers below `count`, at random: enough to choose a setting by."""
    return np.random.default_rng(seed).permutation(count)[:most]


class EstimatorMethod(Method):
    """Train on the source, freeze, align the features of the last hidden layer by an estimator, replace the last layer.

    A subclass says which estimator in `estimator`.

    Args:
        setup: the set-up.
        most: examples a domain that the estimator is fitted on; more are drawn at random.
    """

    def __init__(self, setup: Setup, most: int = 20_000) -> None:
        super().__init__(setup)
        self.most = most
        self.aligned = copy.deepcopy(self.head)

    def estimator(self) -> LinearTransfer:
        """A fresh estimator."""
        raise TypeError(f"{type(self).__name__} must define `estimator`")

    def phases(self) -> Sequence[Phase]:
        """Source training, then one pass over the features of both domains."""
        return (source_phase(), Phase("align", share=0.0, trains=()))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source."""
        yield classification(self, batch["source"])

    @torch.no_grad()
    def begin(self, domains: Domains, at: Moment) -> None:
        """In the second phase: collect features, fit, and turn the fitted rule into the last layer."""
        if at.phase != "align":
            return
        source, target = (self._some(domains[name]) for name in ("source", "target"))
        estimator = self.estimator()
        estimator.fit(self._embed(source), source.y.numpy(), target=self._embed(target))
        self.aligned.load_state_dict(self.head.state_dict())
        weight, bias = (torch.from_numpy(np.asarray(part)) for part in estimator.linear_head())
        self.aligned.output.weight.copy_(weight)
        self.aligned.output.bias.copy_(bias)

    def model(self) -> Classifier:
        """The source network with the aligned last layer."""
        return Classifier(self.backbone, self.aligned, self.setup.classes)

    def _some(self, view: View) -> View:
        return view.subset(torch.randperm(len(view))[: self.most].sort().values)

    def _embed(self, view: View) -> Array:
        self.eval()
        device = next(self.parameters()).device
        batches = in_order(view, self.backbone.preprocessing)
        parts = [self.head.embed(self.backbone(x.to(device))).float().cpu() for x in batches]
        return torch.cat(parts).numpy()
