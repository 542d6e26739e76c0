"""Consistency under strong augmentation, by confident pseudo-labels."""

from dataclasses import replace
from typing import Annotated

from landbridge.data.augment import views
from landbridge.data.batches import Batch
from landbridge.losses import confident_pseudo_labels, is_sure
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range


class FixMatch(JointMethod):
    """What the network is sure of on a weakly augmented target example is the label of a strongly augmented one.

        min over F, C of  L_y(C(F(x_s)), y_s) + weight * L_u(C(F(strong(x_t))), C(F(weak(x_t))))

    L_u is the cross-entropy to the pseudo-labels whose probability reaches `threshold`.

    The paper's labelled and unlabelled examples are of one domain: here the source is labelled, and each input passes
    BatchNorm by itself. Its batches have seven unlabelled examples for a labelled one, here as many; and the source's
    weak augmentation is that of the run (`--augment`). Averaged weights, which it predicts by, are `--ema`.

    Args:
        setup: the set-up.
        weight: of the pseudo-labels' loss.
        threshold: of the largest probability, in [0, 1].
        temperature: 0 for hard pseudo-labels, as in the paper's main runs; above it, how soft they are.
        weak: augmentation under which pseudo-labels are made; `weak-flip` for photographs.
        strong: augmentation under which they are learned; `rand` or `rand-flip` for photographs.
    """

    paper = "Sohn et al., NeurIPS 2020"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0,
        threshold: Annotated[float, Range(0.7, 0.99)] = 0.95,
        temperature: Annotated[float, Range(0, 1)] = 0.0,
        weak: str = "weak",
        strong: str = "strong",
    ) -> None:
        super().__init__(setup)
        self.weight, self.threshold, self.temperature = weight, threshold, temperature
        self.weak, self.strong = views(weak, strong)
        self.views = {"target": (self.weak, self.strong)}

    def look(self, batch: Batch) -> Seen:
        """The target under the weak augmentation."""
        target = batch["target"]
        return super().look({**batch, "target": replace(target, x=target.views[self.weak])})

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """Pseudo-labels of one view for the other."""
        told = seen.target_logits.detach()
        # The statistics to predict by are those of the weak view.
        with running_statistics_kept(self.backbone):
            logits = self.head(self.backbone(seen.batch["target"].views[self.strong]))
        return Losses(
            pseudo_labels=self.weight * confident_pseudo_labels(logits, told, self.threshold, self.temperature),
            measures={"passing": lambda: is_sure(told.softmax(1), self.threshold).mean()},
        )
