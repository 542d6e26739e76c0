"""Tiny scenes in the published layouts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def image() -> Write:
    """Write a picture of 4 x 2 pixels; its folders are made."""

    def one(path: Path, size: tuple[int, int] = (4, 2)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (90, 90, 90)).save(path)
        return path

    return one


@pytest.fixture
def label() -> Write:
    """Write a label of 4 x 2 pixels whose first pixels have these ids or colours, and the others the last of them."""

    def one(path: Path, values: Sequence[int | tuple[int, int, int]] = (0,), size: tuple[int, int] = (4, 2)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        count = size[0] * size[1]
        every = np.array([*values, *[values[-1]] * (count - len(values))], np.uint8)
        Image.fromarray(every.reshape(size[1], size[0], *every.shape[1:])).save(path)
        return path

    return one
