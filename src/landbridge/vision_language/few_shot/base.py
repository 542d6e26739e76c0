"""What the few-shot methods share: labelled features, how one is chosen among several, and their steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.vision_language.zero_shot_head import ZeroShotHead


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images whose classes are known.

    Attributes:
        x: float32 [n, D], rows of length 1, as `encode_image` makes them.
        y: classes int64 [n].

    Raises:
        BadDataError: there are none.
    """

    x: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.x)} features for {len(self.y)} labels")
        if not len(self.y):
            raise BadDataError("there are no labelled examples to learn from, or to choose by")


@dataclass(frozen=True, eq=False)
class Setting:
    """What a few-shot method starts from.

    Attributes:
        head: the zero-shot classifier.
        model: the dual encoder itself, for methods that learn what is said to it.
        seed: of all randomness.
    """

    head: ZeroShotHead
    model: DualEncoder
    seed: int = 0


class FewShot(ABC):
    """A classifier learned from a few shots; what it leaves open is chosen on validation examples.

    Args:
        setting: what it starts from.

    Attributes:
        paper: where it was published.
        chosen: what the validation examples chose, by name; empty before `fit`.
    """

    paper = ""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.head = setting, setting.head
        self.chosen: dict[str, Any] = {}

    @abstractmethod
    def fit(self, shots: Labelled, validation: Labelled) -> Self:
        """Learn from the shots; choose by the validation examples. Test examples have no way in."""

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Scores [n, C] of images [n, D] of length 1; their softmax are probabilities."""


def accuracy(logits: Tensor, y: Tensor) -> float:
    """The share of examples whose largest logit is that of their class."""
    return float((logits.argmax(-1) == y).double().mean())


def likelihood(logits: Tensor, y: Tensor) -> float:
    """The mean log probability of the right class."""
    return float(-F.cross_entropy(logits.double(), y))


def judged(logits: Tensor, validation: Labelled) -> tuple[float, float]:
    """What candidates are compared by: accuracy first; where a few examples tie, how likely the truth is."""
    return accuracy(logits, validation.y), likelihood(logits, validation.y)


def best(candidates: Sequence[Any], judge: Callable[[Any], tuple[float, float]]) -> Any:
    """The candidate that is judged highest, the first among equals."""
    scores = [judge(candidate) for candidate in candidates]
    return candidates[max(range(len(scores)), key=lambda place: scores[place])]


def batches(count: int, size: int, epochs: int, seed: int) -> Iterator[tuple[int, int, Tensor]]:
    """(epoch, step of all steps, which examples), every example once an epoch in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    step = 0
    for epoch in range(epochs):
        for rows in torch.randperm(count, generator=generator).split(size):
            yield epoch, step, rows
            step += 1


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Numbers as a table shows them: four figures.

    >>> rounded({"alpha": 0.123456, "beta": 5})
    {'alpha': 0.1235, 'beta': 5.0}
    """
    return {name: float(f"{value:.4g}") for name, value in values.items()}
