"""One step of DANN: ours, a plain torch loop, and pytorch-adapt, taking turns.

    python benchmarks/dann_step.py
    python benchmarks/dann_step.py --peer-python PEER/bin/python --json step.json

for the second, make the peer's environment before (it needs an old setuptools, so it gets one of its own):

    python -m venv PEER && PEER/bin/pip install torch torchvision "setuptools<81" pytorch-adapt==0.0.83

All do the same sums: 64 source and 64 target images of 28x28x3, Ganin's MNIST network (conv 32, conv 48; head
100-100-10; discriminator 100-1), SGD with momentum 0.9, float32, on the CPU. What a step includes:

- **ours**: all that a real run does. The trainer takes both batches from uint8 images in memory, normalises them, and
  does losses, backward, schedules, optimiser steps, its log and its checkpoints.
- **plain loop**: what one writes by hand. Images are float tensors, normalised before the clock starts; two DataLoaders
  over TensorDatasets with shuffling, source and target forwarded one after the other in NCHW, gradient reversal, lambda
  and rate by Ganin's schedules, one SGD over all parameters.
- **pytorch-adapt**: its DANN hook, its containers of models and optimisers, and its data sets and loaders around the
  same float tensors.
- **..., batches ready**: the same two once more, but their float batches lie ready before the clock starts, so that
  nothing of reading data is counted. Ours still reads its own.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from side_by_side import Comparison, Contestant, Report, answer, command_line, machine, requests, serve, take_turns

EXAMPLES, BATCH, CLASSES, RATE, MOMENTUM, STEPS = 6400, 64, 10, 0.01, 0.9, 100_000
PLAIN, PEER, READY = "plain loop", "pytorch-adapt", ", batches ready"


def measure(
    peer: str | None,
    rounds: int = 31,
    steps: int = 10,
    threads: int | None = None,
    clock: str = "wall",
    variables: Sequence[str] = (),
) -> Report:
    """Let all take turns.

    Args:
        peer: the Python of an environment that holds pytorch-adapt; None leaves it out.
        rounds: how often each is called.
        steps: steps a call.
        threads: torch's threads, by default as many as it takes by itself.
        clock: `wall`, or `cpu` for computing time.
        variables: `NAME=VALUE` for the environment of all of them.
    """
    wanted = dict(pair.split("=", 1) for pair in variables)
    if threads:
        wanted["OMP_NUM_THREADS"] = str(threads)
    contestants = []
    for name in ("ours", PLAIN, PLAIN + READY, *((PEER, PEER + READY) if peer else ())):
        python = peer if peer and name.startswith(PEER) else sys.executable
        contestants.append(Contestant(name, [python, __file__, "--clock", clock, "--contestant", name], wanted))
    sizes = {contestant.about["parameters"] for contestant in contestants}
    assert len(sizes) == 1, f"the networks differ: {sizes}"
    facts = {
        **machine(wanted),
        "threads": contestants[0].about["threads"],
        "versions": ", ".join(dict.fromkeys(contestant.about["version"] for contestant in contestants)),
        "parameters": sizes.pop(),
        "rounds": f"{rounds} of {steps} steps each, {'elapsed' if clock == 'wall' else 'computing'} time",
    }
    if peer is None:
        facts["left out"] = "pytorch-adapt, since --peer-python names no environment that holds it"
    times = take_turns(contestants, rounds, steps)
    for contestant in contestants:
        contestant.close()
    goals = {PLAIN: 0.85, PLAIN + READY: 0.85, PEER: 0.75, PEER + READY: 0.75}
    title = "One DANN step, 64 + 64 images of 28x28x3, float32, CPU"
    return Report(title, command_line(), [Comparison("contestant", "step", times, goals)], facts)


def images(seed: int) -> tuple[Any, Any]:
    """Random uint8 images and labels."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (EXAMPLES, 3, 28, 28), generator=generator, dtype=torch.uint8)
    return x, torch.randint(0, CLASSES, (EXAMPLES,), generator=generator)


