"""Tiny files in the published layouts."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[..., Path]


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(folder))
    return folder / "domains"


@pytest.fixture
def draw() -> Draw:
    """Write an image file of one colour; its folders are made."""

    def one(path: Path, colour: tuple[int, int, int] = (200, 100, 50), size: tuple[int, int] = (8, 6)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return one


@pytest.fixture
def write_idx() -> Draw:
    """Write an idx file of bytes, packed if its name ends in .gz."""

    def one(path: Path, array: np.ndarray) -> Path:
        content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return one


@pytest.fixture
def small_mnist(tmp_path: Path, write_idx: Draw) -> Path:
    """A data root with an MNIST of 12 + 6 images; image i holds the value i everywhere."""
    raw = tmp_path / "root" / "mnist" / "MNIST" / "raw"
    for stem, count in (("train", 12), ("t10k", 6)):
        images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))
        write_idx(raw / f"{stem}-images-idx3-ubyte.gz", np.ascontiguousarray(images))
        write_idx(raw / f"{stem}-labels-idx1-ubyte.gz", (np.arange(count) % 10).astype(np.uint8))
    return tmp_path / "root"
