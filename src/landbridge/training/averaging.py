"""Averaged weights, for methods that keep a teacher and for `--ema`."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from landbridge.data.batches import Batch, Order
from landbridge.data.domain import View
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase


class Averaged(nn.Module):
    """A copy of a module whose weights follow it slowly: average <- decay * average + (1 - decay) * weights.

    Polyak averaging as in mean teachers (Tarvainen and Valpola, NeurIPS 2017, eq. 3-4): in the first steps the decay is
    min(decay, (1 + t) / (10 + t)), so that the random start is soon forgotten. Buffers are copied, not averaged.

    Args:
        module: what to follow.
        decay: in [0, 1).
        buffers: whether buffers are copied; without, the average keeps its own, statistics of what it saw itself.

    >>> followed = nn.Linear(1, 1)
    >>> average = Averaged(followed, decay=0.0)
    >>> _ = nn.init.constant_(followed.weight, 3.0)
    >>> average.update(followed)
    >>> average.module.weight.item()
    3.0
    """

    updates: torch.Tensor

    def __init__(self, module: nn.Module, decay: float = 0.999, *, buffers: bool = True) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.decay, self._copies = decay, buffers
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move a step towards `module`."""
        now = int(self.updates)
        weight = 1.0 - min(self.decay, (1 + now) / (10 + now))
        averages: list[torch.Tensor] = list(self.module.parameters())
        values: list[torch.Tensor] = list(module.parameters())
        torch._foreach_lerp_(averages, values, weight)
        for mine, theirs in zip(self.module.buffers(), module.buffers()) if self._copies else ():
            mine.copy_(theirs)
        self.updates += 1


class WithAverage(Method):
    """Any method, its model replaced by the average of its weights over training (`--ema`).

    Args:
        method: the method to wrap.
        decay: of the average, in [0, 1).
    """

    def __init__(self, method: Method, decay: float = 0.999) -> None:
        nn.Module.__init__(self)
        self.setup, self.views, self.notes = method.setup, method.views, method.notes
        self.method, self.average = method, Averaged(method, decay)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """Those of the method."""
        return self.method.losses(batch, at)

    def phases(self) -> Sequence[Phase]:
        """Those of the method."""
        return self.method.phases()

    def preprocessing(self, name: str) -> Preprocessing:
        """That of the method."""
        return self.method.preprocessing(name)

    def groups(self) -> Mapping[str, Group]:
        """Those of the method."""
        return self.method.groups()

    def drawn(self, name: str, view: View, seed: int) -> Order | None:
        """That of the method."""
        return self.method.drawn(name, view, seed)

    def begin(self, domains: Domains, at: Moment) -> None:
        """That of the method; the average starts anew with each phase, from where the weights then stand.

        A phase without steps leaves nothing to average: there, the average goes through what the method does itself.
        """
        self.method.begin(domains, at)
        if at.steps:
            self.average = Averaged(self.method, self.average.decay)
        else:
            self._averaged().begin(domains, at)

    def after_step(self, at: Moment) -> None:
        """That of the method, and a step of the average."""
        self.method.after_step(at)
        self.average.update(self.method)

    def refresh(self, domains: Domains, at: Moment) -> None:
        """That of the method."""
        self.method.refresh(domains, at)

    def model(self) -> Any:
        """The model with averaged weights."""
        return self._averaged().model()

    def translated(self, x: torch.Tensor) -> torch.Tensor | None:
        """Source examples as the networks with averaged weights translate them."""
        return self._averaged().translated(x)

    def _averaged(self) -> Method:
        averaged = self.average.module
        assert isinstance(averaged, Method)
        return averaged
