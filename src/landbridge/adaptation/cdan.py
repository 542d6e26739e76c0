"""Conditional domain-adversarial networks."""

import math
from typing import Annotated

import torch
from torch import Tensor

from landbridge.core.processes import gather
from landbridge.losses import certainty, domain_accuracy, domain_classification
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda

WIDEST = 4096
"""Above so many products of a feature and a probability, a random projection stands in for them (section 3.2)."""


class CDAN(JointMethod):
    """As DANN, but the discriminator sees features together with predictions.

        min over F, C, max over D of  L_y(C(F(x_s)), y_s) - lambda(p) L_d(D(f x g), domain),

    f the features, g the softmax of the prediction, taken as a constant, and f x g all products of an entry of f with
    one of g. Where these are more than 4,096, it is (R_f f) * (R_g g) / sqrt(d), R_f and R_g fixed random matrices
    (equations 4-6).

    Args:
        setup: the set-up.
        weight: factor on lambda.
    """

    paper = "Long et al., NeurIPS 2018"
    by_certainty = False
    of_features: Tensor
    of_predictions: Tensor

    def __init__(self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0) -> None:
        super().__init__(setup)
        self.weight = weight
        width, classes = setup.backbone.width, len(setup.classes)
        joint = width * classes
        if joint > WIDEST:
            joint = 1024
            self.register_buffer("of_features", torch.randn(width, joint))
            self.register_buffer("of_predictions", torch.randn(classes, joint))
        self.discriminator = domain_discriminator(joint, setup.backbone.discriminator_hidden)

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over the domain."""
        sources, strength = len(seen.source), self.weight * ganin_lambda(at.progress)
        features = reverse_gradient(torch.cat([seen.source, seen.target]), strength)
        sides = [logits.detach().softmax(1) for logits in (seen.source_logits, seen.target_logits)]
        guess = self.discriminator(self.joined(features, torch.cat(sides)))
        weights = torch.cat([_in_proportion(certainty(side)) for side in sides]) if self.by_certainty else None
        return Losses(
            domain=domain_classification(guess, sources, weights),
            measures={
                "domain_accuracy": lambda: domain_accuracy(guess.detach(), sources),
                "lambda": lambda: strength,
            },
        )

    def joined(self, features: Tensor, told: Tensor) -> Tensor:
        """Features [N, D] and predictions [N, K] as one vector an example."""
        if "of_features" in self._buffers:
            projected: Tensor = (features @ self.of_features) * (told @ self.of_predictions)
            return projected / math.sqrt(self.of_features.shape[1])
        products: Tensor = torch.einsum("nk,nd->nkd", told, features)
        return products.flatten(1)


def _in_proportion(weights: Tensor) -> Tensor:
    """Weights that are 1 on average, over all processes."""
    proportional: Tensor = weights / gather(weights).mean()
    return proportional


class CDANE(CDAN):
    """CDAN in which examples count by how sure the prediction is.

    Each example's share of L_d is weighted by 1 + exp(-H(g)), H the entropy, in each domain 1 on average (section 3.3).
    """

    by_certainty = True