def paced(cls: Any, clock: str, **about: object) -> Any:
    """A method of Landbridge that waits for a line between two steps, so that the trainer's own loop is measured.

    Args:
        cls: the method; of one with several phases, the last is measured.
        clock: `wall` or `cpu`.
        about: what its process tells of itself beside version, parameters and threads.
    """
    import torch

    import landbridge
    from landbridge.training.method import Moment

    class Paced(cls):  # type: ignore[misc]
        def phases(self) -> Any:
            return super().phases()[-1:]

        def begin(self, domains: Any, at: Moment) -> None:
            super().begin(domains, at)
            count = sum(p.numel() for p in self.parameters())
            said = {"version": f"landbridge {landbridge.__version__}", "threads": torch.get_num_threads()}
            answer(**said, parameters=count, **about)
            self.asked = requests(clock)
            next(self.asked)

        def after_step(self, at: Moment) -> None:
            super().after_step(at)
            if next(self.asked, "nobody asks any more") is not None:
                raise SystemExit

    return Paced


def ours(clock: str, name: str = "dann") -> None:
    """A method of Landbridge under its trainer, which stops to answer after as many steps as it was asked for.

    Args:
        clock: `wall` or `cpu`.
        name: of the method; of one with several phases, the last is measured.
    """
    import torch
    from lightning.fabric import Fabric

    from landbridge.adaptation import METHODS
    from landbridge.data.domain import Domain, Examples
    from landbridge.data.images import Arrays
    from landbridge.nn.backbones import make_backbone
    from landbridge.nn.heads import Head
    from landbridge.runs import Run
    from landbridge.training.method import Setup
    from landbridge.training.trainer import Trainer

    names = tuple(map(str, range(CLASSES)))
    views = {}
    for seed, side in enumerate(("source", "target")):
        x, y = images(seed)
        domain = Domain(side, names, {"train": Examples(Arrays(x), y)})
        views[side] = domain.labelled() if side == "source" else domain.unlabelled()
    torch.manual_seed(0)
    backbone = make_backbone("ganin-mnist")
    head, sizes = Head(backbone.width, backbone.head_hidden, CLASSES), dict.fromkeys(views, EXAMPLES)
    setup = Setup(backbone, head, names, sizes, rate=RATE, momentum=MOMENTUM)
    fabric = Fabric(accelerator="cpu", devices=1)
    with tempfile.TemporaryDirectory() as folder:
        Trainer(fabric, STEPS, BATCH, run=Run(Path(folder) / "run", {})).fit(
            paced(METHODS.resolve(name), clock)(setup), views
        )


