import math

import numpy as np
import torch

from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation.base import SegmentationSetup
from landbridge.segmentation.fda import FDA
from toy_scenes import CLASSES


def fda(beta: float) -> FDA:
    return FDA(SegmentationSetup(CLASSES, network=make_segmenter("small-cnn?mean=0.5,0.4,0.3&std=0.2", 3)), beta=beta)


def test_the_style_is_that_of_the_raw_images() -> None:
    """By a full transform of raw images, so that what normalisation takes away makes no difference."""
    generator = torch.Generator().manual_seed(0)
    raw = torch.randint(0, 256, (2, 2, 3, 40, 32), dtype=torch.uint8, generator=generator)
    raw[1] = raw[1] // 3 + 20
    method = fda(0.1)
    ready = method.network.preprocessing
    source, target = (np.fft.fft2(side.numpy().astype(np.float64)) for side in raw)
    amplitude, band = np.abs(source), math.floor(0.1 * 32)
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) <= band for n in (40, 32))
    low = rows[:, None] & columns[None]
    amplitude[..., low] = np.abs(target)[..., low]
    expected = torch.from_numpy(np.fft.ifft2(amplitude * np.exp(1j * np.angle(source))).real)
    found = method.restyled(ready(raw[0]), ready(raw[1]))
    mean = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)
    torch.testing.assert_close(255 * (0.2 * found + mean), expected.float(), rtol=0, atol=0.01)


def test_a_target_of_another_size_lends_its_style_too() -> None:
    grey, bright = (
        torch.full((1, 3, *size), value, dtype=torch.uint8) for size, value in (((32, 40), 60), ((48, 64), 200))
    )
    method = fda(0.05)
    ready = method.network.preprocessing
    torch.testing.assert_close(method.restyled(ready(grey), ready(bright)), ready(bright[:, :, :32, :40]))
