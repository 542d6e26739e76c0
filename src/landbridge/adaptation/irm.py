"""Invariant risk minimisation."""

from typing import Annotated

from landbridge.losses import scale_penalty
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.several_sources import SeveralSources, SourcesSeen


class IRM(SeveralSources):
    """Learn features on which one and the same last layer is best in every source; no target is seen.

        min over F, C of  L_y(C(F(x)), y) + weight * mean over sources e of (d/dw L_e(w C(F(x)), y) at w = 1)^2

    (IRMv1, section 3.1.) For the first tenth of the steps the weight is 1, as in DomainBed. Where it is above 1, all is
    divided by it, as the authors do, so that gradients keep their size.

    Args:
        setup: the set-up, with several sources.
        weight: of the penalty.
        free: share of the steps in which the penalty has weight 1, in [0, 1].
    """

    paper = "Arjovsky et al., arXiv:1907.02893, as in Gulrajani and Lopez-Paz, ICLR 2021"

    def __init__(
        self, setup: Setup, weight: Annotated[float, Range(1, 1e4, log=True)] = 100.0, free: float = 0.1
    ) -> None:
        super().__init__(setup)
        self.weight, self.free = weight, free

    def objective(self, seen: SourcesSeen, at: Moment) -> Losses:
        """Classification and the penalty."""
        weight = 1.0 if at.progress < self.free else self.weight
        penalty = scale_penalty(seen.logits, seen.labels, seen.group, len(self.setup.groups))
        scale = 1 / max(weight, 1.0)
        return Losses(classification=scale * seen.each_loss().mean(), invariance=scale * weight * penalty)
