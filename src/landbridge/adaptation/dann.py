"""Domain-adversarial training of neural networks."""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.data.batches import Batch
from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.training.method import Losses, Method, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda


class DANN(Method):
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
        self.weight, self.play, self.batch_norm, self.label_weight = weight, play, batch_norm, label_weight
        self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source and the game over the domain, in one turn or in two."""
        source, target = self.features(batch["source"].x, batch["target"].x)
        both, strength = torch.cat([source, target]), self.weight * ganin_lambda(at.progress)
        logits, labels = self.head(source), batch["source"].y
        classification = self.label_weight * F.cross_entropy(logits, labels)

        def confusion(features: Tensor) -> tuple[Tensor, Tensor]:
            guess = self.discriminator(features)
            return domain_classification(guess, sources=len(source)), guess.detach()

        if self.play == "reversal":
            domain, guess = confusion(reverse_gradient(both, strength))
            turn = Losses(classification=classification, domain=domain)
        else:
            domain, guess = confusion(both.detach())
            yield Losses(domain=domain, moves=("discriminator",))
            turn = Losses(
                classification=classification, fooling=-strength * confusion(both)[0], moves=("backbone", "head")
            )
        turn.measures = {
            "source_accuracy": lambda: (logits.argmax(1) == labels).float().mean(),
            "domain_accuracy": lambda: domain_accuracy(guess, sources=len(source)),
            "lambda": lambda: strength,
        }
        yield turn
