"""Class-balanced self-training."""

import copy
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor

from landbridge.data.batches import Batch, in_order
from landbridge.losses import balanced_labels, class_thresholds
from landbridge.segmentation.base import PlainJoint, SeenPixels, SegmentationSetup, labelled_pixels
from landbridge.training.method import Domains, Losses, Moment, Phase
from landbridge.training.options import Range

SPACING = 4
"""Of the pixels that thresholds are taken from, in each direction: neighbours say the same."""

AT_ONCE = 8


class SelfTraining(PlainJoint):
    """Train on the source, then also on the target's pixels as the network labels them, the surest of each class.

        1. min over f of  L_seg(f(x_s), y_s)
        2. min over f of  L_seg(f(x_s), y_s) + L_seg(f(x_t), y'),
           y' = argmax_k p_k / exp(-lambda_k)  where that ratio reaches 1, void elsewhere

    exp(-lambda_k) is the certainty that the surest `share` of the target's pixels called k reach, so that rare and hard
    classes get labels too (algorithm 2). Every `every` steps a new round begins: thresholds are taken anew over all of
    the target, and labels are from then on those of the network as it is now; the share grows from `start` to `end`.
    Labels are made on the spot, so that images may be augmented and nothing is stored but the thresholds and the
    labelling network. Left out are the paper's spatial priors (CBST-SP) and its mining of small objects.

    Args:
        setup: the set-up.
        source_steps: share of the steps that train on the source alone, in (0, 1).
        start: share of each class's pixels that are labelled in the first round.
        end: that at the end.
        every: steps of a round.
        batch_norm: in the second phase, each domain by its own batch statistics, and the target's to predict by
            (`apart`), or both as one batch (`together`).
    """

    paper = "Zou et al., ECCV 2018, section 3.2, algorithm 2"
    thresholds: Tensor

    def __init__(
        self,
        setup: SegmentationSetup,
        source_steps: Annotated[float, Range(0.2, 0.8)] = 0.5,
        start: Annotated[float, Range(0.1, 0.5)] = 0.2,
        end: Annotated[float, Range(0.5, 0.9)] = 0.5,
        every: int = 100,
        batch_norm: Literal["apart", "together"] = "apart",
    ) -> None:
        super().__init__(setup, batch_norm)
        self.source_steps, self.start, self.end, self.every = source_steps, start, end, every
        self.labeller = copy.deepcopy(setup.network).requires_grad_(False).eval()
        self.register_buffer("thresholds", torch.ones(len(setup.classes)))

    def phases(self) -> Sequence[Phase]:
        """Source training, then rounds of self-training."""
        second = Phase("self-training", 1 - self.source_steps, tuple(self.needs), refresh_every=self.every)
        return (self.source_phase(self.source_steps), second)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Cross-entropy on the source; later on both."""
        if at.phase == "source":
            yield self.supervised(batch["source"])
        else:
            yield from super().losses(batch, at)

    @torch.no_grad()
    def refresh(self, domains: Domains, at: Moment) -> None:
        """A new round: the network labels from now on as it does now, by thresholds of its own."""
        self.labeller.load_state_dict(self.network.state_dict())
        self.labeller.eval()
        certainty, labels = [], []
        for x in in_order(domains["target"], self.preprocessing("target"), AT_ONCE):
            best = self.labeller(x.to(self.thresholds.device))[:, :, ::SPACING, ::SPACING].softmax(1).max(1)
            certainty.append(best.values.flatten())
            labels.append(best.indices.flatten())
        share = self.start + (self.end - self.start) * at.progress
        found = class_thresholds(torch.cat(certainty), torch.cat(labels), len(self.thresholds), share)
        self.thresholds.copy_(found)

    def terms(self, seen: SeenPixels, at: Moment) -> Losses:
        """Cross-entropy on the target's labels of this round."""
        with torch.no_grad():
            labels = balanced_labels(self.labeller(seen.batch["target"].x).softmax(1), self.thresholds)
        return Losses(
            pseudo_labels=labelled_pixels(seen.target, labels),
            measures={"labelled": lambda: (labels < len(self.thresholds)).float().mean()},
        )
