"""One step of fine-tuning MobileNetV2 at 128 px: ours and a plain PyTorch loop, taking turns.

    python benchmarks/finetuning.py
    python benchmarks/finetuning.py --folder PHOTOS --json finetuning.json

The pictures are JPEG files, one sub-folder a class: those of `--folder`, else `pacs/photo` below LANDBRIDGE_DATA, else
1,000 of 128x128 pixels made on the spot. All contestants do the same sums: MobileNetV2 as torchvision builds it, all of
it trained, dropout and a linear head on top, batches of 32, float32, randomly moved and mirrored pictures, SGD with
momentum 0.9 whose rate follows a cosine. What a step includes:

- **ours**: all that a real run does. The trainer takes batches from pictures that were decoded once (the facts say how
  long that took), augments and normalises them, and does loss, backward, schedule, optimiser step and log.
- **plain loop**: what one writes by hand. ImageFolder, torchvision's transforms, a DataLoader with two workers,
  `model.train()`, cross-entropy, SGD, CosineAnnealingLR. Each picture is decoded anew each time.
- **plain loop, batches ready**: the same, but its float batches lie ready before the clock starts, so that nothing of
  reading data is counted. Ours still reads its own.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from epoch_from_files import make_pictures
from side_by_side import Comparison, Contestant, Report, answer, command_line, machine, requests, serve, take_turns

SIZE, BATCH, RATE, MOMENTUM, DROPOUT, STEPS = 128, 32, 0.01, 0.9, 0.2, 100_000
OURS, PLAIN, READY = "ours", "plain loop", "plain loop, batches ready"


def measure(
    folder: Path | None, rounds: int = 15, steps: int = 5, threads: int | None = None, count: int = 1000
) -> Report:
    """Let all take turns.

    Args:
        folder: pictures, one sub-folder a class; None takes those of PACS, or makes some.
        rounds: how often each is called.
        steps: steps a call.
        threads: torch's threads, by default as many as it takes by itself.
        count: pictures to make.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with tempfile.TemporaryDirectory() as made:
        folder = folder or _pacs() or _made(Path(made), count)
        command = [sys.executable, __file__, "--folder", str(folder), "--contestant"]
        contestants = [Contestant(name, [*command, name], wanted) for name in (OURS, PLAIN, READY)]
        about = [contestant.about for contestant in contestants]
        assert len({each["parameters"] for each in about}) == 1, "the networks differ"
        times = take_turns(contestants, rounds, steps)
        for contestant in contestants:
            contestant.close()
    facts = {
        **machine(wanted),
        "threads": f"{about[0]['threads']}; loader: 2 workers",
        "versions": ", ".join(dict.fromkeys(each["version"] for each in about)),
        "parameters": about[0]["parameters"],
        "pictures": f"{about[1]['pictures']} {about[1]['first']}; ours decodes them once, in {about[0]['reading']} s",
        "images a second": _speeds(times),
        "rounds": f"{rounds} of {steps} steps each, elapsed time",
    }
    title = f"One step of fine-tuning MobileNetV2, {BATCH} images of {SIZE}x{SIZE}x3, float32, CPU"
    return Report(title, command_line(), [Comparison("contestant", "step", times, {PLAIN: 1.0})], facts)


def _speeds(times: Mapping[str, Sequence[float]]) -> str:
    speeds = {name: 1000 * BATCH / statistics.median(values) for name, values in times.items()}
    return ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())


def _pacs() -> Path | None:
    root = os.environ.get("LANDBRIDGE_DATA")
    photos = Path(root) / "pacs" / "photo" if root else None
    return photos if photos and photos.is_dir() else None


def _made(folder: Path, count: int) -> Path:
    make_pictures(folder, count, "jpg")
    return folder


