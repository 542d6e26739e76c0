"""Deep correlation alignment."""

from collections.abc import Iterator
from typing import Annotated, Literal

from torch.nn import functional as F

from landbridge.core.processes import gather
from landbridge.data.batches import Batch
from landbridge.losses import correlation_alignment
from landbridge.training.method import Losses, Method, Moment, Setup
from landbridge.training.options import Range


class DeepCORAL(Method):
    """Learn so that source and target have equal covariances.

    min over F, C of  L_y(C(F(x_s)), y_s) + weight * ||Cov_S - Cov_T||_F^2 / (4 D^2)

    Args:
        setup: the set-up.
        weight: of the distance; the paper sets it so that both losses end about equal.
        on: what is aligned: the `logits`, as in the paper, or the `features` below them.
    """

    paper = "Sun and Saenko, ECCV workshops 2016"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 100, log=True)] = 1.0,
        on: Literal["logits", "features"] = "logits",
    ) -> None:
        super().__init__(setup)
        self.weight, self.on = weight, on

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source, and the distance of the covariances."""
        features = self.features(batch["source"].x, batch["target"].x)
        logits, labels = self.head(features[0]), batch["source"].y
        aligned = features if self.on == "features" else [logits, self.head(features[1])]
        yield Losses(
            classification=F.cross_entropy(logits, labels),
            alignment=self.weight * correlation_alignment(*map(gather, aligned)),
            measures={"source_accuracy": lambda: (logits.argmax(1) == labels).float().mean()},
        )
