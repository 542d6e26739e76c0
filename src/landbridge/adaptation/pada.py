"""Partial adversarial domain adaptation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.evaluation.inference import predict
from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Domains, Losses, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda


class PADA(JointMethod):
    """As DANN, but source classes that the target seems to lack count for little; for a target with fewer classes.

        gamma = mean over the target of C(F(x_t)), divided by its largest entry,
        min over F, C, max over D of  mean gamma_y L_y(C(F(x_s)), y)
            - lambda(p) [mean gamma_y L_d(D(F(x_s)), source) + mean L_d(D(F(x_t)), target)] / 2

    (equations 5-7.) gamma is computed anew every so many steps, and is 1 before: the predictions of a network that has
    not learned yet say nothing. The two halves of the domain loss are averaged, as they are in DANN.

    Args:
        setup: the set-up.
        weight: factor on lambda.
        every: steps from one gamma to the next, > 0.
    """

    paper = "Cao et al., ECCV 2018"
    class_weights: Tensor

    def __init__(
        self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0, every: int = 500
    ) -> None:
        super().__init__(setup)
        self.weight, self.every = weight, every
        self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)
        self.register_buffer("class_weights", torch.ones(len(setup.classes)))

    def phases(self) -> Sequence[Phase]:
        """One, with the class weights refreshed."""
        return (replace(self.joint_phase(), refresh_every=self.every),)

    def refresh(self, domains: Domains, at: Moment) -> None:
        """The class weights, from predictions on the whole target."""
        if at.step:
            mean = predict(self.model(), domains["target"]).mean(0)
            self.class_weights.copy_(mean / mean.max())

    def source_loss(self, seen: Seen) -> Tensor:
        """Cross-entropy of the source, weighted by class."""
        losses = F.cross_entropy(seen.source_logits, seen.labels, reduction="none")
        return (self.class_weights[seen.labels] * losses).mean()

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over the domain, source examples weighted by class."""
        sources, strength = len(seen.source), self.weight * ganin_lambda(at.progress)
        guess = self.discriminator(reverse_gradient(torch.cat([seen.source, seen.target]), strength))
        counts = torch.cat([self.class_weights[seen.labels], torch.ones_like(guess[sources:, 0])])
        return Losses(
            domain=domain_classification(guess, sources, counts),
            measures={
                "domain_accuracy": lambda: domain_accuracy(guess.detach(), sources),
                "lambda": lambda: strength,
                "least_class_weight": lambda: self.class_weights.min(),
            },
        )
