"""Adapt between two folders of one's own pictures, and predict. No download, under a minute.

    python examples/own_folders.py [FOLDER]

It first draws the folders: `photos/` with one sub-folder a class, which has labels, and `sketches/`, whose sub-folders
nobody reads until the end. With folders of your own, the same from the shell is

    landbridge adapt photos sketches --unlabelled --backbone timm/resnet18 --weights hub --out run
    landbridge predict run sketches --out predictions.csv
    landbridge evaluate run sketches
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from landbridge import adapt, evaluate, predict

EACH = 100
"""Pictures a class in each folder."""


def main(folder: Path) -> None:
    photos, sketches, run_folder = folder / "photos", folder / "sketches", folder / "run"
    draw(photos, sketch=False)
    draw(sketches, sketch=True)

    # A tiny network from scratch serves for drawings of 28 pixels; for photographs name one of timm's with weights.
    run = adapt(
        str(photos),
        str(sketches),
        method="sa",
        unlabelled=True,
        backbone="ganin-mnist",
        steps=300,
        rate=0.05,
        out=str(run_folder),
        quiet=True,
    )
    print("without labels there is no accuracy to tell:", run.result.metrics["target_accuracy"])

    table = predict(str(run.folder), str(sketches), out=str(folder / "predictions.csv"))
    print("\n".join(table.read_text().splitlines()[:4]))

    # The sketches do have sub-folders by class: only now they are read, to see how good it is.
    for name, where in (("source only", run.folder / "baseline"), ("adapted", run.folder)):
        print(f"{name:12} accuracy on sketches {evaluate(str(where), str(sketches))['accuracy']:.3f}")
    print("report:", run.folder / "report.html")


def draw(folder: Path, *, sketch: bool) -> None:
    """Discs, squares and triangles: filled, light on dark or the reverse; or drawn in dark strokes by a shaky hand."""
    rng = np.random.default_rng(int(sketch))
    for shape, corners in {"disc": 40, "square": 4, "triangle": 3}.items():
        (folder / shape).mkdir(parents=True)
        for number in range(EACH):
            ground, colour = (225, 60) if sketch else rng.permutation([rng.integers(0, 110), rng.integers(140, 256)])
            picture = Image.fromarray((ground + rng.normal(0, 10, (32, 32, 3))).clip(0, 255).astype(np.uint8))
            angles = 2 * np.pi * (np.arange(corners) + rng.normal(0.5, 0.08)) / corners
            points = rng.uniform(15, 17, 2) + rng.uniform(9, 13) * np.stack([np.sin(angles), np.cos(angles)], 1)
            outline = [tuple(point) for point in points + rng.normal(0, 0.5 * sketch, points.shape)]
            grey = (int(colour),) * 3
            ImageDraw.Draw(picture).polygon(outline, fill=None if sketch else grey, outline=grey, width=3)
            picture.save(folder / shape / f"{number}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
