"""What a task asks of a network: how its answers are judged in training, and what they mean."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError
from landbridge.data.domain import View
from landbridge.nn.models import Answers


@dataclass(frozen=True)
class Task:
    """One of several classes.

    Attributes:
        name: what the user calls it.
        classes: what the outputs of its head stand for.
    """

    name: str
    classes: tuple[str, ...]
    answers: ClassVar[Answers] = "one"

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of outputs [N, classes] to class numbers [N]."""
        return F.cross_entropy(outputs, y)

    def finish(self, output: nn.Linear) -> None:
        """Make the last layer speak in the units of the labels, where it was trained in others."""


class Attributes(Task):
    """Several labels an example: each class is there, is not, or is not to be judged."""

    answers = "several"

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Binary cross-entropy of outputs [N, classes] to 1 or -1, the mean over what is judged (y is not 0)."""
        judged = y != 0
        return F.binary_cross_entropy_with_logits(
            outputs[judged], (y[judged] > 0).to(outputs.dtype), reduction="sum"
        ) / (judged.sum().clamp_min(1))


@dataclass(frozen=True)
class Numbers(Task):
    """Numbers to predict.

    Attributes:
        mean: of each over the labelled examples.
        deviation: likewise, > 0. The network learns (y - mean) / deviation.
    """

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    answers: ClassVar[Answers] = "numbers"

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Mean squared error of outputs [N, K] to the standardised numbers."""
        mean, deviation = outputs.new_tensor(self.mean), outputs.new_tensor(self.deviation)
        return F.mse_loss(outputs, (y.to(outputs.dtype) - mean) / deviation)

    @torch.no_grad()
    def finish(self, output: nn.Linear) -> None:
        """Deviation and mean become part of the last layer."""
        deviation = output.weight.new_tensor(self.deviation)
        output.weight.mul_(deviation[:, None])
        output.bias.mul_(deviation).add_(output.bias.new_tensor(self.mean))


def task_of(name: str, view: View) -> Task:
    """The task that the labels of a view set, by their kind.

    Args:
        name: what the user calls it.
        view: the labelled examples; their `y` are class numbers, several labels each, or numbers to predict.

    Raises:
        BadDataError: there is nothing to tell apart.
    """
    y, classes = view.y, view.classes
    if y.is_floating_point():
        mean, deviation = y.mean(0), y.std(0, correction=0)
        if not bool((deviation > 0).all()):
            raise BadDataError(f"task '{name}': all labelled examples of {view.domain} have the same number")
        return Numbers(name, classes, tuple(mean.tolist()), tuple(deviation.tolist()))
    if y.dim() == 2:
        return Attributes(name, classes)
    if len(classes) < 2:
        raise BadDataError(f"task '{name}': {view.domain} has {len(classes)} class: a classifier needs at least two")
    return Task(name, classes)
