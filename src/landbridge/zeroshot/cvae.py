"""Generated features of unseen classes."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.zeroshot.base import Array, above_zero, unit_rows
from landbridge.zeroshot.networks import TrainedClassifier, applied, descend, perceptron, single


class CVAE(TrainedClassifier):
    """Learn to make features of a class from what is said of it, make some of the unseen classes, and learn from these.

    A variational autoencoder whose both halves are told the signature s of the example's class:

        min over E, D of  mean over i of |x_i - D(z, s)|^2 / (2 v) + KL(q(z | x_i, s) || N(0, I)),
        z ~ q(z | x, s) = N(m, diag(d^2)),  (m, log d^2) = E(x, s)

    (Mishra et al., CVPR workshops 2018, equations 1 and 2; Kingma and Welling, ICLR 2014, appendix B, for the second
    term). v, the variance of a feature given z, is `variance` / D: what varies less within a class is left out of z.
    Then D(z, s_c) with z ~ N(0, I) are examples of an unseen class c. A softmax regression on these and the true
    examples of the seen classes scores all classes alike (as Xian et al., CVPR 2018, do with an adversarial generator;
    Mishra et al. take a support vector machine). Signatures have length 1. It must know the unseen classes when it
    learns: those of the table that have no example.

    Args:
        each: generated examples an unseen class, >= 1.
        latent: numbers in z.
        variance: v times the width of the features, > 0; features have length 1, all in all.
        hidden: units of the hidden layers of E and D.
        rate: of AdamW, > 0, for both networks and the regression.
        epochs: passes over the examples for E and D.
        softmax_epochs: passes over true and generated examples for the regression.
        batch: examples a step.
        random_state: of the initial weights, z, and the order of the examples.
        scaling: of the features, see `ZeroShotClassifier`.

    >>> table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    >>> x = np.repeat(table, 20, axis=0) + np.random.default_rng(0).normal(0, 0.1, size=(100, 3))
    >>> fitted = CVAE(latent=4, hidden=64, epochs=100, rate=0.01).fit(x[:60], np.repeat([0, 1, 2], 20), table)
    >>> fitted.predict(x[::20], classes=[3, 4])[3:]
    array([3, 4])
    """

    paper = "Mishra et al., CVPR workshops 2018"
    GRID = {"variance": (0.1, 0.3, 1.0), "epochs": (10, 30, 60)}
    decay = 0.0

    def __init__(
        self,
        each: int = 200,
        latent: int = 64,
        variance: float = 0.3,
        hidden: int = 512,
        rate: float = 1e-3,
        epochs: int = 30,
        softmax_epochs: int = 20,
        batch: int = 128,
        random_state: int = 0,
        scaling: str = "length",
    ) -> None:
        self.each, self.latent, self.variance, self.hidden = each, latent, variance, hidden
        self.rate, self.epochs, self.softmax_epochs, self.batch = rate, epochs, softmax_epochs, batch
        self.random_state, self.scaling = random_state, scaling

    def generate(self, classes: Array, each: int, random_state: int = 0) -> Array:
        """Scaled features of these classes [classes * each, D], class after class.

        Args:
            classes: row numbers.
            each: examples a class.
            random_state: of z.
        """
        rows = np.repeat(self._rows(np.asarray(classes)), each, axis=0)
        z = np.random.default_rng(random_state).normal(size=(len(rows), self.latent))
        made = applied(self.network_["decoder"], np.hstack([z, rows])) / np.sqrt(self.n_features_in_)
        return unit_rows(made) if self.scaling == "length" else made

    def _rows(self, classes: Array) -> Array:
        return unit_rows(self.signatures_[classes])

    def _fresh(self, width: int, attributes: int) -> nn.Module:
        above_zero(each=self.each, latent=self.latent, hidden=self.hidden, softmax_epochs=self.softmax_epochs)
        above_zero(variance=self.variance)
        return nn.ModuleDict(
            {
                "encoder": perceptron(width + attributes, self.hidden, 2 * self.latent),
                "decoder": perceptron(self.latent + attributes, self.hidden, width),
            }
        )

    def _loss(self, network: nn.ModuleDict, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        # Features about 1 large each in place of 1 / sqrt(D): then v is `variance`.
        x, s = x * x.shape[1] ** 0.5, rows[y]
        mean, log_variance = network["encoder"](torch.cat([x, s], 1)).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        reconstruction = (x - network["decoder"](torch.cat([z, s], 1))).square().sum(1) / (2 * self.variance)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        cost: Tensor = (reconstruction + divergence).mean()
        return cost

    def _finish(self, X: Array, codes: Array) -> None:  # noqa: N803
        unseen = np.setdiff1d(self.classes_, self.seen_)
        x = single(np.vstack([X, self.generate(unseen, self.each, self.random_state)]))
        y = torch.from_numpy(np.hstack([self.seen_[codes], np.repeat(unseen, self.each)]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            softmax = nn.Linear(x.shape[1], len(self.classes_))
            # On features of length 1 weights have far to go: about 1 large each, one rate does for all widths.
            x *= x.shape[1] ** 0.5

            def loss(some: Tensor) -> Tensor:
                return F.cross_entropy(softmax(x[some]), y[some])

            for _ in descend(softmax, loss, len(x), self.rate, self.batch, self.softmax_epochs):
                pass
        self.weights_: Array = softmax.weight.detach().double().numpy() * np.sqrt(self.n_features_in_)
        self.biases_: Array = softmax.bias.detach().double().numpy()

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        scores: Array = X @ self.weights_[classes].T + self.biases_[classes]
        return scores