def ours(folder: Path) -> None:
    """Landbridge's fine-tuning under its trainer, which stops to answer after as many steps as it was asked for."""
    import torch
    from lightning.fabric import Fabric

    import landbridge
    from landbridge.data.domain import Domain, Examples
    from landbridge.data.images import ImageFiles
    from landbridge.finetuning.finetune import FineTune
    from landbridge.nn.backbones import make_backbone
    from landbridge.nn.heads import Head
    from landbridge.runs import Run
    from landbridge.training.method import Moment, Setup
    from landbridge.training.trainer import Trainer

    began = time.perf_counter()
    classes = tuple(sorted(place.name for place in folder.iterdir() if place.is_dir()))
    files = [(path, number) for number, name in enumerate(classes) for path in sorted((folder / name).iterdir())]
    examples = Examples(ImageFiles([path for path, _ in files]), torch.tensor([number for _, number in files]))
    view = Domain("files", classes, {"train": examples}).prepared((SIZE, SIZE)).labelled()
    reading = round(time.perf_counter() - began, 1)

    class Paced(FineTune):
        """Fine-tuning that waits for a line between two steps, so that the trainer's own loop is what is measured."""

        def begin(self, domains: object, at: Moment) -> None:
            count = sum(p.numel() for p in self.parameters())
            version = f"landbridge {landbridge.__version__}"
            answer(version=version, parameters=count, threads=torch.get_num_threads(), reading=reading)
            self.asked = requests("wall")
            next(self.asked)

        def after_step(self, at: Moment) -> None:
            if next(self.asked, "nobody asks any more") is not None:
                raise SystemExit

    torch.manual_seed(0)
    backbone = make_backbone(f"torchvision/mobilenet_v2?size={SIZE}")
    head = Head(backbone.width, (), len(classes))
    setup = Setup(backbone, head, classes, {"target": len(view)}, RATE, MOMENTUM)
    fabric = Fabric(accelerator="cpu", devices=1)
    with tempfile.TemporaryDirectory() as place:
        trainer = Trainer(fabric, STEPS, BATCH, run=Run(Path(place) / "run", {}), augment="weak-flip")
        trainer.fit(Paced(setup, dropout=DROPOUT), {"target": view})


def plain(folder: Path, ready: bool) -> None:
    """The loop that one writes by hand."""
    import PIL
    import torch
    import torchvision
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    change = transforms.Compose(
        [
            transforms.Resize((SIZE, SIZE)),
            transforms.RandomCrop(SIZE, padding=SIZE // 8, padding_mode="edge"),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    pictures = ImageFolder(str(folder), change)
    loader = DataLoader(pictures, BATCH, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
    torch.manual_seed(0)
    model = torchvision.models.mobilenet_v2(dropout=DROPOUT)
    model.classifier[1] = nn.Linear(model.last_channel, len(pictures.classes))
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(model.parameters(), RATE, MOMENTUM)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    batches: Iterator[Any] = (batch for _ in itertools.count() for batch in loader)
    if ready:
        batches = itertools.cycle([next(batches) for _ in range(min(len(loader), 20))])
    model.train()

    def step() -> None:
        images, labels = next(batches)
        optimiser.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimiser.step()
        scheduler.step()

    with Image.open(pictures.samples[0][0]) as image:
        first = f"{image.width}x{image.height} {image.format}"
    packages = ((torch, "torch"), (torchvision, "torchvision"), (PIL, "Pillow"))
    serve(
        step,
        version=", ".join(f"{name} {package.__version__}" for package, name in packages),
        parameters=sum(p.numel() for p in model.parameters()),
        pictures=len(pictures),
        first=first,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="pictures of your own, one sub-folder a class")
    parser.add_argument("--count", type=int, default=1000, help="pictures to make")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=5, help="steps a round")
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant == OURS:
        ours(given.folder)
    elif given.contestant:
        plain(given.folder, ready=given.contestant == READY)
    else:
        rounds, steps, count = (2, 1, 3 * BATCH) if given.quick else (given.rounds, given.steps, given.count)
        measure(given.folder, rounds, steps, given.threads, count).finish(given.json)


if __name__ == "__main__":
    main()
