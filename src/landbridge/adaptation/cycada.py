"""Cycle-consistent adversarial domain adaptation: pixels, then features."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch
from landbridge.losses import (
    domain_accuracy,
    domain_classification,
    least_squares_discrimination,
    least_squares_fooling,
    semantic_consistency,
)
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.gradient_reversal import reverse_gradient
from landbridge.nn.translators import Pool, Translator, example_discriminator
from landbridge.training.joint import Seen
from landbridge.training.method import Losses, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda
from landbridge.training.supervised import classification, source_phase
from landbridge.training.translating import TranslatingMethod

SIDES = ("source", "target")


class CyCADA(TranslatingMethod):
    """Translate the source into the target's look, and learn from the translated source.

    With G translating the source x into the target's look and F the target y into the source's, in three phases:

    1. A classifier f_S learns the source.
    2. `pixels`, f_S frozen: after a turn of the discriminators D_T and D_S, G and F lower (equations 1-4)

           pixel_weight    * (D_T finds G(x) real, D_S F(y))
           + cycle_weight    * (|F(G(x)) - x| + |G(F(y)) - y|)
           + semantic_weight * (CE(f_S(G(x)), c) + CE(f_S(F(y)), argmax f_S(y)))

    3. `features`, G frozen: f_T, which starts as f_S, learns from the translated source against a discriminator of
       features (equation 5)

           label_weight * CE(f_T(G(x)), c) - feature_weight * lambda(p) L_d(D(f_T(.)), G(x) or y)

    D_T and D_S see half of their made examples from a pool of earlier ones. A weight of 0 switches a term off; with
    none of those of `pixels` there are no translators; what is left is adversarial learning of features.

    Where we differ: the paper trains f_T anew and plays the features' game in turns (as ADDA), we go on from f_S and
    reverse the gradient (as DANN); translators are small, and learn at 0.001, not 0.0002, in runs of thousands of steps
    where theirs have tens of thousands; the meaning of x is its label, not f_S's opinion, as in the authors' program.
    The weights are that program's on digits.

    Args:
        setup: the set-up.
        label_weight: of the classes of the translated source.
        pixel_weight: of fooling the discriminators of examples.
        cycle_weight: of coming back to where one started, by the mean over pixels.
        semantic_weight: of keeping the meaning.
        feature_weight: factor on lambda.
        pool: made examples that are kept in each direction; 0 keeps none.
        translator_rate: learning rate of translators and of D_T and D_S.

    Raises:
        LandbridgeError: the pool is negative.
    """

    paper = "Hoffman et al., ICML 2018"
    by_adam = ("translators", "image_discriminators")

    def __init__(
        self,
        setup: Setup,
        label_weight: float = 1.0,
        pixel_weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        cycle_weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        semantic_weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        feature_weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        pool: int = 50,
        translator_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3,
    ) -> None:
        super().__init__(setup, translator_rate)
        if pool < 0:
            raise LandbridgeError(f"cycada: --method.pool is a number of examples, 0 for none, not {pool}")
        self.label_weight, self.pixel_weight, self.cycle_weight = label_weight, pixel_weight, cycle_weight
        self.semantic_weight, self.feature_weight = semantic_weight, feature_weight
        self.translates = bool(pixel_weight or cycle_weight or semantic_weight)
        if self.translates:
            self.translators = nn.ModuleDict(
                {side: Translator(self.shape, setup.backbone.preprocessing) for side in SIDES}
            )
        if pixel_weight:
            self.image_discriminators = nn.ModuleDict({side: example_discriminator(self.shape) for side in SIDES})
            self.pools = nn.ModuleDict({side: Pool(pool, self.shape) for side in SIDES})
        if feature_weight:
            self.discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)

    def phases(self) -> Sequence[Phase]:
        """Learn the source; learn to translate; learn from the translated source."""
        pixels = ["translators", *(["image_discriminators"] if self.pixel_weight else [])]
        features = ["backbone", "head", *(["discriminator"] if self.feature_weight else [])]
        learning = [Phase("pixels", 2.0, trains=pixels)] if self.translates else []
        return [source_phase(), *learning, Phase("features", 2.0, trains=features)]

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Those of the phase."""
        if at.phase == "source":
            yield classification(self, batch["source"])
        elif at.phase == "pixels":
            yield from self._pixels(batch)
        else:
            yield from super().losses(batch, at)

    def _pixels(self, batch: Batch) -> Iterator[Losses]:
        """The discriminators' turn, then that of the translators."""
        real = {side: batch[side].x for side in SIDES}
        made = {side: self.translators[side](real[other]) for side, other in zip(SIDES, reversed(SIDES))}
        turn = Losses(moves=["translators"])
        if self.pixel_weight:
            judge = self.image_discriminators
            shown = {side: self.pools[side](made[side]) for side in SIDES}
            yield Losses(
                image_discrimination=_both(
                    least_squares_discrimination(judge[side](real[side]), judge[side](shown[side])) for side in SIDES
                ),
                moves=["image_discriminators"],
            )
            fooling = _both(least_squares_fooling(judge[side](made[side])) for side in SIDES)
            turn["translation"] = self.pixel_weight * fooling
        if self.cycle_weight:
            again = {side: self.translators[side](made[other]) for side, other in zip(SIDES, reversed(SIDES))}
            turn["cycle"] = self.cycle_weight * _both(F.l1_loss(again[side], real[side]) for side in SIDES)
        if self.semantic_weight:
            of_source = F.cross_entropy(self._logits(made["target"]), batch["source"].y)
            of_target = semantic_consistency(self._logits(real["target"]), self._logits(made["source"]))
            turn["meaning"] = self.semantic_weight * (of_source + of_target)
        yield turn

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(x))
        return logits

    def look(self, batch: Batch) -> Seen:
        """Pass the translated source and the target through the backbone."""
        source = batch["source"]
        with torch.no_grad():
            made = self.to_target(source.x)
        return super().look(batch if made is None else {**batch, "source": replace(source, x=made)})

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The game over the domain of the features."""
        if not self.feature_weight:
            return Losses()
        both, sources = torch.cat([seen.source, seen.target]), len(seen.source)
        strength = self.feature_weight * ganin_lambda(at.progress)
        guess = self.discriminator(reverse_gradient(both, strength))
        return Losses(
            domain=domain_classification(guess, sources),
            measures={"domain_accuracy": lambda: domain_accuracy(guess.detach(), sources), "lambda": lambda: strength},
        )

    def to_target(self, x: Tensor) -> Tensor | None:
        """Preprocessed source examples through G."""
        made: Tensor | None = self.translators["target"](x) if self.translates else None
        return made


def _both(losses: Iterable[Tensor]) -> Tensor:
    """The sum over the two domains."""
    return torch.stack(list(losses)).sum()
