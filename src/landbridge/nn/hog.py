"""Histograms of oriented gradients: the hand-crafted features that deep ones are measured against."""

from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.preprocessing import Preprocessing


def hog(orientations: int = 9, cell: int = 8, block: int = 2) -> Blueprint:
    """Histograms of oriented gradients at 128x128 pixels (Dalal and Triggs, CVPR 2005, section 6): 8,100 features.

    Nothing in it learns, and no gradient passes through it.

    Args:
        orientations: bins over 180 degrees.
        cell: side of a histogram's cell, in pixels.
        block: side of a block of cells that is normalised as one, in cells.

    Raises:
        LandbridgeError: scikit-image is missing, or an argument is no whole number of at least 1.
    """
    if find_spec("skimage") is None:
        raise LandbridgeError("backbone 'hog' needs scikit-image: pip install \"landbridge[handcrafted]\"")
    for name, value in {"orientations": orientations, "cell": cell, "block": block}.items():
        if type(value) is not int or value < 1:
            raise LandbridgeError(f"backbone 'hog': {name} is a whole number of at least 1, not {value}")
    return Blueprint(OrientedGradients(orientations, cell, block), Preprocessing((128, 128), mean=(0.0,), std=(1.0,)))


class OrientedGradients(nn.Module):
    """Images [N, 3, H, W] to their histograms of oriented gradients [N, D], by scikit-image on the CPU.

    At each pixel the colour channel with the strongest gradient counts; blocks overlap, and each is normalised with its
    entries clipped at 0.2 (L2-Hys).

    Args:
        orientations: bins over 180 degrees.
        cell: side of a cell in pixels.
        block: side of a block in cells.
    """

    def __init__(self, orientations: int, cell: int, block: int) -> None:
        super().__init__()
        self.orientations, self.cell, self.block = orientations, cell, block

    def forward(self, x: Tensor) -> Tensor:
        """The histograms, block after block."""
        from skimage.feature import hog as histograms

        found = [
            histograms(
                image,
                orientations=self.orientations,
                pixels_per_cell=(self.cell, self.cell),
                cells_per_block=(self.block, self.block),
                block_norm="L2-Hys",
                channel_axis=-1,
            )
            for image in x.detach().permute(0, 2, 3, 1).double().cpu().numpy()
        ]
        return torch.from_numpy(np.stack(found)).to(x.device, x.dtype)

    def extra_repr(self) -> str:
        """The settings, which tell stored features apart."""
        return f"orientations={self.orientations}, cell={self.cell}, block={self.block}"
