"""Minimum class confusion."""

from typing import Annotated

from landbridge.core.processes import gather
from landbridge.losses import class_confusion
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range


class MCC(JointMethod):
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

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """Confusion on the target."""
        return Losses(confusion=self.weight * class_confusion(gather(seen.target_logits), self.temperature))
