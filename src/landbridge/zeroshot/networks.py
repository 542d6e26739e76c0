"""What the methods share that learn by gradient steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, DivergedError
from landbridge.zeroshot.base import Array, ZeroShotClassifier, above_zero


class TrainedClassifier(ZeroShotClassifier):
    """A zero-shot classifier whose network learns in passes over the examples, in random batches, by AdamW.

    Rate and batch stay the same throughout, so that a shorter training is the beginning of a longer one: `grid` trains
    once for all numbers of epochs. On the CPU, equal seeds give equal networks. What is learned is scored in double
    precision, where an example's scores do not depend on its batch.

    A subclass makes its network in `_fresh` and says what it minimises in `_loss`; after training, `_finish` may learn
    on.

    Attributes:
        network_: the trained network.
    """

    rate: float
    decay: float
    epochs: int
    batch: int
    random_state: int
    network_: Any

    def _fresh(self, width: int, attributes: int) -> Any:
        """An untrained network for features and signatures of these widths."""
        raise TypeError(f"{type(self).__name__} must define `_fresh`")

    def _loss(self, network: Any, x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
        """What a batch costs.

        Args:
            network: what `_fresh` made.
            x: scaled features [N, D].
            y: positions of their classes in `rows` [N].
            rows: signatures of the seen classes [S, A].
        """
        raise TypeError(f"{type(self).__name__} must define `_loss`")

    def _finish(self, X: Array, codes: Array) -> None:  # noqa: N803
        """Learn on with the trained network."""

    def _rows(self, classes: Array) -> Array:
        """What the network is told of these classes."""
        rows: Array = self.signatures_[classes]
        return rows

    def grid(  # noqa: D102 -- as in the base class, with one training for all numbers of epochs
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        signatures: ArrayLike,
        held_out: ArrayLike,
        classes: ArrayLike | None = None,
        grid: Mapping[str, Sequence[Any]] | None = None,
    ) -> Iterator[tuple[dict[str, Any], Array]]:
        others = dict(self.GRID if grid is None else grid)
        stops = sorted({*others.pop("epochs", (self.epochs,))})
        for point in ParameterGrid(others):
            base = clone(self).set_params(**point)
            features, codes = base._prepared(X, y, signatures)
            scored, asked = base._scaled(base._features(held_out)), base._asked(classes)
            for epochs, network in zip(stops, base._trained(features, codes, stops)):
                base.network_ = network
                base._finish(features, codes)
                yield point | {"epochs": epochs}, base._scores(scored, asked)

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        (self.network_,) = self._trained(X, codes, [self.epochs])
        self._finish(X, codes)

    def _trained(self, X: Array, codes: Array, stops: Sequence[int]) -> list[Any]:  # noqa: N803
        """The network after each of these numbers of epochs, in ascending order."""
        above_zero(rate=self.rate, epochs=min(stops), batch=self.batch)
        if self.decay < 0:
            raise BadDataError(f"decay must not be below 0: {self.decay:g}")
        x, y, rows = single(X), torch.from_numpy(codes), single(self._rows(self.seen_))
        kept = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            network = self._fresh(X.shape[1], rows.shape[1])

            def loss(some: Tensor) -> Tensor:
                return self._loss(network, x[some], y[some], rows)

            for epoch in descend(network, loss, len(x), self.rate, self.batch, max(stops), self.decay):
                if epoch in stops:
                    kept.append(deepcopy(network).eval().double())
        return kept


def descend(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    examples: int,
    rate: float,
    batch: int,
    epochs: int,
    decay: float = 0.0,
) -> Iterator[int]:
    """Train a network by AdamW, in passes over the examples in random order.

    Args:
        network: whose parameters move.
        loss: what the examples with these numbers cost.
        examples: how many there are.
        rate: of AdamW.
        batch: examples a step.
        epochs: passes.
        decay: AdamW's weight decay.

    Yields:
        The number of each pass, from 1, when it is over.

    Raises:
        DivergedError: the loss is no finite number any more.
    """
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    for epoch in range(1, epochs + 1):
        for some in torch.randperm(examples).split(batch):
            optimiser.zero_grad()
            cost = loss(some)
            cost.backward()
            optimiser.step()
        if not torch.isfinite(cost):
            raise DivergedError(f"the loss is {cost.item()} after epoch {epoch}: try a lower rate than {rate:g}")
        yield epoch


def perceptron(into: int, hidden: int, out: int) -> nn.Sequential:
    """A network with one hidden layer of rectified units; without one (`hidden` 0), a linear map."""
    if not hidden:
        return nn.Sequential(nn.Linear(into, out))
    return nn.Sequential(nn.Linear(into, hidden), nn.ReLU(), nn.Linear(hidden, out))


def single(array: Array) -> Tensor:
    """As a tensor in single precision, in which networks train."""
    return torch.from_numpy(array).float()


@torch.no_grad()
def applied(network: nn.Module, array: Array) -> Array:
    """What a network of double precision makes of an array."""
    out: Array = network(torch.from_numpy(array)).numpy()
    return out
