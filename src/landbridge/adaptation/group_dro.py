"""Distributionally robust optimisation over groups."""

from functools import partial
from typing import Annotated

import torch
from torch import Tensor

from landbridge.losses import mean_by_group
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.several_sources import SeveralSources, SourcesSeen


class GroupDRO(SeveralSources):
    """Learn what is good in the worst of the sources; no target is seen.

        min over F, C, max over q of  sum over sources g of q_g L_g,   q_g <- q_g exp(rate * L_g), then scaled to sum 1

    L_g the cross-entropy in source g (algorithm 1). The paper draws a source with equal odds and then examples of it;
    here a batch is drawn from all sources together, and a source without an example in it keeps its weight.

    Args:
        setup: the set-up, with several sources.
        rate: step size of the weights.
    """

    paper = "Sagawa et al., ICLR 2020"
    weights: Tensor

    def __init__(self, setup: Setup, rate: Annotated[float, Range(0.001, 0.1, log=True)] = 0.01) -> None:
        super().__init__(setup)
        self.rate = rate
        self.register_buffer("weights", torch.full((len(setup.groups),), 1 / len(setup.groups)))

    def objective(self, seen: SourcesSeen, at: Moment) -> Losses:
        """The weighted losses, the weights first moved towards the worst."""
        by_source = mean_by_group(seen.each_loss(), seen.group, len(self.weights))
        moved = self.weights * (self.rate * by_source.detach()).exp()
        self.weights.copy_(moved / moved.sum())
        return Losses(
            classification=(self.weights * by_source).sum(),
            measures={f"weight_{name}": partial(self._weight, n) for n, name in enumerate(self.setup.groups)},
        )

    def _weight(self, number: int) -> Tensor:
        return self.weights[number]
