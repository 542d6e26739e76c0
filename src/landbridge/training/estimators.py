"""Scikit-learn estimators with two domains: what they share, and how one becomes a method like any other."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
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
    """Standardise each domain by itself, map both linearly into one space, and learn a linear SVM there.

    A subclass says which maps, in `_maps`.

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
        self.source_scaler_, self.target_scaler_ = StandardScaler().fit(X), StandardScaler().fit(target)
        source, target = self.source_scaler_.transform(X), self.target_scaler_.transform(target)
        self.source_map_, self.target_map_ = self._maps(source, target, y)
        mapped = source @ self.source_map_
        self.C_ = self._choose_c(mapped, y) if self.C is None else self.C
        self.svm_ = self._svm(self.C_).fit(mapped, y)
        self.classes_ = self.svm_.classes_
        return self

    def transform(self, X: Array, domain: str = "source") -> Array:  # noqa: N803
        """Features in the common space [n, d]; `domain` is `source` or `target`."""
        check_is_fitted(self, "svm_")
        X = validate_data(self, X, reset=False)  # noqa: N806
        if domain == "source":
            mapped: Array = self.source_scaler_.transform(X) @ self.source_map_
        else:
            mapped = self.target_scaler_.transform(X) @ self.target_map_
        return mapped

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
        candidates = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
        return max(candidates, key=lambda c: float(cross_val_score(self._svm(c), mapped[some], y[some], cv=2).mean()))


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
