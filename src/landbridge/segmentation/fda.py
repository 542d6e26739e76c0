"""Fourier domain adaptation."""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.data.batches import Batch
from landbridge.losses import fourier_swap, robust_entropy
from landbridge.segmentation.base import JointSegmentation, SeenPixels, SegmentationSetup, by_level
from landbridge.training.method import Losses, Moment
from landbridge.training.options import Range


class FDA(JointSegmentation[SeenPixels]):
    """Learn from source images in the target's style: with its low-frequency amplitudes, and the source's phases.

        x_(s->t) = F^-1(low amplitudes of F(x_t), all else of F(x_s))
        min over f of  L_seg(f(x_(s->t)), y_s) + weight * mean over pixels of rho(entropy of f(x_t)),
        rho(x) = (x^2 + 0.001^2)^eta

    rho makes little of pixels that are nearly sure. Each source image of a batch takes the style of one target image.
    Left out are the paper's means over three bands, and its rounds of self-training: this is one network with
    one band. Entropy is a share of log K, as in the authors' program.

    Args:
        setup: the set-up.
        beta: half the band's width as a share of an image's shorter side; the paper's are 0.01, 0.05 and 0.09.
        weight: lambda_ent.
        eta: the power; above 0.5.
        batch_norm: each domain by its own batch statistics, and the target's to predict by (`apart`), or both as one
            batch (`together`).
    """

    paper = "Yang and Soatto, CVPR 2020, section 3"
    black: Tensor

    def __init__(
        self,
        setup: SegmentationSetup,
        beta: Annotated[float, Range(0.005, 0.1, log=True)] = 0.01,
        weight: Annotated[float, Range(5e-4, 0.05, log=True)] = 0.005,
        eta: Annotated[float, Range(1, 3)] = 2.0,
        batch_norm: Literal["apart", "together"] = "apart",
    ) -> None:
        super().__init__(setup, batch_norm)
        self.beta, self.weight, self.eta = beta, weight, eta
        dark = setup.network.preprocessing(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
        self.register_buffer("black", dark[:, :, :1, :1].clone())

    def look(self, batch: Batch) -> SeenPixels:
        """Pass the source in the target's style, and the target as it is."""
        source, target = batch["source"].x, batch["target"].x
        return SeenPixels(batch, *self.levels_of(self.restyled(source, target), target))

    def restyled(self, source: Tensor, target: Tensor) -> Tensor:
        """Preprocessed source images in the style of target images, which are brought to their size."""
        styles = F.interpolate(target, source.shape[2:], mode="bilinear") if source.shape != target.shape else target
        return fourier_swap(source - self.black, styles - self.black, self.beta) + self.black

    def terms(self, seen: SeenPixels, at: Moment) -> Losses:
        """The target's entropy, little of it where it is low."""
        return Losses(entropy=self.weight * by_level(lambda x: robust_entropy(x, self.eta), seen.target))
