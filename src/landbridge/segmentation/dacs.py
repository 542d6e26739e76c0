"""Cross-domain mixed sampling."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch
from landbridge.data.paired import recolouring
from landbridge.losses import class_mask, pasted, sure_share
from landbridge.nn.batch_norm import normalising_by_batch
from landbridge.nn.segmentation_networks import SegmentationNetwork
from landbridge.nn.segmenter_model import Segmenter
from landbridge.segmentation.base import JointSegmentation, SeenPixels, SegmentationSetup, labelled_pixels
from landbridge.training.averaging import Averaged
from landbridge.training.method import Losses, Moment
from landbridge.training.options import Range


@dataclass
class SeenMixed(SeenPixels):
    """What a step looks at; `target` are the logits of images with source pixels pasted into the target's.

    Attributes:
        pseudo: labels that the teacher gives to the target [n, H, W].
        trust: how far it is to be trusted on each image [n].
        labels: of the mixed images [n, H, W].
        weights: how much each of their pixels counts [n, H, W].
        maps: what the backbone made of the source [n, D, h, w], where a method listens.
    """

    pseudo: Tensor
    trust: Tensor
    labels: Tensor
    weights: Tensor
    maps: Tensor | None = None


class DACS(JointSegmentation[SeenMixed]):
    """Learn from target images into which objects of the source are pasted, the rest labelled by a mean teacher.

        x_m = M x_s + (1 - M) x_t,   y_m = M y_s + (1 - M) y',   y' = argmax of the teacher's p'(x_t)
        min over f of  L_seg(f(x_s), y_s) + weight * L_seg(f(A(x_m)), y_m)

    M is where x_s has one of a random half of its classes (ClassMix), A changes colours and blurs. Pixels pasted from
    the source count 1, those of the target q, the share of the image's pixels that the teacher is surer of than
    `threshold`. The teacher is an average of the network's past weights. Of BatchNorm it has statistics of its own, as
    in the authors' program: it normalises by the batch of target images, and gathers the target's running statistics on
    the way. So it is the teacher that is used in the end, where theirs is the network, whose statistics are of source
    and mixed images.

    Args:
        setup: the set-up.
        weight: of the loss on mixed images; 1 in the paper.
        threshold: of the teacher's largest probability, in [0, 1].
        decay: of the teacher's weights.
        recolour: change of colours of mixed images: `strong`, `jitter`, `brightness`, `blur` or `none`.
        batch_norm: source and mixed images by batch statistics of their own (`apart`), or both as one batch
            (`together`).
    """

    paper = "Tranheden et al., WACV 2021, section 3, algorithm 1"

    def __init__(
        self,
        setup: SegmentationSetup,
        weight: Annotated[float, Range(0.1, 3, log=True)] = 1.0,
        threshold: Annotated[float, Range(0.8, 0.99)] = 0.968,
        decay: Annotated[float, Range(0.9, 0.999)] = 0.99,
        recolour: str = "strong",
        batch_norm: Literal["apart", "together"] = "apart",
    ) -> None:
        super().__init__(setup, batch_norm)
        self.weight, self.threshold = weight, threshold
        self.teacher = Averaged(setup.network, decay, buffers=False)
        self._change = recolouring(recolour)

    def look(self, batch: Batch) -> SeenMixed:
        """Pass the source and the mixed images through the network."""
        source, target = batch["source"], batch["target"]
        if source.x.shape != target.x.shape:
            ours, theirs = ("x".join(map(str, sample.x.shape[2:])) for sample in (source, target))
            raise LandbridgeError(
                f"source images of {ours} cannot be mixed with target images of {theirs}: name one size for both, as "
                "?size=180x240 behind the network's name"
            )
        pseudo, trust = self.taught(target.x)
        mask = class_mask(source.y, len(self.setup.classes))
        mixed = self.recoloured(pasted(mask, source.x, target.x))
        weights = torch.where(mask, 1.0, trust[:, None, None])
        of_source, of_mixed = self.levels_of(source.x, mixed)
        return SeenMixed(batch, of_source, of_mixed, pseudo, trust, pasted(mask, source.y, pseudo), weights)

    @torch.no_grad()
    def taught(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's labels of target images [n, H, W], and how far it is to be trusted [n]."""
        with normalising_by_batch(self.teacher):
            probabilities = self.teacher.module(x).softmax(1)
        return probabilities.argmax(1), sure_share(probabilities, self.threshold)

    def recoloured(self, x: Tensor) -> Tensor:
        """Preprocessed images in other colours."""
        preprocessing = self.network.preprocessing
        return preprocessing(self._change(preprocessing.restored(x)))

    def terms(self, seen: SeenMixed, at: Moment) -> Losses:
        """Cross-entropy on the mixed images."""
        return Losses(
            mixed=self.weight * labelled_pixels(seen.target, seen.labels, seen.weights),
            measures={"trust": lambda: seen.trust.mean()},
        )

    def after_step(self, at: Moment) -> None:
        """The teacher follows."""
        self.teacher.update(self.network)

    def model(self) -> Segmenter:
        """The teacher."""
        teacher = self.teacher.module
        assert isinstance(teacher, SegmentationNetwork)
        return Segmenter(teacher, self.setup.classes)
