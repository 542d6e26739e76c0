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

EACH = 60
"""Pictures a class in each folder."""


def main(folder: Path) -> None:
    photos, sketches, run_folder = folder / "photos", folder / "sketches", folder / "run"
    draw(photos, sketch=False)
    draw(sketches, sketch=True)

    # A tiny network from scratch serves for drawings of 28 pixels; for photographs name one of timm's with weights.
    run = adapt(
        str(photos), str(sketches), unlabelled=True, backbone="ganin-mnist", steps=300, out=str(run_folder), quiet=True
    )
    print("without labels there is no accuracy to tell:", run.result.metrics["target_accuracy"])

    table = predict(str(run.folder), str(sketches), out=str(folder / "predictions.csv"))
    print("\n".join(table.read_text().splitlines()[:4]))

    # The sketches do have sub-folders by class: only now they are read, to see how good it is.
    for name, where in (("source only", run.folder / "baseline"), ("adapted", run.folder)):
        print(f"{name:12} accuracy on sketches {evaluate(str(where), str(sketches))['accuracy']:.3f}")
    print("report:", run.folder / "report.html")


def draw(folder: Path, *, sketch: bool) -> None:
    """Discs, squares and triangles: filled and coloured, or outlined with a shaky dark line on paper."""
    rng = np.random.default_rng(int(sketch))
    for shape in ("disc", "square", "triangle"):
        (folder / shape).mkdir(parents=True)
        for number in range(EACH):
            ground = np.full(3, 235) if sketch else rng.integers(0, 90, 3)
            picture = Image.fromarray((ground + rng.normal(0, 6, (32, 32, 3))).clip(0, 255).astype(np.uint8))
            colour = tuple(map(int, np.full(3, 40) if sketch else rng.integers(120, 256, 3)))
            outline(ImageDraw.Draw(picture), shape, rng, colour, sketch=sketch)
            picture.save(folder / shape / f"{number}.png")


def outline(pen: ImageDraw.ImageDraw, shape: str, rng: np.random.Generator, colour: tuple, *, sketch: bool) -> None:
    corners = {"disc": 40, "square": 4, "triangle": 3}[shape]
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform()) / corners
    size, middle = rng.uniform(8, 12), rng.uniform(14, 18, 2)
    wobble = rng.normal(0, 0.5 if sketch else 0, (corners, 2))
    points = middle + size * np.stack([np.cos(angles), np.sin(angles)], 1) + wobble
    pen.polygon([tuple(point) for point in points], fill=None if sketch else colour, outline=colour, width=2)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
