"""MNIST-M: blended from MNIST and photographs, or as published."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import mnist
from landbridge.data.blending import blend
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import images_below, listed_images, looked_for
from landbridge.data.images import Arrays, ImageFiles, decode
from landbridge.data.kept import content_key, kept

_PHOTOGRAPHS = ("bsds500/BSR/BSDS500/data/images/train", "BSR/BSDS500/data/images/train", "bsds500/images/train",
                "BSDS500/data/images/train", "BSDS500/images/train")  # fmt: skip
_OFFICIAL_PHOTOGRAPHS = 200
_RECIPE = 1


def load(variant: str | None, root: Path | None) -> Domain:
    """MNIST-M (Ganin and Lempitsky, ICML 2015): MNIST over random crops of photographs, 28x28 RGB.

    The published images are used where `mnist_m/mnist_m_train` and `mnist_m/mnist_m_test` are there, with
    `mnist_m_train_labels.txt` and `mnist_m_test_labels.txt` beside them. Otherwise the set is blended by the same
    recipe from MNIST and the training photographs of BSDS500 (`bsds500/BSR/BSDS500/data/images/train`): MNIST's train
    and test over crops of the same photographs, as published, with a fixed seed, and kept in the cache.
    """
    if root is not None and (root / "mnist_m" / "mnist_m_train_labels.txt").exists():
        splits = {split: _published(root / "mnist_m", split) for split in ("train", "test")}
        return Domain("mnist-m", mnist.DIGITS, splits, backbone="ganin-mnist", note="as published")
    folder = looked_for("mnist-m", root, _PHOTOGRAPHS, "or unpack the published images to DATA_ROOT/mnist_m")
    photographs = images_below(folder)
    if not photographs:
        raise MissingDataError(f"mnist-m: no photographs in {folder}; unpack the training images of BSDS500 there")
    splits = {split: _blended(root, split, photographs, number) for number, split in enumerate(("train", "test"))}
    note = "blended with our seed"
    if len(photographs) != _OFFICIAL_PHOTOGRAPHS:
        note += f" over {len(photographs)} of the {_OFFICIAL_PHOTOGRAPHS} photographs"
    return Domain("mnist-m", mnist.DIGITS, splits, backbone="ganin-mnist", note=note)


def _blended(root: Path | None, split: str, photographs: list[Path], number: int) -> Examples:
    plain = mnist.examples(root, split)
    assert isinstance(plain.x, Arrays)
    digits = plain.x

    def make() -> torch.Tensor:
        key = content_key([mnist.image_file(root, split), *photographs], _RECIPE, split)
        return kept(f"mnist-m-{split}", key, partial(_blend, digits, photographs, number))

    return Examples(Arrays(make, len(plain)), plain.y)


def _blend(digits: Arrays, photographs: list[Path], number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        below = [decode(path, None).permute(1, 2, 0).numpy() for path in photographs]
    except OSError as error:
        raise BadDataError(f"mnist-m: a photograph cannot be read ({error}): fetch BSDS500 anew") from error
    return blend(digits.values[:, 0].numpy(), below, [_RECIPE, number])


def _published(folder: Path, split: str) -> Examples:
    list_file = folder / f"mnist_m_{split}_labels.txt"
    if not list_file.exists():
        raise MissingDataError(f"mnist-m: no {list_file.name} in {folder}; unpack the whole published archive there")
    paths, labels = listed_images(list_file, folder / f"mnist_m_{split}")
    known = [label for label in labels if label is not None and label < len(mnist.DIGITS)]
    if len(known) != len(paths):
        raise BadDataError(f"{list_file}: {len(paths) - len(known)} lines without a digit; fetch it anew")
    return Examples(ImageFiles(paths), torch.tensor(known, dtype=torch.int64))
