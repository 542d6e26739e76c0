"""A memory of the shots beside the zero-shot classifier."""

import math
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.vision_language.few_shot.base import FewShot, Labelled, Setting, batches, best, judged, rounded

ALPHAS = (0.0, *(10 ** (power / 4) for power in range(-6, 7)))
BETAS = tuple(2 ** (power / 2) for power in range(-2, 11))
"""What is tried: how much the memory counts, from not at all to 32 times, and how near a shot must be to count."""

ALPHA, BETA = 1.0, 5.5
"""What the keys are tuned with, the paper's on ImageNet."""


def memory(images: Tensor, keys: Tensor, values: Tensor, beta: float) -> Tensor:
    """What the shots say: A(x) L with A(x) = exp(-beta (1 - x F^T)) (Zhang et al., ECCV 2022).

    Args:
        images: [n, D], rows of length 1.
        keys: F, the features of the shots, [k, D].
        values: L, their classes, one-hot [k, C].
        beta: > 0; the larger, the nearer a shot must be to count.

    Returns:
        [n, C].

    >>> memory(torch.eye(2), torch.eye(2), torch.eye(2), beta=math.log(2))
    tensor([[1.0000, 0.5000],
            [0.5000, 1.0000]])
    """
    return torch.exp(-beta * (1 - images @ keys.T)) @ values


class TipAdapter(FewShot):
    """The zero-shot classifier and a memory of the shots, added; nothing is trained.

    logits(x) = alpha exp(-beta (1 - x F^T)) L + scale x W^T

    Alpha and beta are chosen on validation examples. Alpha may be 0: then the shots said nothing that was worth it.

    Args:
        setting: what it starts from.
    """

    paper = "Zhang et al., ECCV 2022"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.keys, self.values = torch.empty(0), torch.empty(0)
        self.alpha, self.beta = ALPHA, BETA

    def fit(self, shots: Labelled, validation: Labelled) -> Self:
        """Remember the shots."""
        self._remember(shots)
        self._choose(validation)
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Zero-shot logits and what the memory adds."""
        return self.alpha * memory(images, self.keys, self.values, self.beta) + self.head.logits(images)

    def _remember(self, shots: Labelled) -> None:
        self.keys = shots.x.clone()
        self.values = F.one_hot(shots.y, len(self.head.classes)).to(shots.x)

    def _choose(self, validation: Labelled) -> None:
        words = self.head.logits(validation.x)
        said = {beta: memory(validation.x, self.keys, self.values, beta) for beta in BETAS}
        pairs = [(alpha, beta) for alpha in ALPHAS for beta in BETAS]
        self.alpha, self.beta = best(pairs, lambda pair: judged(pair[0] * said[pair[1]] + words, validation))
        self.chosen = rounded({"alpha": self.alpha, "beta": self.beta})


class TipAdapterF(TipAdapter):
    """Tip-Adapter whose keys are tuned by the shots' labels.

    min over F of  mean_i -log softmax(logits(x_i))[y_i],  F started at the shots' features

    AdamW at 0.001 with a cosine to 0 for 20 epochs, as published. Of the epochs, the start included, that with the
    likeliest validation examples is kept, then alpha and beta are chosen anew. The paper varies the shots by crops and
    flips; here they are features that are computed once.

    Args:
        setting: what it starts from.
        epochs: passes over the shots; at least 1.
        rate: of AdamW.
        batch_size: shots a step.
    """

    def __init__(self, setting: Setting, epochs: int = 20, rate: float = 1e-3, batch_size: int = 256) -> None:
        super().__init__(setting)
        self.epochs, self.rate, self.batch_size = epochs, rate, batch_size

    def fit(self, shots: Labelled, validation: Labelled) -> Self:
        """Remember the shots, and move the keys until the labels of the shots come out."""
        self._remember(shots)
        keys = self.keys.clone().requires_grad_()
        optimiser = torch.optim.AdamW([keys], lr=self.rate)
        steps = self.epochs * math.ceil(len(shots.y) / self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        tuned = [self.keys.clone()]
        for epoch, _, rows in batches(len(shots.y), self.batch_size, self.epochs, self.setting.seed):
            x, y = shots.x[rows], shots.y[rows]
            logits = ALPHA * memory(x, keys, self.values, BETA) + self.head.logits(x)
            optimiser.zero_grad()
            F.cross_entropy(logits, y).backward()
            optimiser.step()
            schedule.step()
            tuned[epoch + 1 :] = [keys.detach().clone()]
        places = range(len(tuned))
        epoch = best(places, lambda place: self._judged(tuned[place], validation))
        self.keys = tuned[epoch]
        self._choose(validation)
        self.chosen["epoch"] = epoch
        return self

    def _judged(self, keys: Tensor, validation: Labelled) -> tuple[float, float]:
        said = memory(validation.x, keys, self.values, BETA)
        return judged(ALPHA * said + self.head.logits(validation.x), validation)
