"""Contrastive losses of large batches: ours against open_clip's, taking turns; time, memory, and how equal they are.

    python benchmarks/contrastive.py
    python benchmarks/contrastive.py --threads 1 --clock cpu --json contrastive.json

Image and text vectors of length 1, drawn from N(0, I) and divided by their length; one step is the loss and its
gradient with respect to both sets, the scale and, for the sigmoid loss, the bias; fp32.

- **ours**: `info_nce` and `siglip`, which compute scores a block at a time.
- **open_clip**: its `ClipLoss` and `SigLipLoss`.

Memory is how much the process's peak rises while it takes steps, above what it held with its inputs made and everything
loaded. How equal they are is |ours - theirs| / |theirs|, of the loss and of each gradient as one vector, in fp32 and,
on a quarter of the pairs, in fp64.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from side_by_side import Comparison, Contestant, Report, command_line, common_options, machine, serve, take_turns

LOSSES = ("InfoNCE", "SigLIP")
OURS, THEIRS = "ours", "open_clip"
SCALE, BIAS = 1 / 0.07, -10.0
STEPS, GOAL = 2, {"time": 0.65, "memory": 0.15}


def measure(
    pairs: int = 8192, width: int = 512, rounds: int = 7, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let both take turns, loss by loss.

    Args:
        pairs: in the batch.
        width: of the vectors.
        rounds: how often each is called, for two steps.
        threads: torch's threads, by default as many as it takes by itself.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    comparisons, facts, about = [], {}, {}
    for loss in LOSSES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--pairs", str(pairs), "--width", str(width), "--loss", loss]
            command += ["--clock", clock, "--folder", folder, "--contestant"]
            contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, THEIRS)]
            times = take_turns(contestants, rounds, STEPS)
            about = {contestant.name: contestant.about for contestant in contestants}
            for contestant in contestants:
                contestant.close()
            (ours,), (theirs,) = (read(folder, f"memory-{name}") for name in (OURS, THEIRS))
            comparisons.append(Comparison(loss, "step", times, {THEIRS: GOAL["time"]}))
            facts[f"{loss}, extra memory"] = (
                f"ours {ours:.0f} MB, open_clip {theirs:.0f} MB: {ours / theirs:.3f}; goal: <= {GOAL['memory']:g}"
            )
            facts[f"{loss}, relative difference"] = differences(folder)
    return Report(
        f"Contrastive losses of {pairs:,} pairs",
        command_line(),
        comparisons,
        {
            **machine(wanted),
            "threads": about[OURS]["threads"],
            "versions": f"{about[OURS]['version']}, {about[THEIRS]['version']}",
            "vectors": f"{pairs:,} pairs of {width} numbers, scale {SCALE:.4g}, bias {BIAS:g}, seed 0",
            "rounds": f"{rounds} of {STEPS} steps each, {'computing time' if clock == 'cpu' else 'wall time'}",
            **facts,
        },
    )


def read(folder: str, name: str) -> Any:
    import torch

    return torch.load(Path(folder) / f"{name}.pt", weights_only=True)


def differences(folder: str) -> str:
    """How far the losses and gradients of both are apart."""
    found = []
    for precision in ("fp32", "fp64"):
        for kind, mine, its in zip(("loss", "image", "text", "scale", "bias"), *both(folder, precision)):
            found.append(f"{kind} {float((mine - its).norm() / its.norm()):.1e}")
        found[-1] += f" ({precision})"
    return ", ".join(found)


def both(folder: str, precision: str) -> list[Any]:
    return [read(folder, f"{precision}-{name}") for name in (OURS, THEIRS)]


def contestant(given: argparse.Namespace) -> None:
    """One side: its losses and gradients go to files, and then it takes steps."""
    import torch
    from torch.nn import functional as F

    def inputs(count: int, dtype: torch.dtype) -> list[torch.Tensor]:
        torch.manual_seed(0)
        vectors = [F.normalize(torch.randn(count, given.width, dtype=dtype), dim=1) for _ in range(2)]
        numbers = [torch.tensor(x, dtype=dtype) for x in (SCALE, BIAS)][: 1 + (given.loss == "SigLIP")]
        return [x.requires_grad_() for x in (*vectors, *numbers)]

    loss, version = (our_loss if given.contestant == OURS else their_loss)(given.loss)

    def step(leaves: list[torch.Tensor]) -> list[torch.Tensor]:
        value = loss(*leaves)
        return [value.detach(), *torch.autograd.grad(value, leaves)]

    def keep(name: str, tensors: list[Any]) -> None:
        torch.save(tensors, Path(given.folder) / f"{name}-{given.contestant}.pt")

    leaves = inputs(given.pairs, torch.float32)
    step([x[:8].detach().requires_grad_() if x.dim() else x for x in leaves])  # loads what is loaded late
    before = held()
    keep("fp32", step(leaves))
    step(leaves)
    keep("memory", [peak() - before])
    keep("fp64", step(inputs(given.pairs // 4, torch.float64)))
    serve(lambda: step(leaves), given.clock, threads=torch.get_num_threads(), version=version)


def peak() -> float:
    """Most memory that this process ever held, in MB; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def held() -> float:
    """Memory that it holds now, in MB; where the system does not say, the most that it ever held."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() / 2**20 if pages.is_file() else peak()


def our_loss(name: str) -> tuple[Any, str]:
    import landbridge
    from landbridge.losses import info_nce, siglip

    def loss(a: Any, b: Any, scale: Any, *bias: Any) -> Any:
        if name == "SigLIP":
            return siglip(a, b, scale=scale, bias=bias[0], similarity="dot")
        return info_nce(a, b, temperature=1 / scale, similarity="dot")

    return loss, f"landbridge {landbridge.__version__}"


def their_loss(name: str) -> tuple[Any, str]:
    import open_clip
    import torch
    from open_clip.loss import ClipLoss, SigLipLoss

    loss = SigLipLoss() if name == "SigLIP" else ClipLoss()
    return loss, f"open_clip {open_clip.__version__}, torch {torch.__version__}"


def main() -> None:
    parser = common_options(__doc__, rounds=7)
    parser.add_argument("--pairs", type=int, default=8192)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--loss", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        contestant(given)
        return
    if given.quick:
        given.pairs, given.width, given.rounds = 2048, 64, 2
    measure(given.pairs, given.width, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
