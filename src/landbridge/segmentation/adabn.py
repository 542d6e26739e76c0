"""Adaptive batch normalisation."""

from collections.abc import Iterator, Sequence

from landbridge.data.batches import Batch
from landbridge.segmentation.base import SegmentationMethod, SegmentationSetup
from landbridge.training.adabn import batch_norms, estimate_statistics
from landbridge.training.method import Domains, Losses, Moment, Phase

AT_ONCE = 16
"""Images a forward pass: each has as many values a channel as a large batch of vectors."""


class AdaBN(SegmentationMethod):
    """Train on the source, then let BatchNorm normalise by the target's mean and variance.

    Weights stay as they are and no label is looked at: one pass over the target's unlabelled images, after the last
    step; see `estimate_statistics` for what one pass means.

    Args:
        setup: the set-up.

    Raises:
        LandbridgeError: the network has no BatchNorm.
    """

    paper = "Li et al., Pattern Recognition 80, 2018, algorithm 1 (arXiv:1603.04779)"

    def __init__(self, setup: SegmentationSetup) -> None:
        super().__init__(setup)
        batch_norms(setup.network, setup.network.name or type(setup.network).__name__)

    def phases(self) -> Sequence[Phase]:
        """Source training, then one pass over the target."""
        return (self.source_phase(), Phase("statistics", share=0.0, trains=()))

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the source."""
        yield self.supervised(batch["source"])

    def begin(self, domains: Domains, at: Moment) -> None:
        """In the second phase: the target's statistics take the place of the source's."""
        if at.phase == "statistics":
            estimate_statistics(self.network, domains["target"], self.preprocessing("target"), AT_ONCE)
