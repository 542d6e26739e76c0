import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.losses import fourier_swap


def naive(source: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """The whole transform, the band in its middle, in double precision."""
    height, width = source.shape[-2:]
    band = int(np.floor(beta * min(height, width)))
    ours, theirs = np.fft.fft2(source), np.fft.fft2(target)
    amplitude, other = np.fft.fftshift(np.abs(ours), (-2, -1)), np.fft.fftshift(np.abs(theirs), (-2, -1))
    rows = slice(height // 2 - band, height // 2 + band + 1)
    columns = slice(width // 2 - band, width // 2 + band + 1)
    amplitude[..., rows, columns] = other[..., rows, columns]
    mixed = np.fft.ifftshift(amplitude, (-2, -1)) * np.exp(1j * np.angle(ours))
    back = np.fft.ifft2(mixed)
    assert np.abs(back.imag).max() < 1e-9 * max(1.0, np.abs(back.real).max())
    return back.real


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 0.49), st.integers(0, 99))
def test_equals_the_whole_transform(height: int, width: int, beta: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    source, target = (255 * torch.rand(2, 3, height, width, dtype=torch.float64, generator=generator) for _ in "ab")
    found = fourier_swap(source, target, beta)
    np.testing.assert_allclose(found.numpy(), naive(source.numpy(), target.numpy(), beta), atol=1e-9)


def test_single_precision_is_enough() -> None:
    source, target = (255 * torch.rand(1, 3, 60, 90, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    expected = naive(source.double().numpy(), target.double().numpy(), 0.09)
    np.testing.assert_allclose(fourier_swap(source, target, 0.09).numpy(), expected, atol=1e-3)


def pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    source, target = torch.rand(2, 1, 3, height, width, dtype=torch.float64, generator=generator)
    return source, target


def test_the_band_is_the_targets_and_all_else_the_sources() -> None:
    source, target = pair(32, 40)
    made, ours, theirs = (torch.fft.fft2(x) for x in (fourier_swap(source, target, 0.1), source, target))
    low = [torch.tensor([min(k, side - k) <= 3 for k in range(side)]) for side in (32, 40)]
    band = low[0][:, None] & low[1]
    torch.testing.assert_close(made.abs(), torch.where(band, theirs.abs(), ours.abs()))
    torch.testing.assert_close(made.angle()[..., band].cos(), ours.angle()[..., band].cos())


def test_the_same_style_changes_nothing_and_a_common_scale_does_not_matter() -> None:
    source, target = pair(16, 20)
    torch.testing.assert_close(fourier_swap(source, source, 0.2), source)
    torch.testing.assert_close(fourier_swap(source / 255, target / 255, 0.2), fourier_swap(source, target, 0.2) / 255)


def test_black_images_are_no_trouble() -> None:
    black, grey = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 7.0)
    torch.testing.assert_close(fourier_swap(black, grey, 0.1), grey)
    assert torch.isfinite(fourier_swap(grey, black, 0.3)).all()


def test_what_does_not_fit_is_refused() -> None:
    image = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="of one shape"):
        fourier_swap(image, torch.zeros(1, 3, 8, 9), 0.1)
    with pytest.raises(ValueError, match="in floating point"):
        fourier_swap(image.to(torch.uint8), image.to(torch.uint8), 0.1)
    with pytest.raises(ValueError, match=r"beta is in \[0, 0.5\)"):
        fourier_swap(image, image, 0.5)
