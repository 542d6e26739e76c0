"""A small deep head."""

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from landbridge.probing.base import Array, FeatureClassifier

RATE, DECAY, BATCH = 1e-3, 1e-2, 128


class DeepHead(FeatureClassifier):
    """A network with one hidden layer of rectified units and dropout, on standardised features.

    The recipe is fixed, so that there is nothing to choose: cross-entropy, AdamW with rate 1e-3 that falls to 0 along a
    cosine and weight decay 1e-2, batches of 128, no early stopping. On the CPU, equal seeds give equal heads.

    Args:
        hidden: units of the hidden layer.
        dropout: share of them that is left out at a step, in [0, 1).
        epochs: passes over the training examples.
        random_state: of the initial weights, the order of the examples and the dropout.

    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x**2).sum(1) > 1  # no line parts them
    >>> DeepHead(epochs=60).fit(x, y).score(x, y) > 0.9
    True
    """

    def __init__(self, hidden: int = 512, dropout: float = 0.5, epochs: int = 30, random_state: int = 0) -> None:
        self.hidden, self.dropout, self.epochs, self.random_state = hidden, dropout, epochs, random_state

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        self.scaler_ = StandardScaler().fit(X)
        x, y = torch.from_numpy(self.scaler_.transform(X)).float(), torch.from_numpy(codes).long()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            head = nn.Sequential(
                nn.Linear(x.shape[1], self.hidden),
                nn.ReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(self.hidden, len(self.classes_)),
            )
            optimiser = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.epochs)
            for _ in range(self.epochs):
                for batch in torch.randperm(len(x)).split(BATCH):
                    optimiser.zero_grad()
                    F.cross_entropy(head(x[batch]), y[batch]).backward()
                    optimiser.step()
                schedule.step()
        self.parameters_ = [parameter.detach().double().numpy() for parameter in head.parameters()]

    def _scores(self, X: Array) -> Array:  # noqa: N803
        # In double precision an example's scores do not depend on what stands beside it in the batch.
        into, into_bias, out, out_bias = self.parameters_
        hidden = np.maximum(self.scaler_.transform(X) @ into.T + into_bias, 0)
        scores: Array = hidden @ out.T + out_bias
        return scores
