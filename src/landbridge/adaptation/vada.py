"""Virtual adversarial domain adaptation."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import torch
from torch import Tensor

from landbridge.core.processes import noise_like
from landbridge.losses import conditional_entropy, domain_accuracy, domain_classification, virtual_adversarial
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.models import Classifier
from landbridge.training.averaging import Averaged
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Group, Losses, Moment, Phase, Setup
from landbridge.training.options import Range


class VADA(JointMethod):
    """Confuse the domains, and keep the boundary between the classes away from the target's examples.

        min over F, C of  L_y(C(F(x_s)), y_s) + domain * L_d + source * L_v(x_s) + target * (L_v(x_t) + L_e(x_t))

    L_d is the game over the domain, L_e the entropy of predictions on the target, and L_v virtual adversarial training:
    how far the worst small move of an example takes its prediction away. The two sides of the game move in turns, and
    the features' side is to have the discriminator call each domain the other, in place of a gradient reversal.
    Averaged weights are used in the end.

    The authors' Adam gives way to the set-up's optimiser. Inputs that are normalised image by image, as in some of
    their runs, are a matter of the backbone: say `instance_norm=true` in its name.

    Args:
        setup: the set-up.
        domain: lambda_d, 0.01 in the paper.
        source: lambda_s, 1 in the paper, or 0, by pair of domains; 0 saves a third of the time.
        target: lambda_t, 0.01 in the paper, or 0.1, by pair.
        radius: of the moves, as a Euclidean norm in units of the network's inputs; 3.5 in the authors' program, for
            pictures of 32 x 32 pixels from -1 to 1.
        decay: of the averaged weights.
    """

    paper = "Shu et al., ICLR 2018"
    opponents = ("discriminator",)

    def __init__(
        self,
        setup: Setup,
        domain: Annotated[float, Range(0.001, 1, log=True)] = 0.01,
        source: Annotated[float, Range(0, 1)] = 1.0,
        target: Annotated[float, Range(0.001, 1, log=True)] = 0.01,
        radius: Annotated[float, Range(0.1, 10, log=True)] = 3.5,
        decay: Annotated[float, Range(0.9, 0.999)] = 0.998,
    ) -> None:
        super().__init__(setup)
        self.domain, self.source, self.target, self.radius = domain, source, target, radius
        self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)
        self.average = Averaged(super().model(), decay)

    def groups(self) -> Mapping[str, Group]:
        """The networks that learn: the average follows them."""
        return {name: self.group(getattr(self, name)) for name in ("backbone", "head", "discriminator")}

    def joint_phase(self, share: float = 1.0) -> Phase:
        """What DIRT-T begins with, too."""
        settings = (self.domain, self.source, self.target, self.radius, self.average.decay)
        inputs, trains = tuple(self.needs), ("backbone", "head", "discriminator")
        return Phase("vada", share, inputs, trains, recipe=f"vada {settings}")

    def opposing(self, seen: Seen, at: Moment) -> Iterator[Losses]:
        """The discriminator's turn."""
        both = torch.cat([seen.source, seen.target]).detach()
        yield Losses(domain=domain_classification(self.discriminator(both), len(seen.source)), moves=self.opponents)

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The features' side of the game, and what keeps the boundary away."""
        sources = len(seen.source)
        guess = self.discriminator(torch.cat([seen.source, seen.target]))
        # The logit's sign turned is each domain called the other.
        terms = Losses(fooling=self.domain * domain_classification(-guess, sources))
        terms.measures = {"domain_accuracy": lambda: domain_accuracy(guess.detach(), sources)}
        if self.source:
            terms["source_smoothness"] = self.source * self.smoothness(seen.batch["source"].x, seen.source_logits)
        terms |= self.away_from_the_boundary(seen.batch["target"].x, seen.target_logits)
        return terms

    def away_from_the_boundary(self, x: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """The target's terms: its examples shall not lie near the boundary, nor close by change their class."""
        return {
            "entropy": self.target * conditional_entropy(logits),
            "smoothness": self.target * self.smoothness(x, logits),
        }

    def smoothness(self, x: Tensor, logits: Tensor) -> Tensor:
        """Virtual adversarial training around inputs [N, ...] with these logits [N, K]."""
        with running_statistics_kept(self.backbone):
            return virtual_adversarial(super().model(), x, logits, noise_like(x), self.radius)

    def after_step(self, at: Moment) -> None:
        """The average follows."""
        self.average.update(super().model())

    def model(self) -> Classifier:
        """The networks with averaged weights."""
        averaged = self.average.module
        assert isinstance(averaged, Classifier)
        return averaged
