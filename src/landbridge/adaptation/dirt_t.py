"""Decision-boundary iterative refinement training with a teacher."""

import copy
from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
from torch import nn
from torch.nn import functional as F

from landbridge.adaptation.vada import VADA
from landbridge.data.batches import Batch
from landbridge.training.method import Domains, Losses, Moment, Phase, Setup
from landbridge.training.options import Range


class DIRTT(VADA):
    """VADA, then the target alone: move the boundary away from its examples, each time a little.

        min over F, C of  target * (L_v(x_t) + L_e(x_t)) + beta * KL(p'(x_t) || p(x_t))

    p' is the prediction of the teacher: the averaged weights as they were at the last refresh. The first phase is
    VADA's; after it the source, which could hold the boundary back, is given up. So it refines what VADA has found:
    from a poor start it grows sure of few classes.

    Args:
        setup: the set-up.
        domain: lambda_d, as in VADA.
        source: lambda_s, as in VADA.
        target: lambda_t, in both phases.
        radius: of the moves, as in VADA.
        decay: of the averaged weights.
        beta: how strongly the teacher holds on to its prediction.
        every: steps between two refreshes of the teacher. The authors train for 80,000 and take 5,000, and 500 on
            MNIST to MNIST-M.
        share: share of the steps that belong to VADA, in (0, 1).
    """

    paper = "Shu et al., ICLR 2018"

    def __init__(
        self,
        setup: Setup,
        domain: Annotated[float, Range(0.001, 1, log=True)] = 0.01,
        source: Annotated[float, Range(0, 1)] = 1.0,
        target: Annotated[float, Range(0.001, 1, log=True)] = 0.01,
        radius: Annotated[float, Range(0.1, 10, log=True)] = 3.5,
        decay: Annotated[float, Range(0.9, 0.999)] = 0.998,
        beta: Annotated[float, Range(0.001, 1, log=True)] = 0.01,
        every: int = 500,
        share: Annotated[float, Range(0.3, 0.8)] = 0.5,
    ) -> None:
        super().__init__(setup, domain, source, target, radius, decay)
        self.beta, self.every, self.share = beta, every, share
        # Without names: VADA's phase, which is found again by the names of what it trains, has no teacher.
        self.teacher = nn.Sequential(copy.deepcopy(self.backbone), copy.deepcopy(self.head)).requires_grad_(False)

    def phases(self) -> Sequence[Phase]:
        """VADA, then refinement on the target."""
        refined = Phase(
            "dirt-t", 1 - self.share, inputs=("target",), trains=("backbone", "head"), refresh_every=self.every
        )
        return (self.joint_phase(self.share), refined)

    def begin(self, domains: Domains, at: Moment) -> None:
        """The average starts anew with a phase: how far it is belongs to no result that is reused."""
        self.average.updates.zero_()

    def refresh(self, domains: Domains, at: Moment) -> None:
        """The averaged weights become the teacher."""
        model = self.model()
        for part, averaged in zip(self.teacher, (model.backbone, model.head)):
            part.load_state_dict(averaged.state_dict())

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """VADA's turns, then a single one on the target."""
        if at.phase != "dirt-t":
            yield from super().losses(batch, at)
            return
        x = batch["target"].x
        logits = self.head(self.backbone(x))
        with torch.no_grad():
            told = self.teacher(x).log_softmax(1)
        turn = Losses(teacher=self.beta * F.kl_div(logits.log_softmax(1), told, reduction="batchmean", log_target=True))
        turn |= self.away_from_the_boundary(x, logits)
        yield turn
