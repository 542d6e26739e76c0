"""Source hypothesis transfer: adapting without the source's examples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import gather, share_buffers
from landbridge.data.batches import Batch, in_order
from landbridge.losses import centroid_labels, information_maximisation
from landbridge.nn.layers import evaluating
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase, Setup
from landbridge.training.options import Range
from landbridge.training.supervised import classification, source_phase

USUAL_BATCH = 64
"""The paper's batch, by which an epoch is counted."""


class SHOT(Method):
    """Train on the source, keep the last layer, and move the features until the target fits it.

        1. min over F, C of  CE(C(F(x_s)), y_s), labels smoothed
        2. min over F of     1/n sum_i H(p_i) - H(1/n sum_i p_i) + pseudo * CE(p, y'),  p = softmax(C(F(x_t)))

    H is the entropy: predictions shall be sure of each example and spread over the classes. y' are pseudo-labels: the
    class whose centre, made of the features of the whole target, is nearest by angle (`centroid_labels`), found anew
    every epoch. In phase 2 no example of the source is seen.

    C is the last layer; F are the backbone and the head's other layers, which stand for the paper's bottleneck. There,
    the bottleneck ends in BatchNorm and C is weight-normalised; here both are plain layers. The paper's own networks
    have BatchNorm, and so should yours: for digits, `ganin-mnist?batch_norm=true`.

    Args:
        setup: the set-up.
        pseudo: factor on the pseudo-labels (the paper's beta); 0 is SHOT-IM, which has none.
        label_smoothing: share of a source label spread over all classes, in [0, 1).
        backbone_lr_ratio: the backbone's learning rate relative to the head's, in both phases; the paper takes 1 for
            digits, where all is trained from scratch, and 0.1 for a backbone that is pretrained.
        refresh: steps between two rounds of pseudo-labels; 0 is an epoch of the target in batches of 64.

    Raises:
        LandbridgeError: a value out of its range, or nothing below the last layer can move.
    """

    paper = "Liang, Hu and Feng, ICML 2020, eq. 1-7"
    pseudo_labels: Tensor

    def __init__(
        self,
        setup: Setup,
        pseudo: Annotated[float, Range(0.03, 3, log=True)] = 0.3,
        label_smoothing: Annotated[float, Range(0, 0.3)] = 0.1,
        backbone_lr_ratio: Annotated[float, Range(0.01, 1, log=True)] = 1.0,
        refresh: int = 0,
    ) -> None:
        super().__init__(setup)
        if pseudo < 0 or not 0 <= label_smoothing < 1 or backbone_lr_ratio <= 0 or refresh < 0:
            raise LandbridgeError(
                "SHOT takes pseudo and refresh of at least 0, label_smoothing in [0, 1), backbone_lr_ratio above 0; "
                f"not {pseudo}, {refresh}, {label_smoothing}, {backbone_lr_ratio}"
            )
        self.pseudo, self.label_smoothing, self.backbone_lr_ratio = pseudo, label_smoothing, backbone_lr_ratio
        if set(self.groups()) == {"output"}:
            raise LandbridgeError(
                f"backbone '{setup.backbone.name}' has no weights and the head a single layer, which SHOT keeps as it "
                "is: name a backbone that learns"
            )
        self.every: int | None = None
        if pseudo:
            if "target" not in setup.sizes:
                raise LandbridgeError("SHOT needs the number of the target's examples: Setup(sizes={'target': N})")
            self.every = refresh or math.ceil(setup.sizes["target"] / USUAL_BATCH)
            self.register_buffer("pseudo_labels", torch.zeros(setup.sizes["target"], dtype=torch.int64))

    def groups(self) -> Mapping[str, Group]:
        """The backbone, the head's hidden layers if it has any, and its last layer."""
        head = self.head
        parts = {"backbone": self.backbone, "hidden": head.hidden, "output": head.output}
        ratios = {"backbone": self.backbone_lr_ratio}
        return {
            name: self.group(part, ratios.get(name, 1.0)) for name, part in parts.items() if list(part.parameters())
        }

    def phases(self) -> Sequence[Phase]:
        """Source training, then the target alone, the last layer frozen."""
        names = tuple(self.groups())
        recipe = f"supervised, labels smoothed by {self.label_smoothing}, backbone at {self.backbone_lr_ratio}"
        return (
            replace(source_phase(), trains=names, recipe=recipe),
            Phase("target", inputs=("target",), trains=names[:-1], refresh_every=self.every),
        )

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Classification of the source; later information maximisation and pseudo-labels on the target."""
        if at.phase == "source":
            yield classification(self, batch["source"], self.label_smoothing)
            return
        target = batch["target"]
        logits = self.head(self.backbone(target.x))
        turn = Losses(information=information_maximisation(gather(logits)))
        if self.pseudo:
            turn["pseudo_labels"] = self.pseudo * F.cross_entropy(logits, self.pseudo_labels[target.index])
        yield turn

    def refresh(self, domains: Domains, at: Moment) -> None:
        """Pseudo-labels of the whole target, by the network as it is now, in evaluation mode."""
        device = self.pseudo_labels.device
        with evaluating(self):
            batches = in_order(domains["target"], self.preprocessing("target"))
            features = torch.cat([self.head.embed(self.backbone(x.to(device))) for x in batches])
            told = self.head.output(features).softmax(1)
        self.pseudo_labels.copy_(centroid_labels(features, told))
        # The statistics of BatchNorm, and so the labels, may differ from process to process.
        share_buffers(self)


class SHOTIM(SHOT):
    """SHOT by information maximisation alone, without pseudo-labels and the passes over the target that make them.

    Args:
        setup: the set-up.
        label_smoothing: as in SHOT.
        backbone_lr_ratio: as in SHOT.
    """

    paper = "Liang, Hu and Feng, ICML 2020, eq. 3"

    def __init__(
        self,
        setup: Setup,
        label_smoothing: Annotated[float, Range(0, 0.3)] = 0.1,
        backbone_lr_ratio: Annotated[float, Range(0.01, 1, log=True)] = 1.0,
    ) -> None:
        super().__init__(setup, 0.0, label_smoothing, backbone_lr_ratio)
