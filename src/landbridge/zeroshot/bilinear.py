"""What DeViSE, ALE and SJE share: a bilinear score that learns to rank."""

from torch import Tensor, nn

from landbridge.zeroshot.base import Array, above_zero, unit_rows
from landbridge.zeroshot.networks import TrainedClassifier, applied

EPOCHS = (2, 5, 10, 20, 50)


class BilinearRanking(TrainedClassifier):
    """F(x, c) = x^T W s_c, with signatures of length 1 and W learned by a ranking loss, from W = 0.

    The papers take steps of plain stochastic gradient descent, an example each; here they are AdamW's, a batch each.
    How long is trained is what regularises.

    Args:
        margin: of the true class before the others, > 0.
        rate: of AdamW, > 0.
        decay: its weight decay, >= 0.
        epochs: passes over the examples.
        batch: examples a step.
        random_state: of the order of the examples.
        scaling: of the features, see `ZeroShotClassifier`.
    """

    def __init__(
        self,
        margin: float,
        rate: float,
        decay: float,
        epochs: int,
        batch: int,
        random_state: int,
        scaling: str,
    ) -> None:
        self.margin, self.rate, self.decay, self.epochs, self.batch = margin, rate, decay, epochs, batch
        self.random_state, self.scaling = random_state, scaling

    def embed(self, X: Array) -> Array:  # noqa: N803
        """W^T x: images [n, D] among the signatures [n, A]."""
        embedded: Array = applied(self.network_, self._scaled(self._features(X)))
        return embedded

    def _ranking(self, scores: Tensor, y: Tensor) -> Tensor:
        """The ranking loss of scores [N, S]."""
        raise TypeError(f"{type(self).__name__} must define `_ranking`")

    def _rows(self, classes: Array) -> Array:
        return unit_rows(self.signatures_[classes])

    def _fresh(self, width: int, attributes: int) -> nn.Module:
        above_zero(margin=self.margin)
        linear = nn.Linear(width, attributes, bias=False)
        nn.init.zeros_(linear.weight)
        return linear

    def _loss(self, network: nn.Module, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        return self._ranking(network(x) @ rows.T, y)

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        scores: Array = applied(self.network_, X) @ self._rows(classes).T
        return scores
