"""Adaptation of the output space."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam

from landbridge.losses import domain_accuracy, domain_classification
from landbridge.nn.discriminators import map_discriminator
from landbridge.segmentation.base import PlainJoint, SeenPixels, SegmentationSetup
from landbridge.training.method import Group, Losses, Moment
from landbridge.training.options import Range


class AdaptSegNet(PlainJoint):
    """Make segmentations of the target that look like segmentations of the source.

    A discriminator learns to tell by patches of the softmax output P which domain it is of, and the network to fool it
    on the target. In turns:

        1. min over D of  L_D(D(P_s), source) + L_D(D(P_t), target)
        2. min over f of  L_seg(f(x_s), y_s) + weight * L_D(D(P_t), source),   L_D the binary cross-entropy over patches

    A second classifier, where the network has one, plays a game of its own with the weight `auxiliary`. In the authors'
    program the network moves first; here D does, on the same maps.

    Args:
        setup: the set-up.
        weight: lambda_adv.
        auxiliary: lambda_adv of the second classifier.
        discriminator_rate: of the discriminators' Adam.
        width: channels of their first convolution.
        batch_norm: each domain by its own batch statistics, and the target's to predict by (`apart`), or both as one
            batch (`together`).
    """

    paper = "Tsai et al., CVPR 2018, sections 3 and 4"
    opponents = ("discriminator",)

    def __init__(
        self,
        setup: SegmentationSetup,
        weight: Annotated[float, Range(1e-4, 0.1, log=True)] = 0.001,
        auxiliary: float = 0.0002,
        discriminator_rate: Annotated[float, Range(1e-5, 1e-3, log=True)] = 1e-4,
        width: int = 64,
        batch_norm: Literal["apart", "together"] = "apart",
    ) -> None:
        super().__init__(setup, batch_norm)
        self.weights, self.discriminator_rate = (weight, auxiliary), discriminator_rate
        classifiers = 1 if getattr(setup.network, "auxiliary", None) is None else 2
        self.discriminators = nn.ModuleList(map_discriminator(len(setup.classes), width) for _ in range(classifiers))

    def groups(self) -> Mapping[str, Group]:
        """The network's, and the discriminators under the papers' Adam."""
        adam = partial(Adam, betas=(0.9, 0.99), fused=True)
        opponent = Group(list(self.discriminators.parameters()), adam, self.discriminator_rate, self.pace)
        return {**self.network_groups(), "discriminator": opponent}

    def shown(self, logits: Tensor) -> Tensor:
        """What a discriminator sees of logits [n, K, H, W]."""
        return logits.softmax(1)

    def opposing(self, seen: SeenPixels, at: Moment) -> Iterator[Losses]:
        """The discriminators' turn."""
        guesses, sources = [], []
        for discriminator, source, target in zip(self.discriminators, seen.source, seen.target):
            of_source, of_target = (discriminator(self.shown(x.detach())).flatten() for x in (source, target))
            guesses.append(torch.cat([of_source, of_target]))
            sources.append(len(of_source))
        domains = [domain_classification(guess, count) for guess, count in zip(guesses, sources)]
        yield Losses(
            domain=torch.stack(domains).sum(),
            moves=self.opponents,
            measures={"domain_accuracy": lambda: domain_accuracy(guesses[0].detach(), sources[0])},
        )

    def terms(self, seen: SeenPixels, at: Moment) -> Losses:
        """Fooling the discriminators on the target."""
        guesses = [d(self.shown(logits)).flatten() for d, logits in zip(self.discriminators, seen.target)]
        as_source = [weight * domain_classification(g, len(g)) for weight, g in zip(self.weights, guesses)]
        return Losses(fooling=torch.stack(as_source).sum())
