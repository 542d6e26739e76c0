"""Three embedded domains of digits, without any download: printed, handwritten, handwritten over photographs."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from landbridge.core.errors import UnknownNameError
from landbridge.data.blending import blend
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.kept import kept
from landbridge.data.mnist import DIGITS
from landbridge.data.rendering import VERSION, Recipe, balanced_labels, render

PRINTED = Recipe(
    size=28, height=(13, 23), rotation=22, shear=0.25, stretch=(0.7, 1.3), shift=3, weight=(-0.25, 0.7),
    outlined=0.25, outline=(0.7, 1.6), blur=(0.9, 2.4), contrast=45, textured=0.5, noise=(0, 8), neighbours=0,
)  # fmt: skip
"""How the digits of `digits/printed` vary."""

_SEED = 1
_PRINTED = {"train": 10_000, "test": 2_000}
_TESTED_A_CLASS = 50
_OVER_PHOTOGRAPHS = 4
"""Over how many crops each handwritten digit is laid."""
_BACKBONE = "ganin-mnist"


def load(variant: str | None, root: Path | None) -> Domain:
    """Digits that are made on the spot, the same everywhere and always; the data root is not needed.

    `printed`: 10,000 + 2,000 digits in Matplotlib's fonts with random pose, stroke, outline, colours, ground and noise,
    28x28 RGB (the recipe of SYN NUMBERS, Ganin and Lempitsky, ICML 2015, with a single digit).
    `handwritten`: scikit-learn's 1,797 UCI digits (Alpaydin and Kaynak, 1998), smoothly enlarged to 28x28 grey, white
    on black; 50 of each class, chosen by a fixed seed, are `test`. The same people wrote both parts.
    `photo`: the handwritten digits over random crops of scikit-learn's two sample photographs, 28x28 RGB (the recipe of
    MNIST-M), in the same split; each digit over four crops (one `group`).
    """
    if variant == "printed":
        splits = {split: _printed(split, number) for number, split in enumerate(_PRINTED)}
    elif variant == "handwritten":
        splits = {split: Examples(Arrays(x), y) for split, (x, y) in _handwritten().items()}
    elif variant == "photo":
        parts = enumerate(_handwritten().items())
        splits = {split: _over_photographs(x, y, number) for number, (split, (x, y)) in parts}
    else:
        raise UnknownNameError(f"unknown domain 'digits/{variant}'; known: printed, handwritten, photo")
    return Domain(f"digits/{variant}", DIGITS, splits, backbone=_BACKBONE)


def _printed(split: str, number: int) -> Examples:
    labels = balanced_labels(_PRINTED[split], [_SEED, number])
    draw = partial(render, labels, PRINTED, [_SEED, number])
    return Examples(Arrays(lambda: kept(f"digits-printed-{split}", f"v{VERSION}", draw), len(labels)), labels)


def _handwritten() -> dict[str, tuple[Tensor, Tensor]]:
    """Images uint8 [N, 1, 28, 28] and labels of both splits."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    small, labels = torch.from_numpy(bunch.images).float(), torch.from_numpy(bunch.target).long()
    # UCI's digits fill their 8x8 frame; one cell of black around them gives the margin that 28x28 digits usually have.
    framed = torch.nn.functional.pad(small, (1, 1, 1, 1)).unsqueeze(1) * (255 / 16)
    large = torch.nn.functional.interpolate(framed, (28, 28), mode="bicubic", align_corners=False)
    images = large.round().clamp(0, 255).to(torch.uint8)
    shuffled = torch.from_numpy(np.random.default_rng(_SEED).permutation(len(labels)))
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        test[shuffled[labels[shuffled] == digit][:_TESTED_A_CLASS]] = True
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _over_photographs(x: Tensor, y: Tensor, number: int) -> Examples:
    digits = x.repeat_interleave(_OVER_PHOTOGRAPHS, dim=0)

    def make() -> Tensor:
        from sklearn.datasets import load_sample_images

        photographs = [np.asarray(image) for image in load_sample_images().images]
        return torch.from_numpy(blend(digits[:, 0].numpy(), photographs, [_SEED, number]))

    which = torch.arange(len(x)).repeat_interleave(_OVER_PHOTOGRAPHS)
    return Examples(Arrays(make, len(digits)), y.repeat_interleave(_OVER_PHOTOGRAPHS), which)
