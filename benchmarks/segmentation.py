"""What segmentation under domain shift computes for each pixel, against the usual ways of it, taking turns.

    python benchmarks/segmentation.py
    python benchmarks/segmentation.py --threads 1 --clock cpu --json segmentation.json

- **Fourier swap**: three channels at 512 x 1024, the low band of one image's amplitudes replaced by another's; ours
  against `numpy.fft.fft2` of both images and `ifft2` of the result, in single precision as the images are.
- **confusion matrix**: a mask of 1024 x 2048 with 19 classes and void; ours reads it as the bytes that it is,
  torchmetrics is handed 64-bit integers, which is what it counts, with and without its checks of the arguments.
- **MinEnt**: forward and backward pass of the mean entropy of 19 classes at 512 x 1024, against softmax, logarithm,
  product and sum, and against the product of softmax and log-softmax.

Each of ours is compared with the other's result first; the largest difference is told, and must be small.
"""

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any

from side_by_side import Comparison, Contestant, Report, command_line, machine, serve, take_turns

CLASSES, VOID = 19, 255
OURS = "ours"
NUMPY, METRICS, UNCHECKED, PLAIN, PRODUCT = (
    "NumPy, full FFT", "torchmetrics", "torchmetrics, unchecked", "softmax, log", "softmax, log-softmax",
)  # fmt: skip
TASKS: dict[str, tuple[str, dict[str, float | None], float]] = {
    "fda-0.01": ("Fourier swap, beta 0.01", {NUMPY: 0.1}, 0.01),
    "fda-0.09": ("Fourier swap, beta 0.09", {NUMPY: None}, 0.01),
    "confusion": ("confusion matrix", {METRICS: 0.2, UNCHECKED: None}, 0.0),
    "minent": ("MinEnt loss", {PLAIN: 0.85, PRODUCT: None}, 1e-5),
}
"""By task: its title, the others and the ratio that we want to stay below, the largest difference of the results."""


