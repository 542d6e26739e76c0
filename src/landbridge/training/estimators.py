"""The one adapter by which a scikit-learn estimator with two domains becomes a method like any other."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

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
