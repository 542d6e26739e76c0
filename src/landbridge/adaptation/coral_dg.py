"""Correlation alignment between several sources."""

from typing import Annotated

from landbridge.losses import moment_gap
from landbridge.training.method import Losses, Moment, Setup
from landbridge.training.options import Range
from landbridge.training.several_sources import SeveralSources, SourcesSeen


class CoralDG(SeveralSources):
    """Learn features whose means and covariances are the same in all sources; no target is seen.

        min over F, C of  L_y(C(F(x)), y) + weight * mean over pairs of sources (a, b) of
            ||m_a - m_b||^2 / D + ||Cov_a - Cov_b||_F^2 / D^2

    DomainBed draws as many examples of each source for a step; here the batch is drawn from all sources together.

    Args:
        setup: the set-up, with several sources.
        weight: of the alignment.
    """

    paper = "Sun and Saenko, ECCV workshops 2016, as in Gulrajani and Lopez-Paz, ICLR 2021"

    def __init__(self, setup: Setup, weight: Annotated[float, Range(0.1, 10, log=True)] = 1.0) -> None:
        super().__init__(setup)
        self.weight = weight

    def objective(self, seen: SourcesSeen, at: Moment) -> Losses:
        """Classification and the distance of the moments."""
        return Losses(
            classification=seen.each_loss().mean(),
            alignment=self.weight * moment_gap(seen.features, seen.group),
        )
