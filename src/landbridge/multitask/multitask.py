"""Several tasks learned by one network: at once, one after the other, or each alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import Batch
from landbridge.multitask.tasks import Task
from landbridge.multitask.weighting import WEIGHTING, Fixed, make_weighting
from landbridge.nn.backbones import Backbone
from landbridge.nn.heads import Head
from landbridge.nn.layers import is_weighty
from landbridge.nn.models import Classifier
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.method import Group, Losses, Method, Moment, Phase, Setup

Order = Sequence[Sequence[str]]
"""Which tasks are learned at once, and what follows what."""


class Route(NamedTuple):
    """The networks that a task passes through, by name; without a projection, features go to the head as they are."""

    encoder: str
    projection: str | None
    head: str


class Multitask(Method):
    """Learn several tasks with what they share.

        min over shared theta, heads w_t of  sum_t  weight_t  L_t(w_t(F_theta(x_t)), y_t)

    One encoder with a head a task; or an encoder for each kind of input, whose features a linear layer brings to a
    common width, where all pass through the same middle layer on to the heads (spoken and written digits).

    Each step takes one batch of each task, all of one size. Data sets are of different sizes, so each goes round at its
    own pace: it is shuffled anew whenever all its examples were taken. A small one is seen more often than a large
    one, and none is cut.

    Args:
        setups: a set-up for each task, by name, as `make_setups` makes them; equal encoders and heads are shared.
            Rates are those of the first.
        tasks: what each task asks.
        order: which tasks are learned at once, in a phase each; by default all in one.
        weighting: `fixed`, `uncertainty`, `gradnorm` or `pcgrad`, see `landbridge.multitask.weighting`.
        weights: factors of the losses by task, 1 by default; for `fixed` and `pcgrad`.
        alpha: of `gradnorm`: how strongly tasks that learn slowly are helped, >= 0.
        encoder_lr_ratio: rate of the encoders over that of all else, > 0.
    """

    needs: ClassVar[Mapping[str, Literal["labelled", "unlabelled"]]] = {}
    paper = "Caruana, Machine Learning 1997"

    def __init__(
        self,
        setups: Mapping[str, Setup],
        tasks: Mapping[str, Task],
        order: Order | None = None,
        *,
        weighting: str = "fixed",
        weights: Mapping[str, float] | None = None,
        alpha: float = 1.5,
        encoder_lr_ratio: float = 1.0,
    ) -> None:
        nn.Module.__init__(self)  # not Method's: here each network has a name of its own
        if encoder_lr_ratio <= 0:
            raise LandbridgeError(f"--encoder-lr-ratio must be above 0, not {encoder_lr_ratio}")
        self.setup, self.setups, self.tasks = next(iter(setups.values())), setups, tasks
        self.order = order or [list(tasks)]
        self.encoder_lr_ratio = encoder_lr_ratio
        self.joined = len({id(setup.backbone) for setup in setups.values()}) > 1
        self.routes = {name: self._route(name, setup) for name, setup in setups.items()}
        if self.joined:
            self.middle = nn.Linear(self.setup.head.width, self.setup.head.width)
        self.weighting = make_weighting(weighting, tasks, weights or {}, alpha)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The loss of each task of the phase, weighted; that of a task alone counts as it is."""
        outputs = self.outputs({name: sample.x for name, sample in batch.items()})
        losses = {name: self.tasks[name].loss(outputs[name], sample.y) for name, sample in batch.items()}
        weighting = self.weighting if len(batch) > 1 else Fixed(self.tasks, {})
        for turn in weighting.turns(losses, self.last_shared, self.trained(list(batch)), at):
            if losses.keys() <= turn.keys():
                turn.measures = {**turn.measures, **self._accuracies(outputs, batch)}
            yield turn

    def outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the heads say about the preprocessed inputs of each task."""
        features = self._features(inputs)
        for name, found in features.items():
            route = self.routes[name]
            if route.projection is not None:
                found = F.relu(self.middle(F.relu(self.get_submodule(route.projection)(found))))
            features[name] = self.get_submodule(route.head)(found)
        return features

    def _features(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of each task. BatchNorm sees tasks that share an encoder as one batch, the mixture that it predicts by."""
        features: dict[str, Tensor] = {}
        for encoder in dict.fromkeys(self.routes[name].encoder for name in inputs):
            module = self.get_submodule(encoder)
            here = {name: x for name, x in inputs.items() if self.routes[name].encoder == encoder}
            if any(isinstance(part, _BatchNorm) for part in module.modules()):
                together = module(torch.cat(list(here.values())))
                features |= dict(zip(here, together.split([len(x) for x in here.values()])))
            else:
                features |= {name: module(x) for name, x in here.items()}
        return {name: features[name] for name in inputs}

    def _accuracies(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Callable[[], Any]]:
        def accuracy(name: str) -> Callable[[], Any]:
            return lambda: (outputs[name].argmax(1) == batch[name].y).float().mean()

        return {f"{name}_accuracy": accuracy(name) for name in batch if self.tasks[name].answers == "one"}

    def last_shared(self) -> list[nn.Parameter]:
        """The parameters of the last layer that all tasks pass through: the W of GradNorm."""
        if self.joined:
            return list(self.middle.parameters())
        network = self.setup.backbone.network
        parts = [network.get_submodule(layer) for layer in reversed(self.setup.backbone.layers)]
        return list(next((part for part in parts if is_weighty(part)), network).parameters())

    def phases(self) -> Sequence[Phase]:
        """A phase for each part of the order, all of one length: in each, a task has equally many batches.

        What one task alone learns from the start is the same in `separate` as before something else, and computed once.
        """
        phases = []
        for number, names in enumerate(self.order):
            learned = [WEIGHTING] if len(names) > 1 and list(self.weighting.parameters()) else []
            recipe = f"a task alone {self.encoder_lr_ratio}" if number == 0 and len(names) == 1 else None
            trains = (*self.trained(names), *learned)
            phases.append(Phase("+".join(names), inputs=tuple(names), trains=trains, recipe=recipe))
        return phases

    def trained(self, names: Sequence[str]) -> list[str]:
        """The networks that some tasks pass through."""
        found = [part for name in names for part in self.routes[name] if part is not None]
        return list(dict.fromkeys([*found, *(["middle"] if self.joined else [])]))

    def groups(self) -> Mapping[str, Group]:
        """A group a network, and one for what the weighting learns."""
        encoders = {route.encoder for route in self.routes.values()}
        found = {
            name: self.group(self.get_submodule(name), self.encoder_lr_ratio if name in encoders else 1.0)
            for name in self.trained(list(self.tasks))
        } | {WEIGHTING: self.weighting.group(self.setup)}
        return {name: group for name, group in found.items() if group.parameters}

    def preprocessing(self, name: str) -> Preprocessing:
        """As the encoder of the task wants it."""
        return self.setups[name].backbone.preprocessing

    def after_step(self, at: Moment) -> None:
        """What the weighting does then."""
        names = next(phase.inputs for phase in self.phases() if phase.name == at.phase)
        if len(names) > 1:
            self.weighting.after_step(names)

    def model(self) -> Classifier:
        """That of the first task of the last phase."""
        return self.models()[self.order[-1][0]]

    def models(self) -> dict[str, Classifier]:
        """A model a task: its encoder, and one head of all that follows."""
        return {
            name: Classifier(self.setups[name].backbone, self._whole_head(name), task.classes, task.answers)
            for name, task in self.tasks.items()
        }

    def _route(self, name: str, setup: Setup) -> Route:
        """Take in the networks of a task that no other has brought."""
        encoder, projection = self._named("encoder", name, setup.backbone), None
        if self.joined:
            projection = encoder.replace("encoder", "projection", 1)
            if not hasattr(self, projection):
                self.add_module(projection, nn.Linear(setup.backbone.width, setup.head.width))
        return Route(encoder, projection, self._named("head", name, setup.head))

    def _named(self, kind: str, task: str, module: nn.Module) -> str:
        known = next((name for name, child in self.named_children() if child is module), None)
        if known is None:
            self.add_module(f"{kind}_{task}", module)
        return known or f"{kind}_{task}"

    def _whole_head(self, name: str) -> Head:
        """The head of a task with projection and middle layer as its first hidden layers."""
        own, projection = self.setups[name].head, self.routes[name].projection
        before = [] if projection is None else [self.get_submodule(projection), self.middle]
        widths = (*[own.width] * len(before), *own.hidden_widths)
        whole = Head(self.setups[name].backbone.width, widths, own.output.out_features, own.dropout)
        whole = whole.to(own.output.weight.device)
        trained = [*before, *_linear(own)]
        for mine, theirs in zip(_linear(whole), trained, strict=True):
            mine.load_state_dict(theirs.state_dict())
        self.tasks[name].finish(whole.output)
        return whole


