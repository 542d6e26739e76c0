"""Deep adaptation networks."""

from typing import Annotated

from landbridge.core.processes import gather
from landbridge.losses import maximum_mean_discrepancy
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda


class DAN(JointMethod):
    """Learn so that the task-specific layers see one distribution, by kernels of several widths.

    min over F, C of  L_y(C(F(x_s)), y_s) + weight * lambda(p) * sum over layers l of MMD^2(l(x_s), l(x_t))

    The layers are the features and the logits. The paper (eq. 5-6) learns how the kernels are mixed and estimates in
    linear time; here they weigh alike, around the median distance, and all pairs of a batch are looked at.

    Args:
        setup: the set-up.
        weight: factor on lambda.
    """

    paper = "Long et al., ICML 2015"

    def __init__(self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0) -> None:
        super().__init__(setup)
        self.weight = weight

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The discrepancy in two layers."""
        strength = self.weight * ganin_lambda(at.progress)
        return Losses(
            features=strength * maximum_mean_discrepancy(gather(seen.source), gather(seen.target)),
            logits=strength * maximum_mean_discrepancy(gather(seen.source_logits), gather(seen.target_logits)),
        )
