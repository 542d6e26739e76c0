"""MNIST, read from its idx files by ourselves, packed or not."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, looked_for
from landbridge.data.images import Arrays
from landbridge.data.kept import Array

DIGITS = tuple("0123456789")
"""The class names of every set of digits."""

_FOLDERS = ("mnist/MNIST/raw", "MNIST/raw", "mnist/raw", "mnist")
_STEMS = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTES = 0x08


def load(variant: str | None, root: Path | None) -> Domain:
    """MNIST (LeCun et al., 1998): 60,000 + 10,000 handwritten digits, 28x28 grey, white on black.

    Expects the four idx files, packed with gzip or not, in `mnist/MNIST/raw` (torchvision's layout), `MNIST/raw` or
    `mnist`.
    """
    splits = {split: examples(root, split) for split in ("train", "test")}
    note = cut_note(splits, {"train": 60_000, "test": 10_000})
    return Domain("mnist", DIGITS, splits, backbone="ganin-mnist", note=note)


def examples(root: Path | None, split: str) -> Examples:
    """One split of MNIST; the images are unpacked when first needed."""
    images = image_file(root, split)
    labels = read_idx(_file(root, split, "labels-idx1-ubyte"), dimensions=1)
    count = len(labels)
    return Examples(
        Arrays(lambda: torch.from_numpy(read_idx(images, dimensions=3)).unsqueeze(1), count),
        torch.from_numpy(labels).long(),
    )


def image_file(root: Path | None, split: str) -> Path:
    """The file that holds the images of a split."""
    return _file(root, split, "images-idx3-ubyte")


def _file(root: Path | None, split: str, what: str) -> Path:
    name = f"{_STEMS[split]}-{what}"
    places = [f"{folder}/{name}{ending}" for folder in _FOLDERS for ending in ("", ".gz")]
    return looked_for("mnist", root, places, "or fetch it with --download")


def read_idx(path: Path, dimensions: int) -> Array:
    """An idx file of bytes, as LeCun's page describes it; `.gz` is unpacked on the way.

    Args:
        path: the file.
        dimensions: how many it must have.

    Raises:
        BadDataError: it is something else, or cut short.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadDataError(f"{path} is damaged ({error}): fetch it anew") from error
    start = 4 * (1 + dimensions)
    if len(content) < start or content[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
        raise BadDataError(f"{path} is not an idx file of bytes with {dimensions} dimension(s): fetch it anew")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise BadDataError(
            f"{path} is damaged ({len(content) - start} bytes instead of {math.prod(shape)}): fetch it anew"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
