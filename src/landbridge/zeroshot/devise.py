"""A deep visual-semantic embedding model."""

from torch import Tensor

from landbridge.losses.ranking import hinge_rank
from landbridge.zeroshot.bilinear import EPOCHS, BilinearRanking


class DeViSE(BilinearRanking):
    """Map images among the word vectors of class names, so that the right name lies nearer than any other.

        min over W of  mean over i of  sum over c != y_i of max(0, margin - F(x_i, y_i) + F(x_i, c))

    with F(x, c) = s_c^T W x and s_c of length 1 (Frome et al., NIPS 2013, equation 1). The paper goes on to train the
    network below, and stops its sum at the first class that violates the margin; here features are given, and the sum
    is whole. Any signatures will do.

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
    >>> DeViSE().fit(x[:3], [0, 1, 2], table).predict(x[3:], classes=[3, 4])
    array([3, 4])
    """

    paper = "Frome et al., NIPS 2013"
    GRID = {"margin": (0.1, 0.3, 1.0), "epochs": EPOCHS}

    def __init__(
        self,
        margin: float = 0.1,
        rate: float = 1e-3,
        decay: float = 0.0,
        epochs: int = 20,
        batch: int = 128,
        random_state: int = 0,
        scaling: str = "length",
    ) -> None:
        super().__init__(margin, rate, decay, epochs, batch, random_state, scaling)

    def _ranking(self, scores: Tensor, y: Tensor) -> Tensor:
        return hinge_rank(scores, y, self.margin)
