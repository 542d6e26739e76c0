"""Domain-adversarial training of neural networks."""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch

from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda


class DANN(JointMethod):
    """Learn features that tell the classes apart and the domains not.

    A discriminator learns to tell source from target features; the feature extractor, behind a gradient reversal,
    learns to fool it while the classifier learns from the source labels:

        min over F, C, max over D of  L_y(C(F(x_s)), y_s) - lambda(p) L_d(D(F(x)), domain)

    Args:
        setup: the set-up.
        weight: factor on lambda.
        play: `reversal` plays both sides in one backward pass; `turns` moves the discriminator, then the rest.
        batch_norm: each domain by its own batch statistics, and the target's to predict by (`apart`), or both as one
            batch (`together`).
        label_weight: factor on the classification loss; 0 shows what confusing the domains alone leads to.
    """

    paper = "Ganin and Lempitsky, ICML 2015; Ganin et al., JMLR 2016, eq. 9-10"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        play: Literal["reversal", "turns"] = "reversal",
        batch_norm: Literal["apart", "together"] = "apart",
        label_weight: float = 1.0,
    ) -> None:
        super().__init__(setup)
        self.weight, self.batch_norm, self.label_weight = weight, batch_norm, label_weight
        self.opponents = ("discriminator",) if play == "turns" else ()
        self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)

    def opposing(self, seen: Seen, at: Moment) -> Iterator[Losses]:
        """In turns: the discriminator's own."""
        if self.opponents:
            both = torch.cat([seen.source, seen.target]).detach()
            yield Losses(domain=domain_classification(self.discriminator(both), len(seen.source)), moves=self.opponents)

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over the domain; in turns, the features' side of it."""
        both, sources = torch.cat([seen.source, seen.target]), len(seen.source)
        strength = self.weight * ganin_lambda(at.progress)
        guess = self.discriminator(both if self.opponents else reverse_gradient(both, strength))
        domain = domain_classification(guess, sources)
        turn = Losses(fooling=-strength * domain) if self.opponents else Losses(domain=domain)
        turn.measures = {
            "domain_accuracy": lambda: domain_accuracy(guess.detach(), sources),
            "lambda": lambda: strength,
        }
        return turn
