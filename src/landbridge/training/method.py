"""What a method is: how batches become losses, and nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from landbridge.data.batches import Batch, Order
from landbridge.data.domain import View
from landbridge.nn.backbones import Backbone
from landbridge.nn.batch_norm import running_statistics_kept
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.schedules import ganin_rate

Domains = Mapping[str, View]
"""The views that a method receives, by the name of the input."""


@dataclass(frozen=True)
class Moment:
    """Where a run stands: everything that changes over training is a function of this.

    Attributes:
        phase: name of the phase.
        step: step within the phase, from 0.
        steps: steps of the phase.
        before: steps of the phases before.
        total: steps of the whole run.
    """

    phase: str
    step: int
    steps: int
    before: int = 0
    total: int = 0

    @property
    def progress(self) -> float:
        """Share of the phase that is done, in [0, 1]."""
        return self.step / self.steps if self.steps else 1.0

    @property
    def overall(self) -> float:
        """Share of the run that is done, in [0, 1]."""
        return (self.before + self.step) / self.total if self.total else 1.0


Trains = Sequence[str] | Callable[[Moment], Sequence[str]] | None


@dataclass(frozen=True)
class Phase:
    """A part of training with inputs and trained parts of its own.

    Attributes:
        name: what the log calls it.
        share: share of the run's steps, relative to the other phases; a phase of 0 is only begun.
        inputs: names of the inputs that a step receives.
        trains: names of the groups that may move, all by default; or a function of the moment. The others are frozen,
            their BatchNorm statistics and dropout too.
        refresh_every: steps between two calls of `refresh`; never by default.
        recipe: a name for what the phase computes, where it does the same in several methods: equal in set-up, seed and
            steps, it is computed once in a comparison. Only what it `trains` is kept.
    """

    name: str = "train"
    share: float = 1.0
    inputs: tuple[str, ...] = ("source", "target")
    trains: Trains = None
    refresh_every: int | None = None
    recipe: str | None = None


@dataclass(frozen=True)
class Group:
    """Parameters that one optimiser moves.

    Attributes:
        parameters: which ones.
        optimiser: makes the optimiser from the parameters and a learning rate.
        rate: the learning rate at the start, > 0.
        schedule: factor on the rate, a function of the moment.
    """

    parameters: Sequence[nn.Parameter]
    optimiser: Callable[[Sequence[nn.Parameter], float], Optimizer]
    rate: float
    schedule: Callable[[Moment], float]


class Losses(dict[str, Tensor]):
    """One turn: named losses whose sum moves the named groups.

    Args:
        moves: names of the groups that this turn moves; all that train by default. Others keep no gradient.
        measures: further numbers for the log, as functions, since they are only computed when a line is written.
        combine: makes the gradients of the moved parameters from the losses, where adding them up will not do; it
            returns one gradient (or None) for each parameter.
        losses: name -> scalar; already weighted.
    """

    def __init__(
        self,
        *,
        moves: Sequence[str] | None = None,
        measures: Mapping[str, Callable[[], Any]] | None = None,
        combine: Callable[[Mapping[str, Tensor], Sequence[nn.Parameter]], Sequence[Tensor | None]] | None = None,
        **losses: Tensor,
    ) -> None:
        super().__init__(losses)
        self.moves, self.measures, self.combine = moves, measures or {}, combine

    def total(self) -> Tensor:
        """The sum of the losses."""
        return torch.stack(list(self.values())).sum() if len(self) > 1 else next(iter(self.values()))


@dataclass
class Setup:
    """What a method is made from.

    Attributes:
        backbone: the network from inputs to features, ready to use.
        head: the network from features to classes.
        classes: names of the classes.
        sizes: number of examples by the name of the input.
        rate: learning rate at the start.
        momentum: of SGD, in [0, 1).
        weight_decay: of SGD, >= 0.
        groups: names of the groups of the source, by number, where they have names (the domains that are joined).
    """

    backbone: Backbone
    head: Head
    classes: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    groups: tuple[str, ...] = ()


class Method(nn.Module):
    """How a batch becomes losses: one file, one class, one paper.

    Networks are submodules, and whatever else a method remembers is a buffer; so its state dict is its whole state.
    A subclass defines `losses`, and what it needs of the rest.

    Attributes:
        needs: the inputs it wants, name -> `labelled` or `unlabelled`.
        oracle: whether it reads labels that no real user of the setting would have.
        says_unknown: whether its last output, where the target has classes of its own, is the class `unknown` for them;
            of others the answer is `unknown` where they are in doubt.
        batch_norm: whether the domains pass BatchNorm `apart` (each by its own batch statistics, the target's
            kept to predict by) or `together`.
        paper: where it is from.
        views: augmentations it wants beside `x`, by input.
        notes: what a reader of its numbers must know.
    """

    needs: ClassVar[Mapping[str, Literal["labelled", "unlabelled"]]] = {"source": "labelled", "target": "unlabelled"}
    oracle: ClassVar[bool] = False
    says_unknown: ClassVar[bool] = False
    batch_norm: Literal["apart", "together"] = "apart"
    paper: ClassVar[str] = ""
    views: Mapping[str, Sequence[str]] = {}
    notes: Sequence[str] = ()

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self.setup = setup
        self.backbone, self.head = setup.backbone, setup.head

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The turns of one step.

        Args:
            batch: samples by the name of the input.
            at: the moment.

        Yields:
            The losses of each turn; the trainer moves the groups before it asks for the next.
        """
        raise TypeError(f"{type(self).__name__} has phases with steps, so it must define `losses`")

    def phases(self) -> Sequence[Phase]:
        """What follows what; a single phase over all inputs by default."""
        return (Phase(inputs=tuple(self.needs)),)

    def preprocessing(self, name: str) -> Preprocessing:
        """What makes the examples of an input ready; as the set-up's backbone wants it, by default."""
        return self.setup.backbone.preprocessing

    def groups(self) -> Mapping[str, Group]:
        """The parameters by name: one group a submodule, SGD with the paper's schedule, by default."""
        return {name: self.group(module) for name, module in self.named_children() if list(module.parameters())}

    def group(self, module: nn.Module, ratio: float = 1.0) -> Group:
        """The parameters of a module under the set-up's SGD, at `ratio` times its rate."""

        def sgd(parameters: Sequence[nn.Parameter], rate: float) -> Optimizer:
            setup = self.setup
            return SGD(parameters, rate, setup.momentum, weight_decay=setup.weight_decay, fused=True)

        return Group(list(module.parameters()), sgd, self.setup.rate * ratio, lambda at: ganin_rate(at.progress))

    def drawn(self, name: str, view: View, seed: int) -> Order | None:
        """Which examples of an input make up its batches, where that is not each once an epoch, by default.

        Args:
            name: of the input.
            view: its examples.
            seed: of the run.
        """
        return None

    def begin(self, domains: Domains, at: Moment) -> None:
        """Once, on entering a phase."""

    def after_step(self, at: Moment) -> None:
        """After all turns of a step."""

    def refresh(self, domains: Domains, at: Moment) -> None:
        """Every `refresh_every` steps of a phase, before the step."""

    def model(self) -> Any:
        """What to use on the target: a `Classifier`, or what takes its place in another setting."""
        return Classifier(self.backbone, self.head, self.setup.classes)

    def translated(self, x: Tensor) -> Tensor | None:
        """What the method makes of source examples, for a report to show; None where it makes no pictures.

        Args:
            x: preprocessed source examples.

        Returns:
            Images as the target's would look, uint8 [N, 3, h, w].
        """
        return None

    def features(self, *inputs: Tensor) -> list[Tensor]:
        """Features of several inputs, through BatchNorm apart or together, as the method says.

        Apart, each input is normalised by statistics of its own, and the running statistics, by which the model
        predicts, are those of the last: name the target last. A mixture of both would fit neither domain.
        """
        if self.batch_norm == "apart":
            with running_statistics_kept(self.backbone):
                before = [self.backbone(x) for x in inputs[:-1]]
            return [*before, self.backbone(inputs[-1])]
        joined: Tensor = self.backbone(torch.cat(inputs))
        return list(joined.split([len(x) for x in inputs]))
