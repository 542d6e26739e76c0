"""Adversarial discriminative domain adaptation."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated

import torch
from torch import nn
from torch.optim import Adam

from landbridge.data.batches import Batch
from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.models import Classifier
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.supervised import classification, source_phase

PLAYERS = ("discriminator", "target_encoder")


class ADDA(Method):
    """Train on the source, then teach a copy of the encoder to make target features that look like the source's.

        1. min over F_s, C of  L_y(C(F_s(x_s)), y_s)
        2. F_t starts as F_s, which stays as it is together with C; in turns
           min over D of    - E log D(F_s(x_s)) - E log(1 - D(F_t(x_t)))
           min over F_t of  - E log D(F_t(x_t))

    The target is classified by C(F_t(x)). Both phases have as many steps, as in the paper (10,000 each); the second is
    its Adam at a fixed rate.

    Nothing in phase 2 holds the classes in place: D only sees whether a feature looks like one of the source's, not of
    which class, so a run may swap or merge classes, and more steps may make it worse. Where the classes are not equally
    frequent in both domains it must. So look at more than one seed, and let `--select` choose the step.

    Args:
        setup: the set-up.
        rate: of phase 2, for both networks.
    """

    paper = "Tzeng et al., CVPR 2017, eq. 9"

    def __init__(self, setup: Setup, rate: Annotated[float, Range(1e-5, 1e-3, log=True)] = 2e-4) -> None:
        super().__init__(setup)
        self.rate = rate
        self.target_encoder = copy.deepcopy(setup.backbone)
        self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)

    def phases(self) -> Sequence[Phase]:
        """Source training, then the game, with the source's networks frozen."""
        return (source_phase(), Phase("adversarial", trains=PLAYERS))

    def groups(self) -> Mapping[str, Group]:
        """Backbone and head as usual; those of the game under the paper's Adam."""
        return {**super().groups(), **{name: self._played(getattr(self, name)) for name in PLAYERS}}

    def _played(self, module: nn.Module) -> Group:
        adam = partial(Adam, betas=(0.5, 0.999), fused=True)
        return Group(list(module.parameters()), adam, self.rate, lambda at: 1.0)

    def begin(self, domains: Domains, at: Moment) -> None:
        """In the second phase: the target's encoder starts as the source's."""
        if at.phase == "adversarial":
            self.target_encoder.load_state_dict(self.backbone.state_dict())

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source; later the discriminator's turn, then the target encoder's."""
        if at.phase == "source":
            yield classification(self, batch["source"])
            return
        with torch.no_grad():
            source = self.backbone(batch["source"].x)
        target = self.target_encoder(batch["target"].x)
        guess = self.discriminator(torch.cat([source, target.detach()]))
        yield Losses(
            domain=domain_classification(guess, len(source)),
            moves=("discriminator",),
            measures={"domain_accuracy": lambda: domain_accuracy(guess.detach(), len(source))},
        )
        as_source = domain_classification(self.discriminator(target), len(target))
        yield Losses(fooling=as_source, moves=("target_encoder",))

    def model(self) -> Classifier:
        """The target's encoder with the source's head."""
        return Classifier(self.target_encoder, self.head, self.setup.classes)
