"""One step of adapting a segmenter, from image files: ours, and a torch loop with PIL loaders, taking turns.

    python benchmarks/segmentation_step.py
    python benchmarks/segmentation_step.py --data-root DATA --threads 1 --clock cpu --json step.json

MinEnt with 4 source and 4 target images at 240x180: a light decoder on MobileNetV2, from random weights, SGD with a
tenth of the rate for the backbone and a polynomial schedule; images scaled, cut and mirrored at random with their
masks. Both read the same files, CamVid's by day and at dusk if a data root has them, whatever their size; without, some
streets of the simulator are written as SegNet's tutorial has CamVid, as PNG files of 480x360. What a step includes:

- **ours**: all that a real run does. The files were decoded once, before the first step (how long that takes is told),
  and lie in memory as bytes; the trainer takes both batches, augments, normalises, and does losses, backward, schedule,
  optimiser, its log and its checkpoints.
- **plain loop**: what one writes by hand. A data set that opens each file with PIL, resizes it straight to its random
  scale, pads, cuts, mirrors and normalises it; a DataLoader for each domain; the same network in torch's own memory
  format, source and target forwarded one after the other, `F.cross_entropy`, and the entropy as ADVENT's program
  writes it.
- **plain loop, channels_last**: the same with network and batches in the format that convolutions like.

With the wall clock each loader has two workers. Computing time is that of one process, so that with `--clock cpu` the
loaders have none, and what they compute counts.

Before all that, both compute the losses of the same batch on the same weights, and read the same files without
augmentation: losses and masks must agree, and images up to how the libraries round.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from dann_step import endless, paced
from side_by_side import Comparison, Contestant, Report, command_line, common_options, machine, serve, take_turns

WIDTH, HEIGHT, BATCH = 240, 180, 4
RATE, RATIO, MOMENTUM, STEPS, WEIGHT = 0.01, 0.1, 0.9, 100_000, 0.001
SMALLEST, LARGEST, MIRRORED = 0.75, 2.0, 0.5
BACKBONE, CLASSES, VOID = "light/timm/mobilenetv2_100", 11, 255
NO_CLASS = 11
"""What CamVid's label files say where there is no class."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOAL = 0.769
"""1.3 times the images a second."""

OURS, PLAIN, LAST = "ours", "plain loop", "plain loop, channels_last"


def measure(
    root: Path | None = None, rounds: int = 15, steps: int = 5, threads: int | None = None, clock: str = "wall"
) -> Report:
    """Let all take turns.

    Args:
        root: a data root with CamVid; None writes simulated streets instead.
        rounds: how often each is called.
        steps: steps a call.
        threads: torch's threads, by default as many as it takes by itself.
        clock: `wall`, or `cpu` for computing time.
    """
    with tempfile.TemporaryDirectory() as made:
        if root is None:
            write_streets(Path(made), 4 * steps)
        wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        command = [sys.executable, __file__, "--data-root", str(root or made), "--clock", clock]
        contestants = [Contestant(name, [*command, "--contestant", name], wanted) for name in (OURS, PLAIN, LAST)]
        about = contestants[0].about
        facts: dict[str, Any] = {
            **machine(wanted),
            "threads": f"{about['threads']}; loaders: {'no workers' if clock == 'cpu' else 'two workers each'}",
            "versions": ", ".join(str(contestant.about["version"]) for contestant in contestants[:2]),
            "network": f"{BACKBONE}, {about['parameters']:,} parameters",
            "data": f"{about['files']} of {contestants[1].about['kind']}, {'CamVid' if root else 'simulated'}",
            "decoding them all, once, before the first step of ours; not counted": f"{about['seconds']} s",
            "the same batch": f"the losses differ by {about['losses']:.1e}, images by {about['levels']} of 255 at most "
            f"({about['mean']} in the mean), masks in no pixel",
            "rounds": f"{rounds} of {steps} steps each, {'elapsed' if clock == 'wall' else 'computing'} time",
        }
        times = take_turns(contestants, rounds, steps)
        for contestant in contestants:
            contestant.close()
    title = f"One MinEnt step of a segmenter, {BATCH} + {BATCH} images of {WIDTH}x{HEIGHT}, float32, CPU"
    return Report(title, command_line(), [Comparison("contestant", "step", times, {PLAIN: GOAL})], facts)