def networks() -> dict[str, Any]:
    """The same three networks as plain torch modules."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    features = nn.Sequential(
        *(nn.Conv2d(3, 32, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 48, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten()),
    )
    layers = (nn.Linear(768, 100), nn.ReLU(inplace=True), nn.Linear(100, 100), nn.ReLU(inplace=True))
    return {
        "G": features,
        "C": nn.Sequential(*layers, nn.Linear(100, CLASSES)),
        "D": nn.Sequential(nn.Linear(768, 100), nn.ReLU(inplace=True), nn.Linear(100, 1), nn.Flatten(0)),
    }


def ready_floats() -> list[tuple[Any, Any]]:
    """Source and target as normalised float images and labels, made before the clock starts."""
    return [((x.float() / 255 - 0.5) / 0.5, y) for x, y in (images(0), images(1))]


def endless(loader: Any) -> Iterator[Any]:
    """The batches of a loader, epoch after epoch."""
    while True:
        yield from loader


def about(modules: dict[str, Any], version: str) -> dict[str, object]:
    """What a contestant tells of itself."""
    import torch

    count = sum(p.numel() for module in modules.values() for p in module.parameters())
    return {"version": version, "parameters": count, "threads": torch.get_num_threads()}


def plain(ready: bool, clock: str) -> None:
    """The loop that one writes by hand."""
    import math

    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: float) -> Any:
            ctx.weight = weight
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return -ctx.weight * gradient, None

    modules = networks()
    parameters = [p for module in modules.values() for p in module.parameters()]
    optimiser = torch.optim.SGD(parameters, RATE, MOMENTUM)
    sets = [TensorDataset(*tensors) for tensors in ready_floats()]
    loaders = [DataLoader(each, BATCH, shuffle=True, drop_last=True) for each in sets]
    batches: Iterator[Any] = zip(*(endless(loader) for loader in loaders))
    if ready:
        batches = itertools.cycle([next(batches) for _ in range(50)])
    ones, steps = torch.ones(BATCH), itertools.count()

    def step() -> None:
        (x, y), (x_target, _) = next(batches)
        progress = next(steps) / STEPS
        strength = 2 / (1 + math.exp(-10 * progress)) - 1
        for group in optimiser.param_groups:
            group["lr"] = RATE / (1 + 10 * progress) ** 0.75
        source, target = modules["G"](x), modules["G"](x_target)
        loss = F.cross_entropy(modules["C"](source), y)
        from_source, from_target = (modules["D"](Reverse.apply(each, strength)) for each in (source, target))
        domain = F.binary_cross_entropy_with_logits(from_source, ones)
        domain = (domain + F.binary_cross_entropy_with_logits(from_target, torch.zeros_like(ones))) / 2
        optimiser.zero_grad()
        (loss + domain).backward()
        optimiser.step()

    serve(step, clock, **about(modules, f"torch {torch.__version__}"))


def peer_batches(*, ready: bool) -> Iterator[Any]:
    """pytorch-adapt's data sets and loaders around the same float tensors, as its documentation shows them."""
    import torch
    from pytorch_adapt.datasets import CombinedSourceAndTargetDataset, DataloaderCreator, SourceDataset, TargetDataset
    from torch.utils.data import TensorDataset

    class Unlabelled(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, x: Any) -> None:
            self.x = x

        def __len__(self) -> int:
            return len(self.x)

        def __getitem__(self, position: int) -> Any:
            return self.x[position]

    (x, y), (x_target, _) = ready_floats()
    target: Any = TargetDataset(Unlabelled(x_target))
    both = CombinedSourceAndTargetDataset(SourceDataset(TensorDataset(x, y)), target)
    batches = endless(DataloaderCreator(batch_size=BATCH)(train=both)["train"])
    return itertools.cycle([next(batches) for _ in range(50)]) if ready else batches


def serve_peer(hook: Any, modules: dict[str, Any], *, ready: bool, clock: str, extra: dict[str, Any]) -> None:
    """Steps of a hook of pytorch-adapt; `extra` is what it wants beside batches and networks."""
    from importlib.metadata import version

    batches = peer_batches(ready=ready)

    def step() -> None:
        hook({**modules, **extra, **next(batches)})

    versions = ", ".join(f"{name} {version(name)}" for name in ("pytorch-adapt", "torch"))
    serve(step, clock, **about(modules, versions))


def peer(ready: bool, clock: str) -> None:
    """pytorch-adapt's DANN hook, and its containers."""
    import torch
    from pytorch_adapt.containers import Models, Optimizers
    from pytorch_adapt.hooks import DANNHook

    modules = networks()
    optimisers = Optimizers((torch.optim.SGD, {"lr": RATE, "momentum": MOMENTUM}))
    optimisers.create_with(Models(modules))
    serve_peer(DANNHook(opts=list(optimisers.values())), modules, ready=ready, clock=clock, extra={})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="the Python of an environment with pytorch-adapt")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--steps", type=int, default=10, help="steps a round")
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: computing time, with --threads 1 on a busy machine",
    )
    parser.add_argument(
        "--variable", action="append", default=[], metavar="NAME=VALUE", help="for the environment of all"
    )
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        name, ready = given.contestant.removesuffix(READY), given.contestant.endswith(READY)
        if name == "ours":
            ours(given.clock)
        else:
            {PLAIN: plain, PEER: peer}[name](ready, given.clock)
        return
    rounds, steps = (3, 2) if given.quick else (given.rounds, given.steps)
    measure(given.peer_python, rounds, steps, given.threads, given.clock, given.variable).finish(given.json)


if __name__ == "__main__":
    main()
