"""The oracle: what one would get with all the target's labels."""

from collections.abc import Iterator

from landbridge.data.batches import Batch
from landbridge.segmentation.base import SegmentationMethod
from landbridge.training.method import Losses, Moment


class TargetOnly(SegmentationMethod):
    """Train on the target's training masks: the upper bound of every table, and the one method allowed to see them.

    min over f of L_seg(f(x_t), y_t). Marked as an oracle wherever it appears.
    """

    needs = {"target": "labelled"}
    oracle = True

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the target's labelled training part."""
        yield self.supervised(batch["target"], "target_train")
