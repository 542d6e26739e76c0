"""Folders of scenes that a person could have: images, label files, and a list of classes."""

from pathlib import Path

import torch
from PIL import Image

from toy_scenes import CLASSES, scenes

LINES = {"road": "128,64,128", "car": "0,0,142", "tree": "107,142,35", "cow": "9,9,9"}


def scene_folder(
    folder: Path, *, dusk: float = 0.0, seed: int = 0, classes: tuple[str, ...] = CLASSES, labels: bool = True
) -> str:
    """Write twelve toy scenes to train on and six to test on; returns the path as one would write it."""
    domain = scenes("toy", 12, seed, dusk=dusk)
    for split, count in (("train", 12), ("test", 6)):
        examples = domain.splits[split]
        images, masks = examples.x.read(torch.arange(count)), examples.y.read(torch.arange(count))
        for kind in ("images", "labels") if labels else ("images",):
            (folder / split / kind).mkdir(parents=True)
        for number, (image, mask) in enumerate(zip(images, masks)):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / split / "images" / f"{number:02}.png")
            if labels:
                Image.fromarray(mask.numpy()).save(folder / split / "labels" / f"{number:02}.png")
    listed = "".join(f"{name},{LINES[name]}\n" for name in classes)
    (folder / "classes.csv").write_text(f"name,red,green,blue\n{listed}")
    return str(folder)
