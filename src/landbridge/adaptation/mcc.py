"""Minimum class confusion."""

from collections.abc import Iterator
from typing import Annotated

from torch.nn import functional as F

from landbridge.core.processes import gather
from landbridge.data.batches import Batch
from landbridge.losses import class_confusion
from landbridge.training.method import Losses, Method, Moment, Setup
from landbridge.training.options import Range


class MCC(Method):
    """Predict the target so that classes are not mixed up with one another.

    min over F, C of  L_y(C(F(x_s)), y_s) + weight * L_mcc(C(F(x_t)))

    No domain is told from another: only the predictions on the target are looked at.

    Args:
        setup: the set-up.
        weight: of the confusion.
        temperature: softens the predictions.
    """

    paper = "Jin et al., ECCV 2020"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        temperature: Annotated[float, Range(1, 5)] = 2.5,
    ) -> None:
        super().__init__(setup)
        self.weight, self.temperature = weight, temperature

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source, and confusion on the target."""
        source, target = self.features(batch["source"].x, batch["target"].x)
        logits, labels = self.head(source), batch["source"].y
        yield Losses(
            classification=F.cross_entropy(logits, labels),
            confusion=self.weight * class_confusion(gather(self.head(target)), self.temperature),
            measures={"source_accuracy": lambda: (logits.argmax(1) == labels).float().mean()},
        )
