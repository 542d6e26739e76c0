"""Adaptive batch normalisation."""

from collections.abc import Iterator, Sequence

from landbridge.data.batches import Batch
from landbridge.training.adabn import batch_norms, estimate_statistics
from landbridge.training.method import Domains, Losses, Method, Moment, Phase, Setup
from landbridge.training.supervised import classification, source_phase


class AdaBN(Method):
    """Train on the source, then let BatchNorm normalise by the target's mean and variance.

    Each channel of each normalised layer is brought to mean 0 and variance 1 in either domain; weights stay as they
    are, and no label is looked at. One pass over the target's unlabelled examples, after the last step; see
    `estimate_statistics` for what one pass means.

    Args:
        setup: the set-up.

    Raises:
        LandbridgeError: the backbone has no BatchNorm.
    """

    paper = "Li et al., Pattern Recognition 80, 2018, algorithm 1 (arXiv:1603.04779)"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        batch_norms(setup.backbone, setup.backbone.name)

    def phases(self) -> Sequence[Phase]:
        """Source training, then one pass over the target."""
        return (source_phase(), Phase("statistics", share=0.0, trains=()))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source."""
        yield classification(self, batch["source"])

    def begin(self, domains: Domains, at: Moment) -> None:
        """In the second phase: the target's statistics take the place of the source's."""
        if at.phase == "statistics":
            estimate_statistics(self.backbone, domains["target"], self.preprocessing("target"))
