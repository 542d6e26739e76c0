"""Image to image translation for domain adaptation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch
from landbridge.losses import domain_accuracy, least_squares_discrimination, least_squares_fooling
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.nn.discriminators import domain_discriminator
from landbridge.nn.translators import Decoders, example_discriminator
from landbridge.training.joint import Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.translating import TranslatingMethod


@dataclass
class Decoded(Seen):
    """Features of both domains, and what the decoders make of them: (the source's, the target's) each time.

    Attributes:
        begun: outputs of the decoders' shared layer; None without decoders.
        translated: source examples as the target's, target examples as the source's; None where no term asks for them.
    """

    begun: tuple[Tensor, Tensor] | None = None
    translated: tuple[Tensor, Tensor] | None = None


class I2I(TranslatingMethod):
    """Learn features that tell no domain, from which examples of either domain can be made.

    With f the backbone, h the head, g_x and g_y decoders into source and target, d_z, d_x, d_y discriminators (section
    3, equations 1-7), the sum of

        label_weight            * CE(h(f(x)), c)                             classes of the source
        feature_weight          * d_z finds f(y) to be of the source         one latent space
        identity_weight         * |g_x(f(x)) - x| + |g_y(f(y)) - y|          reconstruction
        translation_weight      * d_y finds g_y(f(x)) real, d_x g_x(f(y))    translation
        cycle_weight            * |g_x(f(g_y(f(x)))) - x| + the same for y   and back
        translated_label_weight * CE(h(f(g_y(f(x)))), c)                     classes of the translated source

    is lowered after a turn of the discriminators. As in the paper (section 4), the two encoders are one, the decoders
    share their first layer, the features' game moves only the target's side of the encoder, and the last term moves f
    and h but not what made the picture, which could cheat by hiding the class in it. A weight of 0 switches a term off:
    networks that only it needs are neither made nor run.

    Where we differ: of the two games that the paper names, cross-entropy and least squares, we take the latter. It
    moves all by Adam at 0.0002, we only what is not backbone or head, so that these are trained as in other methods,
    and at 0.001, since our runs are short. Its pictures are turned and shifted at random, ours as `--augment` says.
    |.| is the mean over pixels.

    Args:
        setup: the set-up.
        label_weight: lambda_c; like all weights the paper's for digits (section 4).
        feature_weight: lambda_z.
        identity_weight: lambda_id.
        translation_weight: lambda_tr.
        cycle_weight: lambda_cyc.
        translated_label_weight: lambda_trc.
        translator_rate: learning rate of decoders and discriminators.

    Raises:
        LandbridgeError: the last term is asked for, and none that teaches the decoders.
    """

    paper = "Murez et al., CVPR 2018"
    by_adam = ("decoders", "image_discriminators", "feature_discriminator")

    def __init__(
        self,
        setup: Setup,
        label_weight: float = 1.0,
        feature_weight: Annotated[float, Range(0.01, 1, log=True)] = 0.05,
        identity_weight: Annotated[float, Range(0.01, 1, log=True)] = 0.1,
        translation_weight: Annotated[float, Range(0.002, 0.2, log=True)] = 0.02,
        cycle_weight: Annotated[float, Range(0.01, 1, log=True)] = 0.1,
        translated_label_weight: Annotated[float, Range(0.01, 1, log=True)] = 0.1,
        translator_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3,
    ) -> None:
        super().__init__(setup, translator_rate)
        self.label_weight, self.feature_weight, self.identity_weight = label_weight, feature_weight, identity_weight
        self.translation_weight, self.cycle_weight = translation_weight, cycle_weight
        self.translated_label_weight = translated_label_weight
        self.decodes = bool(identity_weight or translation_weight or cycle_weight)
        self.translates = bool(translation_weight or cycle_weight or translated_label_weight)
        if self.translates and not self.decodes:
            raise LandbridgeError(
                "i2i: nothing teaches the decoders whose pictures --method.translated_label_weight learns from: give "
                "identity_weight, translation_weight or cycle_weight, or set it to 0"
            )
        if feature_weight:
            self.feature_discriminator = domain_discriminator(setup.backbone.width, setup.backbone.discriminator_hidden)
        if self.decodes:
            self.decoders = Decoders(setup.backbone.width, self.shape, setup.backbone.preprocessing)
        if translation_weight:
            self.image_discriminators = nn.ModuleDict(
                {side: example_discriminator(self.shape) for side in ("source", "target")}
            )
        made = dict(self.named_children())
        self.opponents = [name for name in ("feature_discriminator", "image_discriminators") if name in made]

    def look(self, batch: Batch) -> Decoded:
        """Encode both domains, and translate both where a term asks for it."""
        seen = Decoded(**vars(super().look(batch)))
        if self.decodes:
            of_source, of_target = self.decoders.shared(seen.source), self.decoders.shared(seen.target)
            seen.begun = of_source, of_target
            if self.translates:
                seen.translated = self.decoders.target(of_source), self.decoders.source(of_target)
        return seen

    def opposing(self, seen: Seen, at: Moment) -> Iterator[Losses]:
        """The discriminators' turn."""
        assert isinstance(seen, Decoded)
        turn = Losses(moves=self.opponents)
        if self.feature_weight:
            of_source, of_target = (self.feature_discriminator(z.detach()) for z in (seen.source, seen.target))
            turn["feature_discrimination"] = least_squares_discrimination(of_source, of_target)
            guess, sources = torch.cat([of_source, of_target]).detach() - 0.5, len(of_source)
            turn.measures = {"domain_accuracy": lambda: domain_accuracy(guess, sources)}
        if self.translation_weight and seen.translated:
            pairs = zip(self.image_discriminators.values(), _examples(seen), reversed(seen.translated))
            games = [least_squares_discrimination(judge(real), judge(fake.detach())) for judge, real, fake in pairs]
            turn["image_discrimination"] = torch.stack(games).sum()
        if turn:
            yield turn

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """All but the classification of the source."""
        assert isinstance(seen, Decoded)
        losses = Losses()
        if self.feature_weight:
            losses["fooling"] = self.feature_weight * least_squares_fooling(self.feature_discriminator(seen.target))
        if self.identity_weight and seen.begun:
            again = self.decoders.source(seen.begun[0]), self.decoders.target(seen.begun[1])
            losses["identity"] = self.identity_weight * _distance(again, _examples(seen))
        if seen.translated:
            losses |= self._of_translations(seen, *seen.translated)
        return losses

    def _of_translations(self, seen: Decoded, as_target: Tensor, as_source: Tensor) -> Losses:
        losses = Losses()
        if self.translation_weight:
            judge = self.image_discriminators
            fooling = least_squares_fooling(judge["target"](as_target))
            fooling = fooling + least_squares_fooling(judge["source"](as_source))
            losses["translation"] = self.translation_weight * fooling
        # What is made passes BatchNorm by its own statistics, but those to predict by stay the real target's.
        with running_statistics_kept(self.backbone):
            if self.cycle_weight:
                begun = [self.decoders.shared(self.backbone(x)) for x in (as_target, as_source)]
                back = self.decoders.source(begun[0]), self.decoders.target(begun[1])
                losses["cycle"] = self.cycle_weight * _distance(back, _examples(seen))
            if self.translated_label_weight:
                logits = self.head(self.backbone(as_target.detach()))
                kept = F.cross_entropy(logits, seen.labels)
                losses["translated_classification"] = self.translated_label_weight * kept
        return losses

    def to_target(self, x: Tensor) -> Tensor | None:
        """Preprocessed source examples through the latent space, as the target's."""
        if not self.decodes:
            return None
        made: Tensor = self.decoders.target(self.decoders.shared(self.backbone(x)))
        return made


def _examples(seen: Seen) -> tuple[Tensor, Tensor]:
    return seen.batch["source"].x, seen.batch["target"].x


def _distance(made: tuple[Tensor, Tensor], real: tuple[Tensor, Tensor]) -> Tensor:
    """The mean absolute difference, added up over the two domains."""
    return F.l1_loss(made[0], real[0]) + F.l1_loss(made[1], real[1])