def measure(
    height: int = 512, width: int = 1024, rounds: int = 15, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let ours and the others compute in turns.

    Args:
        height: of images and logits, in pixels; masks are twice as large.
        width: likewise.
        rounds: how often each computes.
        threads: of torch and the linear algebra, by default as many as they take by themselves.
        clock: what they are measured with: `wall`, or `cpu` for the time that a process was computing.
    """
    wanted = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)} if threads else {}
    comparisons, differences, versions = [], [], ""
    for task, (title, others, _) in TASKS.items():
        command = [sys.executable, __file__, "--height", str(height), "--width", str(width), "--clock", clock]
        contestants = [
            Contestant(name, [*command, "--task", task, "--contestant", name], wanted) for name in (OURS, *others)
        ]
        times = take_turns(contestants, rounds, 1)
        for contestant in contestants:
            contestant.close()
        about = contestants[0].about
        versions = str(about["versions"])
        goals = {name: goal for name, goal in others.items() if goal is not None}
        comparisons.append(Comparison(title, "call", times, goals))
        differences.append(f"{title}: {about['difference']:.1e}")
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": threads or "as many as the libraries take by themselves",
        "versions": versions,
        "data": f"images and logits of {height} x {width}, masks of {2 * height} x {2 * width}, {CLASSES} classes",
        "largest difference of the results": "; ".join(differences),
        "rounds": f"{rounds} of one call each, {'computing time' if clock == 'cpu' else 'wall time'}",
    }
    return Report("Segmentation under domain shift", command_line(), comparisons, facts)


def fourier(beta: float, height: int, width: int) -> dict[str, Callable[[], Any]]:
    """Two noisy images with a brightness of their own, colours from 0 to 255."""
    import numpy as np
    import torch

    from landbridge.losses import fourier_swap

    generator = torch.Generator().manual_seed(0)
    noise = 40 * torch.randn(2, 3, height, width, generator=generator)
    day, dusk = (noise + torch.tensor([120.0, 60.0]).view(2, 1, 1, 1)).clamp(0, 255)
    source, target = day.numpy(), dusk.numpy()
    band = math.floor(beta * min(height, width))
    rows, columns = slice(height // 2 - band, height // 2 + band + 1), slice(width // 2 - band, width // 2 + band + 1)

    def full() -> Any:
        ours, theirs = np.fft.fft2(source), np.fft.fft2(target)
        amplitude = np.fft.fftshift(np.abs(ours), (-2, -1))
        amplitude[:, rows, columns] = np.fft.fftshift(np.abs(theirs), (-2, -1))[:, rows, columns]
        mixed = np.fft.ifftshift(amplitude, (-2, -1)) * np.exp(1j * np.angle(ours))
        return torch.from_numpy(np.fft.ifft2(mixed).real)

    return {OURS: lambda: fourier_swap(day[None], dusk[None], beta)[0], NUMPY: full}


def confusion(height: int, width: int) -> dict[str, Callable[[], Any]]:
    """A mask of patches, and the same moved a little."""
    import torch
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    from landbridge.evaluation.segmentation import confusion_matrix

    generator = torch.Generator().manual_seed(0)
    patches = torch.randint(0, CLASSES, (math.ceil(height / 32), math.ceil(width / 32)), generator=generator)
    truth = patches.repeat_interleave(32, 0).repeat_interleave(32, 1)[:height, :width].to(torch.uint8)
    predicted = truth.roll((3, 5), (0, 1))
    truth[: height // 16] = VOID
    wide = predicted.long(), truth.long()

    def theirs(checked: bool) -> Any:
        return multiclass_confusion_matrix(*wide, CLASSES, ignore_index=VOID, validate_args=checked)

    return {
        OURS: lambda: confusion_matrix(predicted, truth, CLASSES),
        METRICS: lambda: theirs(True),
        UNCHECKED: lambda: theirs(False),
    }


def entropy(height: int, width: int) -> dict[str, Callable[[], Any]]:
    """Logits of which some are sure and some are not; what is returned is the gradient with the loss behind it."""
    import torch
    from torch import Tensor

    from landbridge.losses import mean_pixel_entropy

    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(1, CLASSES, height, width, generator=generator)).requires_grad_()

    def plain(z: Tensor) -> Tensor:
        p = z.softmax(1)
        return -(p * (p + 1e-30).log()).sum(1).mean() / math.log(CLASSES)

    def product(z: Tensor) -> Tensor:
        return -(z.softmax(1) * z.log_softmax(1)).sum(1).mean() / math.log(CLASSES)

    def both_ways(loss: Callable[[Tensor], Tensor]) -> Callable[[], Any]:
        def call() -> Any:
            logits.grad = None
            value = loss(logits)
            value.backward()
            return logits.grad, value.detach()

        return call

    return {OURS: both_ways(mean_pixel_entropy), PLAIN: both_ways(plain), PRODUCT: both_ways(product)}


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference of two results; of gradients, relative to the largest."""
    if isinstance(ours, tuple):
        largest = theirs[0].abs().max()
        return max(float((ours[0] - theirs[0]).abs().max() / largest), float((ours[1] - theirs[1]).abs()))
    return float((ours - theirs).abs().max())


def compute(given: argparse.Namespace) -> None:
    """Inside a contestant's process: one call each time it is asked."""
    import numpy as np
    import torch
    import torchmetrics

    from landbridge.core.memory import keep_freed_memory

    keep_freed_memory()
    task, height, width = given.task, given.height, given.width
    if task.startswith("fda"):
        calls = fourier(float(task.removeprefix("fda-")), height, width)
    else:
        calls = entropy(height, width) if task == "minent" else confusion(2 * height, 2 * width)
    about: dict[str, object] = {
        "versions": f"torch {torch.__version__}, numpy {np.__version__}, torchmetrics {torchmetrics.__version__}"
    }
    if given.contestant == OURS:
        mine = calls[OURS]()
        mine = tuple(each.clone() for each in mine) if isinstance(mine, tuple) else mine
        largest = max(difference(mine, call()) for name, call in calls.items() if name != OURS)
        assert largest <= TASKS[task][2], f"{task}: the results differ by {largest}"
        about["difference"] = largest
    serve(calls[given.contestant], given.clock, **about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=512, help="of images and logits; masks are twice as large")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=15, help="how often each computes")
    parser.add_argument("--threads", type=int, help="of torch and the linear algebra")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="what they are measured with")
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        compute(given)
        return
    if given.quick:
        given.height, given.width, given.rounds = 64, 128, 2
    measure(given.height, given.width, given.rounds, given.threads, given.clock).finish(given.json)


if __name__ == "__main__":
    main()
