"""Masked image consistency."""

from typing import Annotated, Any

from landbridge.losses import visible_patches
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.segmentation.base import SegmentationSetup, labelled_pixels
from landbridge.segmentation.dacs import SeenMixed
from landbridge.segmentation.daformer import DAFormer
from landbridge.training.method import Losses, Moment
from landbridge.training.options import Range


class MIC(DAFormer):
    """DAFormer, and besides: tell the target's hidden pixels from what is around them.

        min over f of  L_DAFormer + masked_weight * q L_seg(f(M A(x_t)), y'),   M hides random patches

    y' are the labels of the mean teacher, which sees the whole image, and q how far it is to be trusted, as in mixed
    sampling. Hidden pixels are 0, the mean colour. BatchNorm normalises masked images by their own statistics, which
    are not those to predict by.

    Args:
        setup: the set-up.
        masked_weight: lambda_M, 1 in the paper.
        patch: side of a patch as a share of the image's height; 64 of 512 pixels in the paper.
        hidden: r, the share of the patches that are hidden.
        options: those of `daformer`; with `temperature` 0, `feature_weight` 0 and `warm_up` 0 it is on top of `dacs`.
    """

    paper = "Hoyer et al., CVPR 2023, section 3"

    def __init__(
        self,
        setup: SegmentationSetup,
        masked_weight: Annotated[float, Range(0.1, 3, log=True)] = 1.0,
        patch: Annotated[float, Range(0.03, 0.3, log=True)] = 0.125,
        hidden: Annotated[float, Range(0.3, 0.9)] = 0.7,
        **options: Any,
    ) -> None:
        super().__init__(setup, **options)
        self.masked_weight, self.patch, self.hidden = masked_weight, patch, hidden

    def terms(self, seen: SeenMixed, at: Moment) -> Losses:
        """DAFormer's, and the cross-entropy on masked target images."""
        turn = super().terms(seen, at)
        x = self.recoloured(seen.batch["target"].x)
        count, _, height, width = x.shape
        visible = visible_patches(count, height, width, max(1, round(self.patch * height)), self.hidden, x.device)
        with running_statistics_kept(self.network):
            levels = self.network.levels(x * visible)
        masked = labelled_pixels(levels, seen.pseudo, seen.trust[:, None, None])
        turn["masked"] = self.masked_weight * masked
        return turn