def write_streets(root: Path, count: int) -> None:
    """Simulated streets by day and at dusk as CamVid's files: the first eleven classes, no class for the others."""
    from PIL import Image

    from landbridge.data.streets.knobs import Knobs
    from landbridge.data.streets.render import make

    for drive, knobs in (("0006R0", Knobs()), ("0001TP", Knobs(light="dusk"))):
        for number, (part, pictures) in enumerate({"train": count, "val": 1, "test": 1}.items()):
            images, labels, _ = make(pictures, number, "sim", knobs, (2 * HEIGHT, 2 * WIDTH))
            for place, (image, mask) in enumerate(zip(images, labels.clip(max=NO_CLASS))):
                for folder, values in ((part, image.transpose(1, 2, 0)), (f"{part}annot", mask)):
                    (root / "camvid" / folder).mkdir(parents=True, exist_ok=True)
                    Image.fromarray(values).save(root / "camvid" / folder / f"{drive}_{number}{place:03}.png")


class Files(NamedTuple):
    """The images of a domain, and their label files where they are shown."""

    images: list[Path]
    labels: list[Path] | None


def domains(root: Path) -> tuple[Files, Files]:
    """CamVid's files by day with labels, and those at dusk without, as `camvid/day` and `camvid/dusk` have them."""
    images = [path for part in ("train", "val") for path in sorted((root / "camvid" / part).iterdir())]
    day = sorted((path for path in images if not path.name.startswith("0001TP")), key=lambda path: path.name)
    dusk = [path for path in images if path.name.startswith("0001TP") and path.parent.name == "train"]
    labels = [path.parent.with_name(f"{path.parent.name}annot") / f"{path.stem}.png" for path in day]
    return Files(day, labels), Files(dusk, None)


def read(files: Files, position: int, *, augmented: bool) -> tuple[Any, Any]:
    """An image as a normalised float tensor and its mask, scaled, cut and mirrored at random or not; all with PIL."""
    import torch
    from PIL import Image, ImageOps
    from torchvision.transforms import functional as F

    scale = SMALLEST * (LARGEST / SMALLEST) ** random.random() if augmented else 1.0
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    pad = max(0, WIDTH - width), max(0, HEIGHT - height)
    left, top = random.randint(0, pad[0]), random.randint(0, pad[1])
    border = left, top, pad[0] - left, pad[1] - top
    x, y = random.randint(0, max(0, width - WIDTH)), random.randint(0, max(0, height - HEIGHT))
    mirrored = augmented and random.random() < MIRRORED

    def changed(path: Path, mode: str, how: Image.Resampling, fill: int) -> Image.Image:
        with Image.open(path) as opened:
            image = ImageOps.expand(opened.convert(mode).resize((width, height), how), border, fill)
        image = image.crop((x, y, x + WIDTH, y + HEIGHT))
        return ImageOps.mirror(image) if mirrored else image

    image = changed(files.images[position], "RGB", Image.Resampling.BILINEAR, 0)
    ready = F.normalize(F.to_tensor(image), list(MEAN), list(STD))
    if files.labels is None:
        return ready, torch.empty(0)
    mask = F.pil_to_tensor(changed(files.labels[position], "L", Image.Resampling.NEAREST, NO_CLASS))[0].long()
    mask[mask == NO_CLASS] = VOID
    return ready, mask


def make_network() -> Any:
    """The network of all contestants, in the format that ours gives it."""
    import torch

    from landbridge.nn.segmenters import make_segmenter

    torch.manual_seed(0)
    return make_segmenter(f"{BACKBONE}?size={HEIGHT}x{WIDTH}", CLASSES)


