"""Features of image files: our feature store against a plain timm + DataLoader loop, taking turns.

    python benchmarks/extraction.py
    python benchmarks/extraction.py --folder PHOTOS --weights mobilenetv2.safetensors --json extraction.json

MobileNetV2 at the size named, over JPEG files (made where no `--folder` with one sub-folder a class is given):

- **one layer**: our store, the network's output, from files that it has never seen; fp32.
- **every layer**: the same with all nineteen layers, pooled, in the one pass.
- **one layer, bf16**: the output again, computed in bfloat16 where the processor can.
- **from the store**: the second time; the files are read once more to know that they are the same.
- **timm loop**: `timm.create_model`, `create_transform`, ImageFolder, and a DataLoader with two workers.

Each extraction is one unit. The files lie in the operating system's cache for all. How far bfloat16's features are from
those in fp32 stands among the facts.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epoch_from_files import make_pictures
from side_by_side import Comparison, Contestant, Report, command_line, machine, serve, take_turns

NETWORK = "mobilenetv2_100"
BATCH = 64
ONE, EVERY, BF16, STORED, LOOP = "one layer", "every layer", "one layer, bf16", "from the store", "timm loop"


def measure(
    folder: Path | None,
    weights: Path | None = None,
    size: int = 128,
    rounds: int = 5,
    threads: int | None = None,
    count: int = 1000,
) -> Report:
    """Let all take turns, extraction by extraction.

    Args:
        folder: pictures, one sub-folder a class; None makes some.
        weights: a file of weights of MobileNetV2; None draws them.
        size: side of the network's inputs, in pixels.
        rounds: how often each is called.
        threads: torch's threads, by default as many as it takes by itself.
        count: pictures to make.
    """
    wanted = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with tempfile.TemporaryDirectory() as made:
        if folder is None:
            make_pictures(Path(made), count, "jpg")
        command = [sys.executable, __file__, "--folder", str(folder or made), "--size", str(size)]
        command += ["--weights", str(weights)] if weights else []
        names = (ONE, EVERY, BF16, STORED, LOOP)
        contestants = [Contestant(name, [*command, "--contestant", name], wanted) for name in names]
        times = take_turns(contestants, rounds, 1)
        about = [contestant.about for contestant in contestants]
        for contestant in contestants:
            contestant.close()
    facts: dict[str, Any] = {
        **machine(wanted),
        "threads": f"{about[0]['threads']}; timm loop: 2 workers",
        "versions": f"{about[0]['version']}, {about[-1]['version']}",
        "pictures": f"{about[0]['pictures']} JPEG files at {size}x{size}, batches of {BATCH}",
        "bf16": f"features differ from fp32 by {about[2]['difference']:.2%} of their norm, in the mean",
    }

    def compared(title: str, ours: str, theirs: str, goal: float) -> Comparison:
        return Comparison(title, "extraction", {name: times[name] for name in (ours, theirs)}, {theirs: goal})

    comparisons = [
        compared("against a plain loop", ONE, LOOP, 1 / 1.5),
        compared("against a plain loop, bf16", BF16, LOOP, 1 / 1.5),
        compared("every layer in one pass", EVERY, ONE, 1.15),
        compared("the second time", STORED, ONE, 0.02),
    ]
    return Report(f"Features of {about[0]['pictures']} files", command_line(), comparisons, facts)


def ours(folder: Path, weights: Path | None, size: int, name: str) -> None:
    """Our store; all but `from the store` begin with an empty one each time."""
    import numpy as np
    import torch

    import landbridge
    from landbridge.data.registry import load_domain
    from landbridge.nn.backbones import make_backbone
    from landbridge.nn.taps import OUTPUT, tap_points
    from landbridge.training.features import FeatureStore

    torch.manual_seed(0)
    backbone = make_backbone(f"timm/{NETWORK}?pad_type=same&mean=0.5&std=0.5&size={size}", weights)
    view = load_domain(folder, unlabelled=True).unlabelled("all")
    layers = list(tap_points(backbone).values()) if name == EVERY else [OUTPUT]
    precision = "bf16-mixed" if name == BF16 else "32-true"
    kept = tempfile.TemporaryDirectory()

    def extraction(precision: str = precision) -> Any:
        with tempfile.TemporaryDirectory() as fresh:
            place = Path(kept.name if name == STORED else fresh)
            store = FeatureStore(place, precision=precision, quiet=True)
            found = store.features(backbone, view, layers, batch_size=BATCH)
            return {layer: values.sum() if name != BF16 else np.array(values) for layer, values in found.items()}

    difference = 0.0
    if name == BF16:
        here, there = (extraction(precision)[OUTPUT] for precision in ("bf16-mixed", "32-true"))
        difference = float((np.linalg.norm(here - there, axis=1) / np.linalg.norm(there, axis=1)).mean())
    version = f"landbridge {landbridge.__version__}"
    serve(extraction, pictures=len(view), threads=torch.get_num_threads(), version=version, difference=difference)
    kept.cleanup()


def timm_loop(folder: Path, weights: Path | None, size: int, name: str) -> None:
    """The loop of timm's own documentation."""
    import timm
    import torch
    from safetensors.torch import load_file
    from timm.data import create_transform
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder

    model = timm.create_model(NETWORK, pad_type="same", num_classes=1001 if weights else 0)
    if weights:
        model.load_state_dict(load_file(weights))
        model.reset_classifier(0)
    model.eval()
    change = create_transform((3, size, size), mean=(0.5,) * 3, std=(0.5,) * 3, crop_pct=1.0)
    pictures = ImageFolder(str(folder), change)

    def extraction() -> None:
        with torch.inference_mode():
            torch.cat([model(x) for x, _ in DataLoader(pictures, BATCH, num_workers=2)])

    serve(extraction, version=f"timm {timm.__version__}, torch {torch.__version__}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="pictures of your own, one sub-folder a class")
    parser.add_argument("--weights", type=Path, help="weights of MobileNetV2 with its head of 1,001 classes")
    parser.add_argument("--count", type=int, default=1000, help="pictures to make")
    parser.add_argument("--size", type=int, default=128, help="side of the network's inputs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="torch's threads")
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        work: Callable[..., None] = timm_loop if given.contestant == LOOP else ours
        work(given.folder, given.weights, given.size, given.contestant)
        return
    if given.quick:
        given.count, given.rounds, given.size = 2 * BATCH, 2, 64
    measure(given.folder, given.weights, given.size, given.rounds, given.threads, given.count).finish(given.json)


if __name__ == "__main__":
    main()
