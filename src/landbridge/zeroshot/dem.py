"""A deep embedding model."""

from collections.abc import Sequence
from typing import Any

from sklearn.metrics.pairwise import euclidean_distances
from torch import Tensor, nn

from landbridge.zeroshot.base import Array, unit_rows
from landbridge.zeroshot.networks import TrainedClassifier, applied, perceptron


class DEM(TrainedClassifier):
    """From what is said of a class to what its images look like: a network from signatures into the space of features.

        min over g of  mean over i of |x_i - g(s_(y_i))|^2 + weight (|W_1|^2 + |W_2|^2),
        score_c(x) = -|x - g(s_c)|,   g(s) = relu(W_2 relu(W_1 s))

    (Zhang, Xiang and Gong, CVPR 2017, section 3). Images look for their nearest class among features rather than among
    signatures, where a few classes would be nearest to all (hubs). Signatures have length 1. The outer rectifier is
    left out where features are below zero, which it could not reach. Layers have biases.

    Args:
        hidden: units of the hidden layer; 0 for a linear g.
        weight: on the squared weights, >= 0.
        rate: of AdamW, > 0.
        epochs: passes over the examples.
        batch: examples a step.
        random_state: of the initial weights and the order of the examples.
        scaling: of the features, see `ZeroShotClassifier`.

    Attributes:
        rectified_: whether no feature is below zero.

    >>> import numpy as np
    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> DEM(hidden=0, epochs=500).fit(x[:3], [0, 1, 2], table).predict(x[3:], classes=[3, 4])
    array([3, 4])
    """

    paper = "Zhang et al., CVPR 2017"
    GRID = {"hidden": (0, 1600), "weight": (0.0, 1e-4, 1e-3), "epochs": (5, 20, 50)}
    decay = 0.0

    def __init__(
        self,
        hidden: int = 1600,
        weight: float = 1e-4,
        rate: float = 1e-3,
        epochs: int = 50,
        batch: int = 128,
        random_state: int = 0,
        scaling: str = "length",
    ) -> None:
        self.hidden, self.weight, self.rate, self.epochs, self.batch = hidden, weight, rate, epochs, batch
        self.random_state, self.scaling = random_state, scaling

    def _rows(self, classes: Array) -> Array:
        return unit_rows(self.signatures_[classes])

    def _trained(self, X: Array, codes: Array, stops: Sequence[int]) -> list[Any]:  # noqa: N803
        self.rectified_ = bool((X >= 0).all())
        return super()._trained(X, codes, stops)

    def _fresh(self, width: int, attributes: int) -> nn.Module:
        layers = perceptron(attributes, self.hidden, width)
        return layers.append(nn.ReLU()) if self.rectified_ else layers

    def _loss(self, network: nn.Module, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        squares = sum(p.square().sum() for p in network.parameters() if p.dim() == 2)
        distances: Tensor = (x - network(rows)[y]).square().sum(1)
        return distances.mean() + self.weight * squares

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        distances: Array = euclidean_distances(X, applied(self.network_, self._rows(classes)))
        return -distances
