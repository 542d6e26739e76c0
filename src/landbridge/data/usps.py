"""USPS: digits from envelopes, read from the libsvm files."""

import bz2
from pathlib import Path

import numpy as np
import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import cut_note, looked_for
from landbridge.data.images import Arrays
from landbridge.data.kept import Array, content_key, kept
from landbridge.data.mnist import DIGITS

_FILES = {"train": "usps.bz2", "test": "usps.t.bz2"}
_PIXELS = 16 * 16
_RANDOM_TRAIN, _RANDOM_SEED = 7_438, 0


def load(variant: str | None, root: Path | None) -> Domain:
    """USPS (Hull, 1994): 7,291 + 2,007 handwritten digits from envelopes, 16x16 grey, white on black.

    Expects `usps/usps.bz2` and `usps/usps.t.bz2`, as the libsvm page and torchvision have them. The variant `random`
    puts all 9,298 together and splits them 7,438 / 1,860 by a fixed seed, as most adaptation papers do; it is about
    two points easier, since the official test set was collected apart.
    """
    x, y = {}, {}
    for split, name in _FILES.items():
        path = looked_for("usps", root, [f"usps/{name}", name], "or fetch it with --download")
        # The text is slow to parse, so the parsed bytes are kept: the label first, then the pixels.
        rows = kept("usps", content_key([path], "rows 1"), lambda path=path: _parse(path))  # type: ignore[misc]
        x[split], y[split] = rows[:, 1:].reshape(-1, 1, 16, 16), rows[:, 0].long()
    if variant == "random":
        images, labels = torch.cat(list(x.values())), torch.cat(list(y.values()))
        order = torch.from_numpy(np.random.default_rng(_RANDOM_SEED).permutation(len(labels)))
        train = round(len(labels) * _RANDOM_TRAIN / 9_298)
        parts = {"train": order[:train].sort().values, "test": order[train:].sort().values}
        splits = {name: Examples(Arrays(images[part]), labels[part]) for name, part in parts.items()}
        official = {"train": _RANDOM_TRAIN, "test": 9_298 - _RANDOM_TRAIN}
    else:
        splits = {split: Examples(Arrays(x[split]), y[split]) for split in _FILES}
        official = {"train": 7_291, "test": 2_007}
    return Domain("usps", DIGITS, splits, backbone="ganin-mnist", note=cut_note(splits, official))


def _parse(path: Path) -> Array:
    """Rows of a libsvm file: label - 1, then 256 pixels, [-1, 1] made 0 to 255; what a row leaves out is 0 there."""
    rows = []
    try:
        for line in bz2.decompress(path.read_bytes()).splitlines():
            numbers = np.array(line.replace(b":", b" ").split(), dtype=np.float32)
            if not len(numbers):
                continue
            pixels = np.zeros(_PIXELS, np.float32)
            pixels[numbers[1::2].astype(np.int64) - 1] = numbers[2::2]
            grey = np.rint((pixels.clip(-1, 1) + 1) * 127.5)
            rows.append(np.concatenate([numbers[:1] - 1, grey]).astype(np.uint8))
    except (OSError, ValueError, IndexError, EOFError) as error:
        raise BadDataError(f"{path} is not a libsvm file of 16x16 digits ({error}): fetch it anew") from error
    if not rows or max(row[0] for row in rows) > 9:
        raise BadDataError(f"{path} holds no digits labelled 1 to 10: fetch it anew")
    return np.stack(rows)
