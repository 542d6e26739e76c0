"""The oracle: what one would get with all the target's labels."""

from collections.abc import Iterator

from torch.nn import functional as F

from landbridge.data.batches import Batch
from landbridge.training.method import Losses, Method, Moment


class TargetOnly(Method):
    """Train on the target's training labels: the upper bound of every table, and the one method allowed to see them.

    min over theta of E_(x,y)~target [cross-entropy(C(F(x)), y)]. Marked as an oracle wherever it appears.
    """

    needs = {"target": "labelled"}
    oracle = True
    says_unknown = True

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the target's labelled training part."""
        target = batch["target"]
        logits = self.head(self.backbone(target.x))
        yield Losses(
            classification=F.cross_entropy(logits, target.y),
            measures={"target_train_accuracy": lambda: (logits.argmax(1) == target.y).float().mean()},
        )
