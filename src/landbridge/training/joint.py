"""Methods that learn from both domains at once: what they share, so that each says only its own terms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.nn import functional as F

from landbridge.data.batches import Batch
from landbridge.nn.heads import Head
from landbridge.training.method import Losses, Method, Moment, Phase


@dataclass
class Seen:
    """What a step looks at: one pass of both domains through the network, shared by all terms.

    Attributes:
        batch: the samples by input.
        source: features of the source [n, D].
        target: features of the target [m, D].
        head: features to logits.
    """

    batch: Batch
    source: Tensor
    target: Tensor
    head: Head

    @property
    def labels(self) -> Tensor:
        """Class numbers of the source [n]."""
        return self.batch["source"].y

    @cached_property
    def source_logits(self) -> Tensor:
        """Logits of the source [n, K]."""
        logits: Tensor = self.head(self.source)
        return logits

    @cached_property
    def target_logits(self) -> Tensor:
        """Logits of the target [m, K]."""
        logits: Tensor = self.head(self.target)
        return logits


class JointMethod(Method):
    """Classification of the source plus terms over both domains, in one turn:

        min over F, C of  L_y(C(F(x_s)), y_s) + terms(F(x_s), F(x_t), C)

    A subclass says which terms in `terms`. Since all look at one pass, several can be added up:
    `NAME+NAME` is a method like any other, see `landbridge.adaptation.combined`.

    Attributes:
        opponents: groups that the main turn leaves alone, since `opposing` moves them.
        label_weight: factor on the classification loss.
    """

    opponents: Sequence[str] = ()
    label_weight: float = 1.0

    def phases(self) -> Sequence[Phase]:
        """A single one."""
        return (self.joint_phase(),)

    def joint_phase(self, share: float = 1.0) -> Phase:
        """Training on both domains, for methods with more phases too."""
        return Phase(share=share, inputs=tuple(self.needs))

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The terms beside classification, weighted, with what they measure.

        Args:
            seen: features and logits of both domains.
            at: the moment.
        """
        raise TypeError(f"{type(self).__name__} must define `terms`")

    def source_loss(self, seen: Seen) -> Tensor:
        """Classification of the source: the mean cross-entropy."""
        return F.cross_entropy(seen.source_logits, seen.labels)

    def opposing(self, seen: Seen, at: Moment) -> Iterator[Losses]:
        """Turns before the main one, for an opponent that plays by itself; none by default."""
        yield from ()

    def look(self, batch: Batch) -> Seen:
        """Pass both domains through the backbone."""
        source, target = self.features(batch["source"].x, batch["target"].x)
        return Seen(batch, source, target, self.head)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The opponents' turns, then classification of the source with the terms."""
        seen = self.look(batch)
        yield from self.opposing(seen, at)
        logits, labels, terms = seen.source_logits, seen.labels, self.terms(seen, at)
        turn = Losses(
            classification=self.label_weight * self.source_loss(seen),
            moves=[name for name in self.groups() if name not in self.opponents] if self.opponents else None,
            measures={"source_accuracy": lambda: (logits.argmax(1) == labels).float().mean(), **terms.measures},
        )
        turn |= terms
        yield turn
