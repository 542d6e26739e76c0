"""Deep correlation alignment."""

from typing import Annotated, Literal

from landbridge.core.processes import gather
from landbridge.losses import correlation_alignment
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range


class DeepCORAL(JointMethod):
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

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The distance of the covariances."""
        on_features = self.on == "features"
        sides = (seen.source, seen.target) if on_features else (seen.source_logits, seen.target_logits)
        return Losses(alignment=self.weight * correlation_alignment(*map(gather, sides)))
