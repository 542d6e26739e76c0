"""How the losses of several tasks become the turns of one step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import gather
from landbridge.losses.gradnorm import gradient_balance
from landbridge.losses.pcgrad import conflicts, without_conflicts
from landbridge.losses.task_weighting import uncertainty_weighted
from landbridge.multitask import WEIGHTINGS
from landbridge.multitask.tasks import Task
from landbridge.training.method import Group, Losses, Moment, Setup
from landbridge.training.schedules import ganin_rate

WEIGHTING = "weighting"
"""The submodule, and so the parameter group, that holds what a weighting learns."""

LEAST = 0.01
"""A weight of GradNorm never falls below this: a task with a negative one would be unlearned."""

Shared = Callable[[], Sequence[nn.Parameter]]


class Fixed(nn.Module):
    """The weighted sum, by weights that the user chose.

    Args:
        tasks: all tasks by name.
        weights: by name; 1 where none is named.
    """

    def __init__(self, tasks: Mapping[str, Task], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.tasks, self.given = tasks, weights

    def turns(
        self, losses: Mapping[str, Tensor], shared: Shared, network: Sequence[str], at: Moment
    ) -> Iterator[Losses]:
        """The turns of a step.

        Args:
            losses: by task; maybe not of all tasks.
            shared: tells the parameters of the last layer that all tasks pass through.
            network: the parameter groups of the networks.
            at: the moment.
        """
        yield _turn({name: self.given.get(name, 1.0) * loss for name, loss in losses.items()})

    def after_step(self, names: Sequence[str]) -> None:
        """After the turns of a step of the tasks named."""

    def group(self, setup: Setup) -> Group:
        """How its parameters, if it has any, are moved: as the networks are, but never decayed."""

        def sgd(parameters: Sequence[nn.Parameter], rate: float) -> Optimizer:
            return SGD(parameters, rate, setup.momentum)

        return Group(list(self.parameters()), sgd, setup.rate, lambda at: ganin_rate(at.progress))


class PCGrad(Fixed):
    """The sum, after gradients that point against each other were projected (Yu et al., NeurIPS 2020, algorithm 1).

    Only what several tasks share is projected: the gradient of a head is that of its own task.
    """

    def turns(
        self, losses: Mapping[str, Tensor], shared: Shared, network: Sequence[str], at: Moment
    ) -> Iterator[Losses]:
        """One turn, whose gradients are combined."""
        share: list[Tensor] = []

        def combine(losses: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> list[Tensor | None]:
            single = [_gradients(loss, parameters) for loss in losses.values()]
            meeting = [sum(g is not None for g in of) for of in zip(*single)]
            shared = [position for position, count in enumerate(meeting) if count > 1]
            combined = [next((g for g in of if g is not None), None) for of in zip(*single)]
            if shared:
                flat = torch.stack([_flat([of[i] for i in shared], [parameters[i] for i in shared]) for of in single])
                flat = gather(flat[None]).mean(0)
                share.append(conflicts(flat))
                together = without_conflicts(flat, [torch.randperm(len(flat)).tolist() for _ in flat])
                for i, part in zip(shared, together.split([parameters[i].numel() for i in shared])):
                    combined[i] = part.view_as(parameters[i])
            return combined

        turn = _turn({name: self.given.get(name, 1.0) * loss for name, loss in losses.items()})
        turn.combine, turn.measures = combine, {"conflict": lambda: share[-1] if share else 0.0}
        yield turn


class Uncertainty(Fixed):
    """The sum of losses over learned variances (Kendall, Gal and Cipolla, CVPR 2018): `uncertainty_weighted`."""

    def __init__(self, tasks: Mapping[str, Task], weights: Mapping[str, float]) -> None:
        super().__init__(tasks, weights)
        self.log_variances = nn.Parameter(torch.zeros(len(tasks)))

    def turns(
        self, losses: Mapping[str, Tensor], shared: Shared, network: Sequence[str], at: Moment
    ) -> Iterator[Losses]:
        """One turn that moves the networks and the variances."""
        variances = dict(zip(self.tasks, self.log_variances))
        halved = {name: self.tasks[name].answers == "numbers" for name in losses}
        turn = _turn(
            {
                name: uncertainty_weighted(loss, variances[name], regression=halved[name])
                for name, loss in losses.items()
            }
        )
        factors = {name: (-variances[name]).exp().detach() for name in losses}
        turn.measures = _named({name: factor / 2 if halved[name] else factor for name, factor in factors.items()})
        yield turn


class GradNorm(Fixed):
    """Weights of their own turn, so that all tasks learn at a like pace (Chen et al., ICML 2018, algorithm 1).

    The weights are moved by Adam at a rate of 0.025 throughout, then scaled to add up to the number of tasks. The
    losses at the first step of a phase are remembered.

    Args:
        tasks: all tasks by name.
        weights: of no meaning here.
        alpha: how strongly slow tasks are helped, >= 0.
    """

    initial: Tensor

    def __init__(self, tasks: Mapping[str, Task], weights: Mapping[str, float], alpha: float = 1.5) -> None:
        super().__init__(tasks, weights)
        self.alpha = alpha
        self.weights = nn.Parameter(torch.ones(len(tasks)))
        self.register_buffer("initial", torch.ones(len(tasks)))

    def turns(
        self, losses: Mapping[str, Tensor], shared: Shared, network: Sequence[str], at: Moment
    ) -> Iterator[Losses]:
        """A turn of the weights, then one of the networks by the weights as they were before it."""
        here = self._positions(list(losses))
        values = torch.stack(list(losses.values()))
        now = gather(values.detach()[None]).mean(0)
        if at.step == 0:
            self.initial[here] = now.clamp_min(1e-8)
        layer = shared()
        norms = [torch.autograd.grad(loss, layer, retain_graph=True) for loss in losses.values()]
        sizes = torch.stack([torch.cat([g.flatten() for g in of]).norm() for of in norms])
        before = self.weights.detach().clone()[here]
        balance = gradient_balance(self.weights[here], sizes, now, self.initial[here], self.alpha)
        yield Losses(balance=balance, moves=(WEIGHTING,))
        turn = _turn({name: weight * loss for (name, loss), weight in zip(losses.items(), before)})
        turn.moves, turn.measures = network, _named(dict(zip(losses, before)))
        yield turn

    @torch.no_grad()
    def after_step(self, names: Sequence[str]) -> None:
        """Positive weights that add up to the number of tasks."""
        here = self._positions(names)
        positive = self.weights[here].clamp_min(LEAST)
        self.weights[here] = positive * len(here) / positive.sum()

    def _positions(self, names: Sequence[str]) -> Tensor:
        return torch.tensor([list(self.tasks).index(name) for name in names])

    def group(self, setup: Setup) -> Group:
        """Adam at 0.025 throughout."""
        return Group(list(self.parameters()), Adam, 0.025, lambda at: 1.0)


def make_weighting(name: str, tasks: Mapping[str, Task], weights: Mapping[str, float], alpha: float) -> Fixed:
    """A weighting by its name.

    Raises:
        LandbridgeError: no such weighting, or one that cannot be.
    """
    cls: type[Fixed] = WEIGHTINGS.resolve(name)
    if weights and cls not in (Fixed, PCGrad):
        raise LandbridgeError(f"--task-weights are for the weightings fixed and pcgrad: {name} finds its own")
    if min(weights.values(), default=1.0) <= 0:
        raise LandbridgeError(f"--task-weights must be above 0, not {min(weights.values())}")
    if cls is not GradNorm:
        return cls(tasks, weights)
    if len(tasks) < 2:
        raise LandbridgeError("gradnorm balances tasks against each other: it takes two at least")
    if alpha < 0:
        raise LandbridgeError(f"--alpha must be at least 0, not {alpha}")
    return GradNorm(tasks, weights, alpha)


def _gradients(loss: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Gradients as one vector; zeros where a parameter has none."""
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(gradients, parameters)])


def _turn(losses: Mapping[str, Tensor]) -> Losses:
    """One turn of losses whose names a user chose."""
    turn = Losses()
    turn.update(losses)
    return turn


def _named(weights: Mapping[str, Tensor]) -> dict[str, Callable[[], Any]]:
    return {f"{name}_weight": partial(float, weight) for name, weight in weights.items()}