def plain_losses(network: Any, x: Any, y: Any, x_target: Any) -> tuple[Any, Any]:
    """Both losses as one writes them by hand."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    classification = F.cross_entropy(network(x), y, ignore_index=VOID)
    p = network(x_target).softmax(1)
    count, classes, height, width = p.shape
    entropy = -(p * torch.log2(p + 1e-30)).sum() / (count * height * width * np.log2(classes))
    return classification, WEIGHT * entropy


def plain(root: Path, clock: str, *, last: bool) -> None:
    """The loop that one writes by hand."""
    import PIL
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    class Scenes(Dataset[Any]):
        def __init__(self, files: Files) -> None:
            self.files = files

        def __len__(self) -> int:
            return len(self.files.images)

        def __getitem__(self, position: int) -> tuple[Any, Any]:
            return read(self.files, position, augmented=True)

    form = torch.channels_last if last else torch.contiguous_format
    network = make_network().to(memory_format=form).train()
    of_backbone = set(network.backbone.parameters())
    rest = [p for p in network.parameters() if p not in of_backbone]
    optimiser = torch.optim.SGD(
        [{"params": list(of_backbone), "ratio": RATIO}, {"params": rest, "ratio": 1.0}], RATE, MOMENTUM
    )
    workers = 2 if clock == "wall" else 0
    source, target = (
        endless(
            DataLoader(
                Scenes(files), BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
            )
        )
        for files in domains(root)
    )
    done = 0

    def step() -> None:
        nonlocal done
        (x, y), (x_target, _) = next(source), next(target)
        for group in optimiser.param_groups:
            group["lr"] = RATE * group["ratio"] * (1 - done / STEPS) ** 0.9
        done += 1
        classification, entropy = plain_losses(
            network, x.contiguous(memory_format=form), y, x_target.contiguous(memory_format=form)
        )
        optimiser.zero_grad()
        (classification + entropy).backward()
        optimiser.step()

    with Image.open(domains(root)[0].images[0]) as image:
        kind = f"{image.width}x{image.height} {image.format}"
    serve(step, clock, version=f"torch {torch.__version__}, Pillow {PIL.__version__}", kind=kind)


def ours(root: Path, clock: str) -> None:
    """Landbridge's method under its trainer, which stops to answer after as many steps as it was asked for."""
    from lightning.fabric import Fabric

    from landbridge.data.registry import load_domain
    from landbridge.runs import Run
    from landbridge.segmentation import METHODS
    from landbridge.segmentation.base import SegmentationSetup
    from landbridge.training.trainer import Trainer

    began = time.perf_counter()
    day, dusk = (load_domain(name, root).prepared((HEIGHT, WIDTH)) for name in ("camvid/day", "camvid/dusk"))
    views = {"source": day.labelled(), "target": dusk.unlabelled()}
    counts = {name: len(view) for name, view in views.items()}
    facts = {
        "seconds": round(time.perf_counter() - began, 1),
        "files": f"{counts['source']} + {counts['target']} images",
    }
    setup = SegmentationSetup(day.classes, counts, RATE, MOMENTUM, network=make_network(), backbone_lr_ratio=RATIO)
    cls = METHODS.resolve("minent")
    facts |= agreement(root, views, cls(setup))
    setup.network = make_network()
    with tempfile.TemporaryDirectory() as folder:
        fabric, run = Fabric(accelerator="cpu", devices=1), Run(Path(folder) / "run", {})
        Trainer(fabric, STEPS, BATCH, run=run, augment="geometric").fit(paced(cls, clock, **facts)(setup), views)


def agreement(root: Path, views: dict[str, Any], method: Any) -> dict[str, Any]:
    """How far ours and the plain loop are apart on the same weights and the first files, without augmentation."""
    import torch

    from landbridge.data.batches import Sample
    from landbridge.training.method import Moment

    positions, network = torch.arange(BATCH), method.network.train()
    mine = {}
    for name, view in views.items():
        labels = view.y[positions].read(positions, (HEIGHT, WIDTH)).long() if view.shown else None
        mine[name] = Sample(network.preprocessing(view.read(positions, (HEIGHT, WIDTH))), positions, labels)
    theirs = [read(files, position, augmented=False) for files in domains(root) for position in range(BATCH)]
    assert torch.equal(mine["source"].y, torch.stack([mask for _, mask in theirs[:BATCH]])), "the masks differ"
    images = torch.cat([mine["source"].x, mine["target"].x])
    off = (images - torch.stack([image for image, _ in theirs])).abs() * 255 * torch.tensor(STD).view(3, 1, 1)
    assert off.mean() < 1, f"the images differ by {off.mean()} of 255 in the mean"
    losses = []
    for look in (
        lambda: next(method.losses(mine, Moment("train", 0, STEPS))).values(),
        lambda: plain_losses(network, mine["source"].x, mine["source"].y, mine["target"].x),
    ):
        torch.manual_seed(0)  # of dropout
        losses.append(torch.stack(list(look())).detach())
    difference = float((losses[0] - losses[1]).abs().max())
    assert difference < 1e-5, f"the losses differ by {difference}"
    return {"losses": difference, "levels": round(float(off.max())), "mean": round(float(off.mean()), 2)}


def main() -> None:
    parser = common_options(__doc__, rounds=15)
    parser.add_argument("--steps", type=int, default=5, help="steps a round")
    parser.add_argument("--data-root", type=Path, help="a data root with CamVid; LANDBRIDGE_DATA by default")
    given = parser.parse_args()
    if given.contestant == OURS:
        ours(given.data_root, given.clock)
    elif given.contestant:
        plain(given.data_root, given.clock, last=given.contestant == LAST)
    else:
        rounds, steps = (2, 1) if given.quick else (given.rounds, given.steps)
        root = None if given.quick else given.data_root or camvid_root()
        measure(root, rounds, steps, given.threads, given.clock).finish(given.json)


def camvid_root() -> Path | None:
    """The data root that the environment names, if CamVid is there."""
    named = os.environ.get("LANDBRIDGE_DATA")
    return Path(named) if named and (Path(named) / "camvid" / "trainannot").is_dir() else None


if __name__ == "__main__":
    main()
