"""Methods that learn from both domains at once: what they share, so that each says only its own terms."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

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


SeenT = TypeVar("SeenT")


class Joint(Method, Generic[SeenT]):
    """Learning from the source's labels plus terms over both domains, in one turn, whatever is labelled.

    A setting says how its networks look at a batch, and what they learn from labels; a method, which terms there are.

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

    @abstractmethod
    def look(self, batch: Batch) -> SeenT:
        """Pass both domains through the networks."""

    @abstractmethod
    def source_loss(self, seen: SeenT) -> Tensor:
        """What is learnt from the source's labels."""

    @abstractmethod
    def source_measures(self, seen: SeenT) -> Mapping[str, Callable[[], Any]]:
        """Numbers of the source for the log."""

    def terms(self, seen: SeenT, at: Moment) -> Losses:
        """The terms beside the source's labels, weighted, with what they measure.

        Args:
            seen: what the networks made of both domains.
            at: the moment.
        """
        raise TypeError(f"{type(self).__name__} must define `terms`")

    def opposing(self, seen: SeenT, at: Moment) -> Iterator[Losses]:
        """Turns before the main one, for an opponent that plays by itself; none by default."""
        yield from ()

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The opponents' turns, then the source's labels with the terms."""
        seen = self.look(batch)
        yield from self.opposing(seen, at)
        terms = self.terms(seen, at)
        turn = Losses(
            classification=self.label_weight * self.source_loss(seen),
            moves=[name for name in self.groups() if name not in self.opponents] if self.opponents else None,
            measures={**self.source_measures(seen), **terms.measures},
        )
        turn |= terms
        yield turn


class JointMethod(Joint[Seen]):
    """Classification of the source plus terms over both domains, in one turn:

        min over F, C of  L_y(C(F(x_s)), y_s) + terms(F(x_s), F(x_t), C)

    A subclass says which terms in `terms`. Since all look at one pass, several can be added up:
    `NAME+NAME` is a method like any other, see `landbridge.adaptation.combined`.
    """

    def look(self, batch: Batch) -> Seen:
        """Pass both domains through the backbone."""
        source, target = self.features(batch["source"].x, batch["target"].x)
        return Seen(batch, source, target, self.head)

    def source_loss(self, seen: Seen) -> Tensor:
        """Classification of the source: the mean cross-entropy."""
        return F.cross_entropy(seen.source_logits, seen.labels)

    def source_measures(self, seen: Seen) -> Mapping[str, Callable[[], Any]]:
        """Share of the source that is classified rightly."""
        logits, labels = seen.source_logits, seen.labels
        return {"source_accuracy": lambda: (logits.argmax(1) == labels).float().mean()}
