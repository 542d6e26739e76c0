"""Joint adaptation networks."""

from typing import Annotated

from landbridge.core.processes import gather
from landbridge.losses import GaussianKernel, joint_discrepancy
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.schedules import ganin_lambda

KERNELS = GaussianKernel(), GaussianKernel(bandwidth=0.84, scales=(1.0,))
"""Of the features: several widths around the median; of the predictions: exp(-||a - b||^2 / 1.68)."""


class JAN(JointMethod):
    """Learn features so that features and predictions together have one distribution in both domains.

    min over F, C of  L_y(C(F(x_s)), y_s) + weight * lambda(p) * JMMD^2((f, g)(x_s), (f, g)(x_t)),

    f the features, g the softmax of the prediction; JMMD compares their joint distributions, as the kernel is the
    product of one on f and one on g. The kernels are those that the authors' code publishes: five widths on the
    features, here around the median squared distance, and a fixed one on the softmax. The paper estimates in linear
    time; here all pairs of a batch are looked at. Its adversarial variant, JAN-A, is left out.

    Args:
        setup: the set-up.
        weight: factor on lambda.
    """

    paper = "Long et al., ICML 2017"

    def __init__(self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0) -> None:
        super().__init__(setup)
        self.weight = weight

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """The discrepancy of features and predictions together."""
        source = [gather(seen.source), gather(seen.source_logits.softmax(1))]
        target = [gather(seen.target), gather(seen.target_logits.softmax(1))]
        strength = self.weight * ganin_lambda(at.progress)
        return Losses(joint=strength * joint_discrepancy(source, target, KERNELS))
