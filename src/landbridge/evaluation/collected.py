"""What judges see of a model: its features and answers on held-out source and unlabelled target examples."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from landbridge.data.domain import View
from landbridge.nn.models import Classifier

LOOKED_AT = 2000
"""How many examples of a domain a judge looks at."""

Mixed = Callable[[Tensor, Tensor, float], Tensor]
"""(positions i [n], partners j [n], share) -> logits [n, K] of share * x_i + (1 - share) * x_j, forwarded anew."""


@dataclass(frozen=True)
class Outputs:
    """What a model makes of some examples.

    Attributes:
        features: what its last layer sees, float32 [n, D].
        logits: what it answers, float32 [n, K].
    """

    features: Tensor
    logits: Tensor

    def __len__(self) -> int:
        return len(self.logits)

    @cached_property
    def probabilities(self) -> Tensor:
        """[n, K]; rows sum to 1."""
        return self.logits.softmax(1)

    @cached_property
    def predictions(self) -> Tensor:
        """Class numbers [n]."""
        return self.logits.argmax(1)


@dataclass(frozen=True)
class Collected:
    """All that a validator may look at: it is a function of this, and target labels are not part of it.

    Attributes:
        target: outputs on unlabelled target training examples.
        labels: class numbers of labelled source examples [n]; those of `source`, where that is there.
        source: outputs on labelled source examples that training does not see.
        training: features of source training examples [l, D].
        mixed: logits of mixtures of the target examples.
        partial: whether the target may lack some of the source's classes.
    """

    target: Outputs
    labels: Tensor
    source: Outputs | None = None
    training: Tensor | None = None
    mixed: Mixed | None = None
    partial: bool = False

    @property
    def held(self) -> Outputs:
        """Outputs on held-out source examples.

        Raises:
            ValueError: there are none.
        """
        if self.source is None:
            raise ValueError("no source examples were held out")
        return self.source

    @cached_property
    def weights(self) -> Tensor:
        """`density_ratio` at the held-out source examples, float64 [n]; computed once for all who ask."""
        if self.training is None:
            raise ValueError("no features of source training examples were collected")
        return density_ratio(self.training, self.target.features, self.held.features)

    @cached_property
    def finite(self) -> bool:
        """Whether all outputs are numbers that can be judged."""
        parts = [self.target.features, self.target.logits, self.training]
        parts += [self.source.features, self.source.logits] if self.source else []
        return all(bool(part.isfinite().all()) for part in parts if part is not None)


def density_ratio(source: Tensor, target: Tensor, at: Tensor) -> Tensor:
    """How much likelier features are in the target than in the source, by a classifier of the domains.

        w(f) = n_s / n_t * p(target | f) / p(source | f)

    (You et al., "Towards accurate model selection in deep unsupervised domain adaptation", ICML 2019.) The classifier
    is a logistic regression on standardised features, where the paper takes a network of two layers: it has one
    optimum, found in a moment.

    Args:
        source: features of source training examples [n_s, D].
        target: features of target examples [n_t, D].
        at: where the ratio is wanted [n, D].

    Returns:
        Float64 [n], > 0.

    >>> x = torch.linspace(-3, 3, 60)[:, None]
    >>> low, high = density_ratio(x - 1, x + 1, torch.tensor([[-2.0], [2.0]])).tolist()
    >>> low < 0.5, high > 2
    (True, True)
    """
    both = torch.cat([source, target]).double().numpy()
    domain = np.repeat([0, 1], [len(source), len(target)])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1)).fit(both, domain)
    odds = torch.from_numpy(classifier.decision_function(at.double().numpy())).exp()
    return len(source) / len(target) * odds


@torch.inference_mode()
def outputs(model: Classifier, view: View, batch_size: int = 512) -> Outputs:
    """What a model makes of all examples of a view, on the CPU. No label is needed or seen."""
    features, logits = [], []
    for positions in torch.arange(len(view)).split(batch_size):
        seen = model.backbone(_ready(model, view, positions))
        features.append(model.head.embed(seen).float().cpu())
        logits.append(model.head(seen).float().cpu())
    return Outputs(torch.cat(features), torch.cat(logits))


def _ready(model: Classifier, view: View, positions: Tensor) -> Tensor:
    """Inputs as the network wants them, on its device."""
    device = next(model.parameters()).device
    return model.preprocessing(view.read(positions, model.preprocessing.size).to(device))


def some(view: View, most: int = LOOKED_AT, seed: int = 0) -> View:
    """At most `most` examples of a view, drawn by seed."""
    return view.subset(torch.randperm(len(view), generator=torch.Generator().manual_seed(seed))[:most])


@dataclass(frozen=True)
class Material:
    """The examples that judges look at a model with, the same ones for every model of a run.

    Attributes:
        target: unlabelled target training examples.
        training: labelled source examples of training.
        held: labelled source examples that training does not see, if any were held out.
        partial: whether the target may lack some of the source's classes.
    """

    target: View
    training: View
    held: View | None = None
    partial: bool = False

    def some(self, most: int = LOOKED_AT, seed: int = 0) -> "Material":
        """At most `most` examples of each, drawn by seed."""
        held = self.held and some(self.held, most, seed)
        return Material(some(self.target, most, seed), some(self.training, most, seed), held, self.partial)

    def collect(self, model: Classifier, *, source: bool = True) -> Collected:
        """Look at a model.

        Args:
            model: which one; it is left in evaluation mode.
            source: whether to look at the source too, where examples of it were held out.
        """
        model.eval()

        @torch.inference_mode()
        def mixed(first: Tensor, second: Tensor, share: float) -> Tensor:
            parts = []
            for i, j in zip(first.split(512), second.split(512)):
                x = torch.lerp(_ready(model, self.target, j), _ready(model, self.target, i), share)
                parts.append(model(x).float().cpu())
            return torch.cat(parts)

        labels = (self.held or self.training).y
        seen = Collected(outputs(model, self.target), labels, mixed=mixed, partial=self.partial)
        if self.held is None or not source:
            return seen
        return replace(seen, source=outputs(model, self.held), training=outputs(model, self.training).features)
