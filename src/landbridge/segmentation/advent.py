"""Adversarial entropy minimisation."""

from torch import Tensor

from landbridge.losses import self_information
from landbridge.segmentation.adaptseg import AdaptSegNet


class AdvEnt(AdaptSegNet):
    """Be as sure on the target as on the source, by a discriminator that sees how unsure the network is where.

    The game of AdaptSegNet on weighted self-information maps I = -P log P in the place of P:

        1. min over D of  L_D(D(I_s), source) + L_D(D(I_t), target)
        2. min over f of  L_seg(f(x_s), y_s) + weight * L_D(D(I_t), source)

    The sum over the classes of I is the entropy map, so fooling D lowers the target's entropy, but where and in the
    shapes that the source has it low: neighbouring pixels count together, which direct minimisation (`minent`) lacks.
    Options are those of `adaptseg`, and so are the weights, as in the paper. Maps are divided by log K.
    """

    paper = "Vu et al., CVPR 2019, section 3.2"

    def shown(self, logits: Tensor) -> Tensor:
        """The weighted self-information of logits [n, K, H, W]."""
        return self_information(logits)
