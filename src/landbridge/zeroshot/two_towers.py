"""Two towers."""

from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.zeroshot.base import Array, above_zero, cosines, one_of, unit_rows
from landbridge.zeroshot.networks import TrainedClassifier, applied, perceptron

GUARDS = ("negatives", "fixed", "none")


class TwoTowers(TrainedClassifier):
    """Two networks, one for the image and one for the description, that shall meet: score_c(x) = cos(f(x), g(s_c)).

    The bare objective

        min over f, g of  mean over i of |f(x_i) - g(s_(y_i))|^2      (of vectors scaled to length 1)

    is met best by two networks that say the same whatever they see: everything *collapses* onto one point, at a loss of
    0, and no class can be told from another. So something must keep descriptions apart:

    - `negatives`: an image shall be nearer to its own class than to all other seen ones,
      -log softmax over c of cos(f(x_i), g(s_c)) / temperature, the contrast of van den Oord et al. (InfoNCE,
      arXiv:1807.03748, equation 4) with classes for negatives.
    - `fixed`: g stays what it was at first, random weights, and only f learns the bare objective: signatures that
      differ stay different.
    - `none`: the bare objective, to see it collapse.

    Args:
        guard: `negatives`, `fixed` or `none`.
        hidden: units of the hidden layer of both networks; 0 for linear maps.
        width: of the space where they meet.
        temperature: of the contrast, > 0.
        rate: of AdamW, > 0.
        decay: its weight decay, >= 0.
        epochs: passes over the examples.
        batch: examples a step.
        random_state: of the initial weights and the order of the examples.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> import numpy as np
    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    >>> x = 3.0 * table  # features that are the attributes themselves
    >>> TwoTowers(hidden=0, epochs=300).fit(x[:3], [0, 1, 2], table).predict(x[3:], classes=[3, 4])
    array([3, 4])
    """

    paper = "the objective with a contrast: van den Oord et al., arXiv:1807.03748"
    GRID = {"hidden": (0, 512), "temperature": (0.05, 0.1), "epochs": (2, 5, 10, 20)}

    def __init__(
        self,
        guard: str = "negatives",
        hidden: int = 512,
        width: int = 128,
        temperature: float = 0.1,
        rate: float = 1e-3,
        decay: float = 1e-2,
        epochs: int = 20,
        batch: int = 128,
        random_state: int = 0,
        scaling: str = "length",
    ) -> None:
        self.guard, self.hidden, self.width, self.temperature = guard, hidden, width, temperature
        self.rate, self.decay, self.epochs, self.batch = rate, decay, epochs, batch
        self.random_state, self.scaling = random_state, scaling

    def embed(self, X: Array) -> Array:  # noqa: N803
        """f(x): where images [n, D] stand [n, width]; rows have length 1."""
        return unit_rows(applied(self.network_["image"], self._scaled(self._features(X))))

    def embed_classes(self, classes: Array | None = None) -> Array:
        """g(s_c): where classes stand [classes, width], by default all; rows have length 1."""
        return unit_rows(applied(self.network_["description"], self._rows(self._asked(classes))))

    def _rows(self, classes: Array) -> Array:
        return unit_rows(self.signatures_[classes])

    def _fresh(self, width: int, attributes: int) -> nn.Module:
        one_of("guard", self.guard, GUARDS)
        above_zero(temperature=self.temperature, width=self.width)
        towers = nn.ModuleDict(
            {
                "image": perceptron(width, self.hidden, self.width),
                "description": perceptron(attributes, self.hidden, self.width),
            }
        )
        towers["description"].requires_grad_(self.guard != "fixed")
        return towers

    def _loss(self, network: nn.ModuleDict, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        images, classes = F.normalize(network["image"](x)), F.normalize(network["description"](rows))
        if self.guard == "negatives":
            return F.cross_entropy(images @ classes.T / self.temperature, y)
        return (images - classes[y]).square().sum(1).mean()

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        return cosines(applied(self.network_["image"], X), applied(self.network_["description"], self._rows(classes)))
