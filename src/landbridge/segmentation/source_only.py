"""No adaptation: what every method must beat."""

from collections.abc import Iterator, Sequence

from landbridge.data.batches import Batch
from landbridge.segmentation.base import SegmentationMethod
from landbridge.training.method import Losses, Moment, Phase


class SourceOnly(SegmentationMethod):
    """Train on the labelled source, use on the target as it is: the lower bound of every table.

    min over f of L_seg(f(x_s), y_s), the mean cross-entropy of the source's labelled pixels; that of a second
    classifier counts a tenth of it. BatchNorm sees the source alone.
    """

    needs = {"source": "labelled"}

    def phases(self) -> Sequence[Phase]:
        """Source training, and nothing after it."""
        return (self.source_phase(),)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the source."""
        yield self.supervised(batch["source"])
