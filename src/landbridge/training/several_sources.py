"""Methods that learn from several labelled sources and no target at all: what they share."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import gather
from landbridge.data.batches import Batch
from landbridge.training.method import Losses, Method, Moment, Setup


@dataclass
class SourcesSeen:
    """What a step looks at: the whole batch of all processes.

    Attributes:
        features: [n, D].
        logits: [n, K].
        labels: class numbers [n].
        group: which source each example is from [n].
    """

    features: Tensor
    logits: Tensor
    labels: Tensor
    group: Tensor

    def each_loss(self) -> Tensor:
        """Cross-entropy of each example [n]."""
        return F.cross_entropy(self.logits, self.labels, reduction="none")


class SeveralSources(Method):
    """Domain generalisation: find what holds in every source, in the hope that it holds elsewhere.

    A subclass says in `objective` what it minimises. Batches are drawn from all sources together, each in proportion to
    its size.

    Args:
        setup: the set-up.

    Raises:
        LandbridgeError: the source is a single one.
    """

    needs = {"source": "labelled"}

    def __init__(self, setup: Setup) -> None:
        if len(setup.groups) < 2:
            raise LandbridgeError(
                f"{type(self).__name__} learns from several sources: join them with +, as in pacs/photo+pacs/cartoon"
            )
        super().__init__(setup)

    def objective(self, seen: SourcesSeen, at: Moment) -> Losses:
        """What is minimised.

        Args:
            seen: the sources.
            at: the moment.
        """
        raise TypeError(f"{type(self).__name__} must define `objective`")

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The objective on a batch of all sources."""
        sample = batch["source"]
        assert sample.group is not None, "groups have names only where examples have groups"
        features = self.backbone(sample.x)
        logits = self.head(features)
        seen = SourcesSeen(*map(gather, (features, logits, sample.y, sample.group)))
        turn = self.objective(seen, at)
        right = seen.logits.argmax(1) == seen.labels
        turn.measures = {"source_accuracy": lambda: right.float().mean(), **turn.measures}
        yield turn
