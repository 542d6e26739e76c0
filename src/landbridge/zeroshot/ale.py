"""Attribute label embedding."""

from torch import Tensor

from landbridge.losses.ranking import weighted_rank
from landbridge.zeroshot.bilinear import EPOCHS, BilinearRanking


class ALE(BilinearRanking):
    """Rank classes by their attributes, with most care for the top of the ranking.

        min over W of  mean over i of  beta(r_i) / r_i  sum over c != y_i of max(0, margin + F(x_i, c) - F(x_i, y_i))

    with F(x, c) = x^T W s_c, s_c of length 1, r_i how many classes violate the margin, and beta(r) = 1 + 1/2 + ... +
    1/r (Akata et al., CVPR 2013; TPAMI 2016, section 3.3).

    Args:
        margin: of the true class before the others, > 0.
        rate: of AdamW, > 0.
        decay: its weight decay, >= 0.
        epochs: passes over the examples.
        batch: examples a step.
        random_state: of the order of the examples.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> import numpy as np
    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> ALE().fit(x[:3], [0, 1, 2], table).predict(x[3:], classes=[3, 4])
    array([3, 4])
    """

    paper = "Akata et al., TPAMI 2016"
    GRID = {"margin": (0.1, 0.3, 1.0), "epochs": EPOCHS}

    def __init__(
        self,
        margin: float = 1.0,
        rate: float = 1e-3,
        decay: float = 0.0,
        epochs: int = 20,
        batch: int = 128,
        random_state: int = 0,
        scaling: str = "length",
    ) -> None:
        super().__init__(margin, rate, decay, epochs, batch, random_state, scaling)

    def _ranking(self, scores: Tensor, y: Tensor) -> Tensor:
        return weighted_rank(scores, y, self.margin)