def make_setups(
    tasks: Mapping[str, Task], encoders: Mapping[str, Backbone], *, head: str = "own", width: int = 256, **rates: float
) -> dict[str, Setup]:
    """A set-up for each task: its encoder and a new head.

    Args:
        tasks: by name.
        encoders: by name of the task; tasks with the very same object share it.
        head: `own`, one a task; or `shared`, one for all, which takes tasks of the same classes.
        width: of the layers where different encoders join.
        rates: `rate`, `momentum` and `weight_decay` of `Setup`.

    Raises:
        LandbridgeError: a head cannot be shared, or is neither.
    """
    if head not in ("own", "shared"):
        raise LandbridgeError(f"--head is own or shared, not '{head}'")
    if width < 1:
        raise LandbridgeError(f"--width must be at least 1, not {width}")
    first = next(iter(tasks.values()))
    if head == "shared":
        for task in tasks.values():
            if (task.classes, task.answers) != (first.classes, first.answers):
                raise LandbridgeError(
                    f"--head shared takes tasks of the same classes, but those of '{first.name}' and '{task.name}' "
                    "differ: leave it at own"
                )
    joined = len({id(encoder) for encoder in encoders.values()}) > 1

    def new_head(task: Task) -> Head:
        backbone = encoders[task.name]
        return Head(width if joined else backbone.width, () if joined else backbone.head_hidden, len(task.classes))

    shared = new_head(first) if head == "shared" else None
    return {
        name: Setup(encoders[name], shared or new_head(task), task.classes, **rates)  # type: ignore[arg-type]
        for name, task in tasks.items()
    }


def _linear(head: Head) -> list[nn.Linear]:
    return [part for part in head.modules() if isinstance(part, nn.Linear)]
