"""Small image folders that a person could have."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Maker = Callable[..., Path]


@pytest.fixture
def image_folder(tmp_path: Path) -> Maker:
    """Makes a folder with one sub-folder a class: a bright square at the top or at the bottom."""

    def make(name: str, classes: tuple[str, ...] = ("cat", "dog"), each: int = 40, dark: int = 0) -> Path:
        rng = np.random.default_rng(len(name))
        for number, label in enumerate(classes):
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for i in range(each):
                pixels = rng.integers(dark, dark + 60, (16, 16, 3), dtype=np.uint8)
                pixels[8 * number % 16 : 8 * number % 16 + 8, 4:12] += np.uint8(120)
                Image.fromarray(pixels).save(folder / f"{i}.png")
        return tmp_path / name

    return make
