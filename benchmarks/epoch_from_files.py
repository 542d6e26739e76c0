"""Epochs over image files on disk: ours, and a PIL + torchvision + DataLoader loop, taking turns.

    python benchmarks/epoch_from_files.py
    python benchmarks/epoch_from_files.py --folder PHOTOS --sizes 64 --json epochs.json

Without `--folder` (one sub-folder a class) it makes 4,000 pictures of 128x128 pixels for itself. An epoch is done when
every picture was handed over once, in shuffled batches of 64, randomly moved and mirrored, normalised, as float tensors
that a network of the size named can take; the network itself is not part of it.

- **ours**: `Domain.prepared` decodes all files once, in threads, and keeps them as bytes at the network's size;
  `Batches` augments and normalises whole batches. So the first epoch reads files, and all later ones read memory.
- **loader loop**: ImageFolder with Resize, RandomCrop with padding, RandomHorizontalFlip, ToTensor, Normalize, and a
  DataLoader with two workers, kept from epoch to epoch; each epoch decodes all files again.

Three tables a size: the first epoch, a later one, and the mean epoch of a whole run of ten. The files lie in the
operating system's cache for both. What does not fit in memory takes another path of ours, which is not measured here.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from side_by_side import Comparison, Contestant, Report, command_line, machine, serve, take_turns

BATCH, CLASSES = 64, 10
OURS, LOADER = "ours", "loader loop"


def measure(
    folder: Path | None,
    sizes: Sequence[int] = (28, 64),
    runs: int = 3,
    epochs: int = 10,
    threads: int | None = None,
    count: int = 4000,
    kind: str = "jpg",
) -> Report:
    """Let both take turns, epoch by epoch.

    Args:
        folder: pictures, one sub-folder a class; None makes some.
        sizes: sides of the network's inputs, in pixels.
        runs: how often everything is begun anew.
        epochs: epochs of a run.
        threads: torch's threads, by default as many as it takes by itself.
        count: pictures to make.
        kind: what to make, `jpg` or `png`.
    """
    comparisons: list[Comparison] = []
    facts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        if folder is None:
            make_pictures(Path(made), count, kind)
        for size in sizes:
            compared, facts = _measure_size(folder or Path(made), size, runs, epochs, threads)
            comparisons += compared
    return Report(f"Epochs over {facts['pictures']} files", command_line(), comparisons, facts)


def _measure_size(
    folder: Path, size: int, runs: int, epochs: int, threads: int | None
) -> tuple[list[Comparison], dict[str, Any]]:
    command = [sys.executable, __file__, "--folder", str(folder), "--sizes", str(size), "--epochs", str(epochs)]
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    contestants = [Contestant(name, [*command, "--contestant", name], wanted) for name in (OURS, LOADER)]
    about = [contestant.about for contestant in contestants]
    facts = {
        **machine(wanted),
        "threads": f"{about[0]['threads']}; loader: 2 workers",
        "versions": ", ".join(each["version"] for each in about),
        "pictures": f"{about[0]['pictures']} {about[1]['first']}",
        "runs": f"{runs} of {epochs} epochs each",
    }
    times = take_turns(contestants, runs * epochs, 1, warm_up=0)
    for contestant in contestants:
        contestant.close()

    def part(title: str, choose: Callable[[list[float]], list[float]], goals: dict[str, float]) -> Comparison:
        chosen = {name: choose(values) for name, values in times.items()}
        return Comparison(f"{size}x{size}, {title}", "epoch", chosen, goals)

    def means(values: list[float]) -> list[float]:
        return [sum(values[start : start + epochs]) / epochs for start in range(0, len(values), epochs)]

    parts = [
        part("first epoch, from files", lambda values: values[::epochs], {}),
        part("later epochs", lambda values: [v for number, v in enumerate(values) if number % epochs], {}),
        part(f"mean of {epochs} epochs", means, {LOADER: 0.2}),
    ]
    return parts, facts


def make_pictures(folder: Path, count: int, kind: str) -> None:
    """Write pictures of 128x128 pixels with large and small structures, one sub-folder a class."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((128, 128))
        values = np.asarray(coarse, dtype=np.int16) + random.integers(-12, 13, (128, 128, 3), dtype=np.int16)
        place = folder / f"class{number % CLASSES}" / f"{number:05}.{kind}"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(place)


def ours(folder: Path, size: int, epochs: int) -> None:
    """Landbridge's domain and batches; begun anew after every `epochs` epochs."""
    import torch

    import landbridge
    from landbridge.data.batches import Batches
    from landbridge.data.domain import Domain, Examples
    from landbridge.data.images import ImageFiles
    from landbridge.nn.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

    classes = sorted(place.name for place in folder.iterdir() if place.is_dir())
    files = [(path, number) for number, name in enumerate(classes) for path in sorted((folder / name).iterdir())]
    labels = torch.tensor([number for _, number in files])
    preprocessing = Preprocessing((size, size), IMAGENET_MEAN, IMAGENET_STD)
    steps, numbers = len(files) // BATCH, itertools.count()
    batches: list[Batches] = []

    def epoch() -> None:
        number = next(numbers) % epochs
        if number == 0:
            domain = Domain(
                "files", tuple(classes), {"train": Examples(ImageFiles([path for path, _ in files]), labels)}
            )
            view = domain.prepared(preprocessing.size).labelled()
            batches[:] = [Batches(view, preprocessing, BATCH, seed=0, augment="weak-flip")]
        for sample in batches[0].from_step(number * steps, (number + 1) * steps):
            assert sample.x.shape == (BATCH, 3, size, size)

    version = f"landbridge {landbridge.__version__}"
    serve(epoch, pictures=len(files), threads=torch.get_num_threads(), version=version)


def loader_loop(folder: Path, size: int, epochs: int) -> None:
    """The loop of a hundred tutorials; its workers are started anew after every `epochs` epochs."""
    import PIL
    import torch
    import torchvision
    from PIL import Image
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    change = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.RandomCrop(size, padding=size // 8, padding_mode="edge"),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    pictures = ImageFolder(str(folder), change)
    numbers = itertools.count()
    loaders: list[DataLoader[Any]] = []

    def epoch() -> None:
        if next(numbers) % epochs == 0:
            loaders.clear()
            loaders.append(
                DataLoader(pictures, BATCH, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
            )
        for x, _ in loaders[0]:
            assert x.shape == (BATCH, 3, size, size)

    with Image.open(pictures.samples[0][0]) as image:
        first = f"{image.width}x{image.height} {image.format}"
    packages = ((torch, "torch"), (torchvision, "torchvision"), (PIL, "Pillow"))
    serve(epoch, first=first, version=", ".join(f"{name} {package.__version__}" for package, name in packages))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="pictures of your own, one sub-folder a class")
    parser.add_argument("--count", type=int, default=4000, help="pictures to make")
    parser.add_argument("--kind", choices=("jpg", "png"), default="jpg", help="what to make")
    parser.add_argument("--sizes", type=int, nargs="+", default=[28, 64], help="sides of the network's inputs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="epochs a run")
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        {OURS: ours, LOADER: loader_loop}[given.contestant](given.folder, given.sizes[0], given.epochs)
        return
    if given.quick:
        given.count, given.runs, given.epochs, given.sizes = 2 * BATCH, 2, 2, [28]
    options = given.runs, given.epochs, given.threads, given.count, given.kind
    measure(given.folder, given.sizes, *options).finish(given.json)


if __name__ == "__main__":
    main()
