"""Pseudo-labels: what a network is sure of on the target teaches it."""

from typing import Annotated

from landbridge.losses import confident_pseudo_labels
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import linear_ramp


class PseudoLabel(JointMethod):
    """Learn from the source's labels, and on the target from the network's own predictions where it is sure.

        min over F, C of  L_y(C(F(x_s)), y_s) + alpha(p) * mean of [max_k t_k >= threshold] CE(C(F(x_t)), argmax_k t_k),

    t the prediction of the same pass, without gradient. The factor alpha rises in a straight line from 0 to `weight`,
    so that the source is learned first (equation 16: between epochs 100 and 600; as the paper does not tell how many
    there are, here between 10 % and 60 % of the steps). The threshold is not the paper's, which learns from every
    prediction (0 does so): across a shift many are wrong, and those that are sure less often.

    Args:
        setup: the set-up.
        weight: the last alpha.
        threshold: smallest probability that counts as sure, in [0, 1].
    """

    paper = "Lee, ICML workshop on representation learning 2013, eq. 15-16"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 10, log=True)] = 3.0,
        threshold: Annotated[float, Range(0.5, 0.99)] = 0.95,
    ) -> None:
        super().__init__(setup)
        self.weight, self.threshold = weight, threshold

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """Cross-entropy on what the network is sure of."""
        logits, alpha = seen.target_logits, self.weight * linear_ramp(at.progress, 0.1, 0.6)
        return Losses(
            pseudo_labels=alpha * confident_pseudo_labels(logits, logits, self.threshold),
            measures={
                "sure": lambda: (logits.detach().softmax(1).max(1).values >= self.threshold).float().mean(),
                "alpha": lambda: alpha,
            },
        )
