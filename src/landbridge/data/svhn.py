"""SVHN: digits of house numbers, read from Matlab files."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, looked_for
from landbridge.data.images import Arrays
from landbridge.data.matlab import matlab_variable
from landbridge.data.mnist import DIGITS


def load(variant: str | None, root: Path | None) -> Domain:
    """SVHN, cropped digits (Netzer et al., 2011): 73,257 + 26,032 photographs of house numbers, 32x32 RGB.

    Expects `svhn/train_32x32.mat` and `svhn/test_32x32.mat`, as torchvision has them. The digit in the middle counts;
    neighbours are often in sight.
    """
    splits = {split: _examples(root, split) for split in ("train", "test")}
    note = cut_note(splits, {"train": 73_257, "test": 26_032})
    return Domain("svhn", DIGITS, splits, backbone="ganin-svhn", note=note)


def _examples(root: Path | None, split: str) -> Examples:
    name = f"{split}_32x32.mat"
    path = looked_for("svhn", root, [f"svhn/{name}", f"SVHN/{name}", name], "or fetch it with --download")
    # Labels alone cost little: the reader skips the images without unpacking them.
    labels = torch.from_numpy(matlab_variable(path, "y").astype(np.int64).ravel())
    if len(labels) and not 1 <= int(labels.min()) <= int(labels.max()) <= 10:
        raise BadDataError(f"{path}: labels outside 1 to 10; fetch it anew")
    return Examples(Arrays(lambda: _images(path), len(labels)), labels % 10)


def _images(path: Path) -> Tensor:
    """Matlab keeps images in the last dimension; ours come first, then channels."""
    array = matlab_variable(path, "X")
    if array.ndim != 4 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise BadDataError(
            f"{path}: 'X' is {array.dtype} of shape {array.shape}, not uint8 [32, 32, 3, N]; fetch it anew"
        )
    return torch.from_numpy(np.ascontiguousarray(array.transpose(3, 2, 0, 1)))
