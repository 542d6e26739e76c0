"""Direct entropy minimisation."""

from typing import Annotated, Literal

from landbridge.losses import mean_pixel_entropy
from landbridge.segmentation.base import PlainJoint, SeenPixels, SegmentationSetup, by_level
from landbridge.training.method import Losses, Moment
from landbridge.training.options import Range


class MinEnt(PlainJoint):
    """Be sure of each pixel of the target, too.

        min over f of  L_seg(f(x_s), y_s) + weight * L_ent(f(x_t)),   L_ent the mean of the entropy map

    A network that is sure on the source and unsure on the target is made sure there. The weight must be small: most
    pixels are easy and soon dominate. Both weights are those of the authors' program, where the loss is the mean over
    pixels, as here; the equation has the sum.

    Args:
        setup: the set-up.
        weight: lambda_ent.
        auxiliary: lambda_ent of the second classifier, where the network has one.
        batch_norm: each domain by its own batch statistics, and the target's to predict by (`apart`), or both as one
            batch (`together`).
    """

    paper = "Vu et al., CVPR 2019, section 3.1"

    def __init__(
        self,
        setup: SegmentationSetup,
        weight: Annotated[float, Range(1e-4, 0.1, log=True)] = 0.001,
        auxiliary: float = 0.0002,
        batch_norm: Literal["apart", "together"] = "apart",
    ) -> None:
        super().__init__(setup, batch_norm)
        self.weights = weight, auxiliary

    def terms(self, seen: SeenPixels, at: Moment) -> Losses:
        """The target's entropy."""
        return Losses(
            entropy=by_level(mean_pixel_entropy, seen.target, self.weights),
            measures={"mean_entropy": lambda: mean_pixel_entropy(seen.target[0].detach())},
        )
