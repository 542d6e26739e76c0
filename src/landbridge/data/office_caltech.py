"""Office-Caltech-10: features of ten things of an office, in four domains."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import looked_for, split_by_hash
from landbridge.data.images import Arrays

CLASSES = (
    "backpack", "bike", "calculator", "headphones", "keyboard", "laptop", "monitor", "mouse", "mug", "projector",
)  # fmt: skip

KINDS = {"surf": "surf", "googlenet": "GoogleNet1024"}
"""Kind of features -> what the file calls it."""

DOMAINS = {"surf": ("amazon", "caltech10", "dslr", "webcam"), "googlenet": ("amazon", "dslr", "webcam")}


def load(variant: str | None, root: Path | None) -> Domain:
    """Features of pictures of ten classes (Gong et al., CVPR 2012): amazon.com, a webcam, a camera, Caltech-256.

    Expects `office_caltech10/features.npz` with the arrays `<kind>_<domain>_x` [N, D] and `<kind>_<domain>_y` [N], the
    classes numbered from 1. `surf` are histograms of 800 visual words, here divided by their sums, as usual;
    `googlenet` the 1,024 features of a GoogLeNet. The split is 80 / 20 by a hash of the row's number, a class at a
    time; published figures are transductive and take all examples for both.
    """
    kind, _, domain = (variant or "").partition("/")
    if domain not in DOMAINS.get(kind, ()):
        known = [f"{kind}/{domain}" for kind, domains in DOMAINS.items() for domain in domains]
        raise UnknownNameError(f"office-caltech10 has {', '.join(known)}, not '{variant}'")
    name = f"office-caltech10/{variant}"
    path = looked_for(name, root, ["office_caltech10/features.npz"])
    x, y = _read(path, f"{KINDS[kind]}_{domain}")
    if kind == "surf":
        x /= np.maximum(x.sum(1, keepdims=True), 1)
    examples = Examples(Arrays(torch.from_numpy(x)), torch.from_numpy(y))
    splits = split_by_hash(examples, [str(row) for row in range(len(y))])
    return Domain(name, CLASSES, splits, backbone=f"identity?inputs={x.shape[1]}", note=f"{kind} features")


def _read(path: Path, prefix: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features float32 [N, D] and class numbers from 0, int64 [N]."""
    if not zipfile.is_zipfile(path):
        raise BadDataError(f"{path} is not an npz file, or damaged: fetch it anew")
    with np.load(path, allow_pickle=False) as file:
        for name in (f"{prefix}_x", f"{prefix}_y"):
            if name not in file.files:
                raise BadDataError(f"{path} has no array '{name}': fetch it anew")
        x, y = file[f"{prefix}_x"].astype(np.float32), file[f"{prefix}_y"].ravel().astype(np.int64) - 1
    if x.ndim != 2 or len(x) != len(y) or not len(y) or not 0 <= y.min() <= y.max() < len(CLASSES):
        raise BadDataError(
            f"{path}: {prefix} must be features [N, D] and labels [N] from 1 to {len(CLASSES)}, not "
            f"{x.shape} and {y.shape}: fetch it anew"
        )
    return x, y
