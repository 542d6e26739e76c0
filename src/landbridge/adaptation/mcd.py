"""Maximum classifier discrepancy."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.data.batches import Batch
from landbridge.losses import classifier_discrepancy
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.training.method import Losses, Method, Moment, Setup
from landbridge.training.options import Range


class MCD(Method):
    """Two classifiers seek target examples far from the source by disagreeing on them; the features learn to avoid it.

        A. min over F, C1, C2 of  L_y(C1(F(x_s)), y_s) + L_y(C2(F(x_s)), y_s)
        B. min over C1, C2 of     the same - weight * d(C1(F(x_t)), C2(F(x_t)))
        C. min over F of          weight * d(C1(F(x_t)), C2(F(x_t))),  `repeats` times

    d is the mean absolute difference of the two softmax outputs. The set-up's optimiser moves all (the paper: Adam on
    digits, SGD on larger pictures), one for each network throughout. The mean of the two classifiers' logits is used
    in the end.

    Args:
        setup: the set-up.
        weight: of the discrepancy; 1 in the paper.
        repeats: n, how often a step the features reply.
    """

    paper = "Saito et al., CVPR 2018, section 3.3"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        repeats: Annotated[int, Range(1, 4)] = 4,
    ) -> None:
        super().__init__(setup)
        self.weight, self.repeats = weight, repeats
        self.second = Head(setup.head.width, setup.head.hidden_widths, len(setup.classes), setup.head.dropout)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The three turns, the last one repeated."""
        source, target = batch["source"], batch["target"]
        yield self._classification(self._of_source(source.x), source.y)
        with torch.no_grad():
            features = self._of_source(source.x)
        against = self._classification(features, source.y)
        features = self.backbone(target.x)
        against["apart"], against.moves = -self._discrepancy(features.detach()), ("head", "second")
        yield against
        for reply in range(self.repeats):
            features = self.backbone(target.x) if reply else features
            yield Losses(together=self._discrepancy(features), moves=("backbone",))

    def _of_source(self, x: Tensor) -> Tensor:
        """Features of the source; the statistics to predict by are the target's."""
        with running_statistics_kept(self.backbone):
            features: Tensor = self.backbone(x)
        return features

    def _classification(self, features: Tensor, labels: Tensor) -> Losses:
        first, second = self.head(features), self.second(features)
        return Losses(
            classification=F.cross_entropy(first, labels) + F.cross_entropy(second, labels),
            measures={"source_accuracy": lambda: (first.argmax(1) == labels).float().mean()},
        )

    def _discrepancy(self, features: Tensor) -> Tensor:
        return self.weight * classifier_discrepancy(self.head(features), self.second(features))

    def model(self) -> Classifier:
        """The backbone and one head that gives the mean of both."""
        return Classifier(self.backbone, mean_head(self.head, self.second), self.setup.classes)


@torch.no_grad()
def mean_head(first: Head, second: Head) -> Head:
    """One head whose logits are the mean of those of two heads of one shape: their hidden units side by side.

    >>> first, second, x = Head(4, (3, 2), 5), Head(4, (3, 2), 5), torch.randn(6, 4)
    >>> torch.testing.assert_close(mean_head(first, second)(x), (first(x) + second(x)) / 2)
    """
    both = Head(first.width, [2 * width for width in first.hidden_widths], first.output.out_features, first.dropout)
    hidden = ([layer for layer in head.hidden if isinstance(layer, nn.Linear)] for head in (both, first, second))
    for number, (layer, one, other) in enumerate(zip(*hidden)):
        # Both read the same features, but above the first layer each only its own units.
        beside = torch.block_diag if number else lambda *weights: torch.cat(weights)
        layer.weight.copy_(beside(one.weight, other.weight))
        layer.bias.copy_(torch.cat([one.bias, other.bias]))
    one, other = first.output, second.output
    summed = torch.cat([one.weight, other.weight], 1) if first.hidden_widths else one.weight + other.weight
    both.output.weight.copy_(summed / 2)
    both.output.bias.copy_((one.bias + other.bias) / 2)
    return both.to(one.weight)
