"""Pictures in the style of another domain, by the low frequencies of their Fourier transform."""

import math
from functools import lru_cache

import torch
from torch import Tensor

Waves = tuple[Tensor, Tensor]
"""The cosines and sines of one direction of an image."""


def fourier_swap(source: Tensor, target: Tensor, beta: float) -> Tensor:
    """Source images with the low-frequency amplitudes of target images: their layout stays, their style changes.

        x = F^-1( M_b A(x_t) + (1 - M_b) A(x_s),  phase(x_s) ),   M_b = 1 where |u| <= b and |v| <= b,

    F the two-dimensional discrete Fourier transform of each channel, A its amplitude, (u, v) the frequency, and
    b = floor(beta min(H, W)) (Yang and Soatto, "FDA", CVPR 2020, section 3; the square band is that of their code,
    where the paper's is beta H by beta W). Only the (2b + 1)^2 frequencies of the band change, so only these are
    computed, by products with slim matrices, and their difference is added to the images. It is exact.

    Args:
        source: x_s, [n, C, H, W] in floating point, in units in which black is 0 (a common factor changes nothing, a
            shift does, so undo a normalisation that takes a mean away).
        target: x_t, of the same shape.
        beta: half the width of the band as a share of the image's shorter side, in [0, 0.5); the paper's are 0.01,
            0.05 and 0.09. At 0, b = 0: only the mean of each channel is taken over.

    Returns:
        x, of the same shape; it may leave the range of the source's values a little, and is not clipped.

    Raises:
        ValueError: the shapes differ, the images are not in floating point, or beta is outside [0, 0.5).

    >>> source, target = torch.tensor([0.0, 2.0]).repeat(4, 2)[None, None], torch.full((1, 1, 4, 4), 5.0)
    >>> fourier_swap(source, target, 0.0)[0, 0, 0]
    tensor([4., 6., 4., 6.])
    """
    if source.shape != target.shape or source.dim() != 4 or not source.is_floating_point():
        raise ValueError(
            f"images [n, C, H, W] in floating point and of one shape, not {list(source.shape)} {source.dtype} and "
            f"{list(target.shape)} {target.dtype}"
        )
    if not 0 <= beta < 0.5:
        raise ValueError(f"beta is in [0, 0.5), not {beta}")
    height, width = source.shape[2:]
    band = math.floor(beta * min(height, width))
    rows, columns = (_waves(side, band, source.dtype, source.device) for side in (height, width))
    ours, theirs = (_low_band(images, rows, columns) for images in (source, target.to(source.dtype)))
    size = ours.abs()
    # A coefficient of 0 has the phase 0.
    phase = torch.where(size > 0, ours / size, torch.ones_like(ours))
    return source + _image_of((theirs.abs() - size) * phase, rows, columns)


def _waves(side: int, band: int, dtype: torch.dtype, device: torch.device) -> Waves:
    """The waves cos and sin of 2 pi k x / side for k = 0, ..., band, each [side, band + 1]."""
    cosines, sines = _made_waves(side, band)
    return cosines.to(device, dtype), sines.to(device, dtype)


@lru_cache(maxsize=16)
def _made_waves(side: int, band: int) -> Waves:
    # Whole turns are taken off as whole numbers, so that the angles are exact.
    turns = torch.outer(torch.arange(side), torch.arange(band + 1)) % side
    angles = turns.double() * (2 * math.pi / side)
    return angles.cos(), angles.sin()


def _low_band(images: Tensor, rows: Waves, columns: Waves) -> Tensor:
    """The coefficients F(u, v) for |u| <= b, 0 <= v <= b, complex [n, C, 2 b + 1, b + 1].

    Those of -v are the conjugates of these, the images being real. The order of u is 0, ..., b, -1, ..., -b.
    """
    across = images @ torch.cat(columns, 1)
    real, imaginary = across.chunk(2, -1)
    # e^(-i v x) = cos - i sin; e^(-i u y) likewise for u >= 0, and cos + i sin for -u.
    partial = torch.complex(real, -imaginary)
    straight, turned = (wave.T.to(partial.dtype) @ partial for wave in rows)
    return torch.cat([straight - 1j * turned, (straight + 1j * turned)[..., 1:, :]], -2)


def _image_of(change: Tensor, rows: Waves, columns: Waves) -> Tensor:
    """The real image whose coefficients are these in the band, and 0 outside it."""
    count = change.shape[-1]
    up, down = change[..., :count, :], change[..., count:, :]
    below = torch.cat([torch.zeros_like(up[..., :1, :]), down], -2)
    # e^(i u y) up + e^(-i u y) below = cos (up + below) + i sin (up - below).
    cosines, sines = (wave.to(change.dtype) for wave in rows)
    lines = cosines @ (up + below) + sines @ (1j * (up - below))
    # The part of v and that of -v are conjugates: twice the real part, but for v = 0.
    lines[..., 1:] *= 2
    lines /= len(rows[0]) * len(columns[0])
    image: Tensor = torch.cat([lines.real, -lines.imag], -1) @ torch.cat(columns, 1).T
    return image
