"""The one trainer: devices, processes, precision, turns, checkpoints, log. What a step computes is up to the method."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from landbridge.core.errors import DivergedError
from landbridge.core.memory import keep_freed_memory
from landbridge.core.processes import average_gradients, barrier, laid_out, share_buffers
from landbridge.data.batches import Batch, Batches, Sample, seed_of
from landbridge.evaluation.selection import Judged
from landbridge.runs import Run
from landbridge.training.method import Domains, Group, Losses, Method, Moment, Phase
from landbridge.training.progress import Progress
from landbridge.training.reuse import PhaseStore

EXPLODED = 1e6
"""A sum of losses above this is taken for an explosion."""


@dataclass
class Position:
    """Where training stands: the whole state of a run beside the state dicts."""

    phase: int = 0
    begun: bool = False
    step: int = 0


@dataclass
class Trainer:
    """Train a method on the views it asked for.

    Attributes:
        fabric: device, processes and precision; already launched.
        steps: optimiser steps, shared out among the phases.
        batch_size: examples a step from each input, over all processes.
        seed: what all randomness comes from.
        run: the folder to log and checkpoint into; without one nothing is kept.
        checkpoint_every: steps between checkpoints.
        log_every: steps between lines of the log.
        clip: largest norm of a turn's gradient; None for no clipping.
        augment: augmentation of every input's `x`.
        score: label-free judge of a model, higher is better: the weights that it likes best, looked at with each
            checkpoint of the last phase, are kept; of collapsed models the last, and only where all are. By default the
            last ones are.
        watch: what else looks at the model then, or at the end of a last phase without steps, and at which step.
        store: where phases that several methods share are kept.
        progress: what shows the user how far it is.
    """

    fabric: Fabric
    steps: int
    batch_size: int = 64
    seed: int = 0
    run: Run | None = None
    checkpoint_every: int = 500
    log_every: int = 50
    clip: float | None = None
    augment: str = "none"
    score: Callable[[Any], Judged] | None = None
    watch: Callable[[Any, int], None] | None = None
    store: Path | None = None
    progress: Progress | None = None

    def fit(self, method: Method, domains: Domains) -> Method:
        """Run all phases, from the run's checkpoint if it has one.

        Args:
            method: what to train; it is changed in place.
            domains: the views, by the names that the method asked for.

        Returns:
            The trained method.

        Raises:
            DivergedError: the losses are no longer numbers, or exploded.
        """
        if self.fabric.device.type == "cpu":
            keep_freed_memory()
        self.method, self.domains = method.to(self.fabric.device), domains
        self.phases = method.phases()
        self.lengths = share_out(self.steps, [phase.share for phase in self.phases])
        self.best: dict[str, Any] = {}
        self.seconds, self._clock = 0.0, time.perf_counter()
        position, optimisers = self._resume()
        for number in range(position.phase, len(self.phases)):
            self._run_phase(number, position if number == position.phase else Position(number), optimisers)
            optimisers = None
        if self.best:
            method.load_state_dict(self.best["method"])
        self._tick()
        return method

    def _run_phase(self, number: int, position: Position, kept: dict[str, Any] | None) -> None:
        phase, steps = self.phases[number], self.lengths[number]
        groups = self.method.groups()
        precision = (self.fabric.world_size, self.fabric.device.type, self.fabric._precision.precision)
        facts = (steps, self.seed, self.batch_size, self.augment, self._clipped(groups, phase), *precision)
        looked_at = number + 1 == len(self.phases) and bool(self.score or self.watch)
        reuse = PhaseStore(self.store, phase, self.domains, facts, fresh=looked_at)
        if not position.begun:
            self._reseed(phase, "begin")
            self._set_trained(groups, phase, self._moment(number, 0))
            reuse.open(self.method)
            if not reuse.found:
                self.method.begin(self.domains, self._moment(number, 0))
                groups = self.method.groups()
            position.begun = True
            self._checkpoint(position, {})
        if not steps and looked_at:
            self._watch(self._moment(number, 0).before)
        if reuse.load(self.method) or not steps:
            return
        optimisers = {name: group.optimiser(group.parameters, group.rate) for name, group in groups.items()}
        for name, state in (kept or {}).items():
            optimisers[name].load_state_dict(state)
        wrapped = {name: self.fabric.setup_optimizers(optimiser) for name, optimiser in optimisers.items()}
        for batch in self._batches(phase, position.step, steps):
            at = self._moment(number, position.step)
            self._set_trained(groups, phase, at)
            if phase.refresh_every and position.step % phase.refresh_every == 0:
                self._reseed(phase, "refresh", position.step)
                self.method.refresh(self.domains, at)
                self._set_trained(groups, phase, at, force=True)
            self._reseed(phase, "step", position.step)
            turns = self._step(batch, at, groups, wrapped)
            self.method.after_step(at)
            position.step += 1
            due = position.step % self.checkpoint_every == 0 or position.step == steps
            if position.step % self.log_every == 0 or due:
                self._look(turns, at, due)
            if self.progress:
                self.progress.step(self.fabric, at.before + at.step + 1, self.steps)
            if due:
                if looked_at:
                    self._select(at)
                    self._watch(at.before + position.step)
                self._set_trained(groups, phase, at, force=True)
                self._checkpoint(position, optimisers)
        if self.fabric.is_global_zero:
            reuse.save(self.method)

    def _step(
        self, batch: Batch, at: Moment, groups: Mapping[str, Group], optimisers: Mapping[str, Any]
    ) -> list[Losses]:
        """All turns of a step: each moves its groups before the method is asked for the next."""
        turns: list[Losses] = []
        generator = self.method.losses(batch, at)
        while (turn := self._next(generator)) is not None:
            turns.append(turn)
            moved = [name for name in (turn.moves or groups) if groups[name].parameters[0].requires_grad]
            parameters = [p for name in moved for p in groups[name].parameters if p.requires_grad]
            if not parameters:
                continue
            for parameter in parameters:
                parameter.grad = None
            if turn.combine is not None:
                for parameter, gradient in zip(parameters, turn.combine(turn, parameters)):
                    parameter.grad = None if gradient is None else laid_out(gradient, parameter)
            else:
                self.fabric.backward(turn.total(), inputs=parameters)
            average_gradients(parameters)
            for name in moved:
                for settings in optimisers[name].param_groups:
                    settings["lr"] = groups[name].rate * groups[name].schedule(at)
                if self.clip is not None:
                    self.fabric.clip_gradients(self.method, optimisers[name], max_norm=self.clip)
                optimisers[name].step()
        return turns

    def _next(self, generator: Iterator[Losses]) -> Losses | None:
        with self.fabric.autocast():
            return next(generator, None)

    def _batches(self, phase: Phase, start: int, until: int) -> Iterator[dict[str, Sample]]:
        """The batches of a phase from step `start` on, one sample for each of its inputs."""
        # Images without any labels are of a dense domain where those beside them are.
        dense = any(view.dense for view in self.domains.values())
        streams = {
            name: Batches(
                self.domains[name],
                self.method.preprocessing(name),
                self.batch_size,
                self.seed,
                rank=self.fabric.global_rank,
                world=self.fabric.world_size,
                augment=self.augment,
                views=self.method.views.get(name, ()),
                device=self.fabric.device,
                dense=dense,
                order=self.method.drawn(name, self.domains[name], self.seed),
            ).from_step(start, until)
            for name in phase.inputs
        }
        for step in range(start, until):
            self._reseed(phase, "batch", step)
            yield {name: next(stream) for name, stream in streams.items()}

    def _clipped(self, groups: Mapping[str, Group], phase: Phase) -> object:
        """How gradients are clipped: each group's by its own length, so that a phase's grouping matters."""
        if self.clip is None or phase.trains is None or callable(phase.trains):
            return self.clip
        return self.clip, sorted(len(group.parameters) for name, group in groups.items() if name in phase.trains)

    def _moment(self, number: int, step: int) -> Moment:
        before = sum(self.lengths[:number])
        return Moment(self.phases[number].name, step, self.lengths[number], before, self.steps)

    def _reseed(self, phase: Phase, *what: object) -> None:
        """Every generator a method may draw from, set by where we are: a resumed run draws what it would have."""
        number = seed_of(self.seed, phase.name, *what, self.fabric.global_rank)
        torch.default_generator.manual_seed(number)
        if self.fabric.device.type != "cpu":
            torch.get_device_module(self.fabric.device).manual_seed(number)

    def _set_trained(self, groups: Mapping[str, Group], phase: Phase, at: Moment, *, force: bool = False) -> None:
        """Let the groups of this moment move, and freeze the others with their statistics."""
        asked = phase.trains(at) if callable(phase.trains) else phase.trains
        names = frozenset(groups if asked is None else asked)
        if names != getattr(self, "_trained", None) or at.step == 0 or force:
            # A backbone that hands features on has no parameters, so that it makes no group.
            bare = {
                path.rpartition(".")[2] for path, part in self.method.named_modules() if not list(part.parameters())
            }
            unknown = names - set(groups) - bare
            if unknown:
                raise ValueError(f"phase '{phase.name}' trains {sorted(unknown)}, but the groups are {sorted(groups)}")
            for name, group in groups.items():
                for parameter in group.parameters:
                    parameter.requires_grad_(name in names)
            set_mode(self.method, True)
            self._trained = names

    def _look(self, turns: Sequence[Losses], at: Moment, thoroughly: bool) -> None:
        """Write a line of the log; stop if the losses (or, before a checkpoint, the weights) are no longer sound."""
        values = {name: float(value.detach()) for turn in turns for name, value in turn.items()}
        sound = all(abs(value) < EXPLODED for value in values.values())
        if sound and thoroughly:
            sound = bool(torch.stack([p.detach().sum() for p in self.method.parameters()]).isfinite().all())
        if not sound:
            shown = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
            kept = f"the last good checkpoint is in {self.run.folder}" if self.run else "nothing was kept"
            raise DivergedError(
                f"training diverged at step {at.before + at.step + 1} ({shown}): lower --rate or set --clip; {kept}"
            )
        values |= {name: float(measure()) for turn in turns for name, measure in turn.measures.items()}
        if self.run and self.fabric.is_global_zero:
            self.run.log(at.before + at.step + 1, at.phase, values)
        for logger in self.fabric.loggers:
            logger.log_metrics(values, step=at.before + at.step + 1)
        if self.progress:
            self.progress.values = values

    def _select(self, at: Moment) -> None:
        """Keep the weights if a label-free score says that they are the best so far."""
        if self.score is None:
            return
        judged = self.score(self.method.model())
        if self.run and self.fabric.is_global_zero:
            self.run.log(at.before + at.step + 1, at.phase, {"selection": judged.score})
        if not self.best or judged.beats(Judged(**self.best["judged"])):
            state = {name: value.detach().cpu().clone() for name, value in self.method.state_dict().items()}
            self.best = {"judged": vars(judged), "method": state}

    def _watch(self, step: int) -> None:
        if self.watch and self.fabric.is_global_zero:
            self.watch(self.method.model(), step)

    def _checkpoint(self, position: Position, optimisers: Mapping[str, Optimizer]) -> None:
        share_buffers(self.method)
        self._tick()
        if self.run and self.fabric.is_global_zero:
            self.run.save_checkpoint(
                {
                    "position": vars(position),
                    "method": self.method.state_dict(),
                    "optimisers": {name: optimiser.state_dict() for name, optimiser in optimisers.items()},
                    "best": self.best,
                    "seconds": self.seconds,
                }
            )
        barrier()

    def _resume(self) -> tuple[Position, dict[str, Any] | None]:
        """The position and the optimisers' states of the checkpoint; the start of everything where there is none."""
        state = self.run.load_checkpoint() if self.run else None
        position = Position(**state["position"]) if state else Position()
        if state:
            self.method.load_state_dict(state["method"])
            self.best, self.seconds = state["best"], state["seconds"]
        if self.run and self.fabric.is_global_zero:
            self.run.start_log(sum(self.lengths[: position.phase]) + position.step)
        return position, state["optimisers"] if state else None

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self._clock = self.seconds + now - self._clock, now


def share_out(steps: int, shares: Sequence[float]) -> list[int]:
    """Whole steps a phase, in proportion to the shares and adding up to `steps`.

    >>> share_out(10, [1, 0, 2]), share_out(7, [1.0])
    ([3, 0, 7], [7])
    """
    total, ends, done = sum(shares), [0], 0.0
    for share in shares:
        done += share
        ends.append(round(steps * done / total) if total else 0)
    return [end - start for start, end in itertools.pairwise(ends)]


def set_mode(module: nn.Module, training: bool) -> None:
    """Training mode for what trains, evaluation mode for what is frozen: BatchNorm statistics and dropout included.

    A module with parameters trains if any of them does; one without (dropout, pooling) does as what contains it.
    """
    parameters: list[Tensor] = list(module.parameters())
    module.training = any(p.requires_grad for p in parameters) if parameters else training
    for child in module.children():
        set_mode(child, module.training)
