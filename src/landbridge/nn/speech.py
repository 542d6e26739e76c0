"""A small network for spoken words: log-mels of the waveform, then convolutions over frequency and time."""

from collections import OrderedDict
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.blueprint import Blueprint
from landbridge.nn.preprocessing import Preprocessing

WINDOW = 0.032
"""Seconds of a frame; the next one starts half a window later."""

SPEED = 0.15
"""Largest change of speed while training."""


def speech_cnn(
    rate: int = 8000, seconds: float = 1.0, mels: int = 40, width: int = 32, augment: bool = True
) -> Blueprint:
    """Four convolutions over the log-mels of a waveform [N, rate * seconds]: 2 width features.

    Each is 3x3, with BatchNorm and ReLU; 2x2 maxima are taken between them. It reads the recordings of
    `landbridge.data.speech` at their rate and length.

    Args:
        rate: samples a second.
        seconds: length of a recording.
        mels: bands of frequency.
        width: channels of the second convolution; the first has half of them, the last two twice as many.
        augment: move recordings in time and change their speed at random while training.

    Raises:
        LandbridgeError: a key is out of range, or there are more bands than a window can tell apart.

    >>> network = speech_cnn().network.eval()
    >>> network(torch.zeros(2, 8000)).shape
    torch.Size([2, 64, 5, 7])
    """
    for key, value, least in (("rate", rate, 1000), ("mels", mels, 8), ("width", width, 2)):
        if type(value) is not int or value < least:
            raise LandbridgeError(f"backbone 'speech-cnn': {key} is a whole number of at least {least}, not {value}")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0.2 <= seconds <= 60:
        raise LandbridgeError(f"backbone 'speech-cnn': seconds are 0.2 to 60, not {seconds}")
    widths = (1, width // 2, width, 2 * width, 2 * width)
    samples = round(rate * seconds)
    parts: dict[str, nn.Module] = {"front": Front(rate, samples, mels, augment)}
    for number, (before, after) in enumerate(pairwise(widths), 1):
        parts[f"conv{number}"] = nn.Conv2d(before, after, 3, padding=1, bias=False)
        parts[f"norm{number}"] = nn.BatchNorm2d(after)
        parts[f"relu{number}"] = nn.ReLU(inplace=True)
        if number < len(widths) - 1:
            parts[f"pool{number}"] = nn.MaxPool2d(2)
    return Blueprint(nn.Sequential(OrderedDict(parts)), Preprocessing(), inputs=samples, rate=rate)


class LogMel(nn.Module):
    """The logarithm of a waveform's energy by time and band of frequency (Davis and Mermelstein, IEEE ASSP 1980).

        P[k, t] = |sum_n w[n] x[n + t H - N/2] exp(-2 pi i k n / N)|^2 / sum_n w[n]^2
        L[b, t] = log(floor + sum_k B[b, k] P[k, t]),    out[b, t] = L[b, t] - mean_t L[b, t]

    with a Hann window w of N samples, H = N / 2, zeros outside the recording, and triangles B of `filterbank`. A
    microphone and a room multiply P by a factor a band: subtracting the mean over time takes it away, as far as the
    floor lets it. Computed in float32 whatever the precision around it.

    Args:
        rate: samples a second.
        mels: number of bands.
        floor: least energy; a recording at a root mean square of 0.1 has 0.01 a bin if all are equal.

    >>> LogMel(8000, 40)(torch.zeros(2, 8000)).shape
    torch.Size([2, 40, 63])
    """

    window: Tensor
    bands: Tensor

    def __init__(self, rate: int, mels: int, floor: float = 1e-3) -> None:
        super().__init__()
        self.rate, self.floor, length = rate, floor, 2 * round(WINDOW * rate / 2)
        self.register_buffer("window", torch.hann_window(length), persistent=False)
        self.register_buffer("bands", filterbank(rate, length, mels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Waveforms [N, samples] to log-mels [N, mels, frames], the mean of each band subtracted."""
        energy = self.energies(x)
        return energy - energy.mean(2, keepdim=True)

    def energies(self, x: Tensor) -> Tensor:
        """The L of above, [N, mels, frames]."""
        with torch.autocast(x.device.type, enabled=False):
            length = len(self.window)
            spectra = torch.stft(
                x.float(), length, length // 2, window=self.window, pad_mode="constant", return_complex=True
            )
            power = spectra.abs().square() / self.window.square().sum()
            return torch.log(self.bands @ power + self.floor)

    def extra_repr(self) -> str:
        """The settings, which tell stored features apart."""
        return f"rate={self.rate}, window={len(self.window)}, mels={len(self.bands)}, floor={self.floor}"


def filterbank(rate: int, length: int, mels: int) -> Tensor:
    """Triangles that are equally wide on the mel scale and overlap by half, float32 [mels, length / 2 + 1].

    mel(f) = 2595 log10(1 + f / 700). Their corners divide 0 Hz to half the rate into mels + 1 equal parts; each rises
    from one corner to 1 at the next and falls to 0 at the one after it (Young et al., The HTK Book, section 5.4).

    Args:
        rate: samples a second.
        length: samples a window.
        mels: number of triangles.

    Raises:
        LandbridgeError: a triangle lies between two frequencies of the window, so that nothing would reach it.

    >>> filterbank(8000, 256, 40).shape
    torch.Size([40, 129])
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    frequency = np.linspace(0, rate / 2, length // 2 + 1)
    triangles = np.minimum((frequency - left) / (middle - left), (right - frequency) / (right - middle)).clip(0)
    if not triangles.sum(1).all():
        raise LandbridgeError(
            f"backbone 'speech-cnn': a window of {length} samples cannot tell {mels} mels apart: ask for fewer"
        )
    return torch.from_numpy(triangles.astype(np.float32))


class Front(nn.Module):
    """What comes before the first convolution: log-mels as images of one channel, changed at random while training.

    A recording is moved by up to 0.1 s and played up to 15 % faster or slower, as if somebody else had said it: see
    `played`. All is drawn from torch's own generator.

    Args:
        rate: samples a second.
        samples: length of a recording.
        mels: number of bands.
        augment: whether anything is changed while training.
    """

    def __init__(self, rate: int, samples: int, mels: int, augment: bool) -> None:
        super().__init__()
        self.logmel = LogMel(rate, mels)
        self.rate, self.samples, self.augment = rate, samples, augment

    def forward(self, x: Tensor) -> Tensor:
        """Waveforms [N, samples] to log-mels [N, 1, mels, frames].

        Raises:
            BadDataError: these are no waveforms of that length.
        """
        if x.dim() != 2 or x.shape[1] != self.samples:
            raise BadDataError(
                f"backbone 'speech-cnn' reads waveforms of {self.samples} samples ({self.rate} a second), "
                f"not inputs of shape {tuple(x.shape[1:])}: its keys rate and seconds must fit the recordings"
            )
        changed = self.training and self.augment
        energy: Tensor = self.logmel(played(x, self.rate // 10, SPEED) if changed else x)
        return energy.unsqueeze(1)

    def extra_repr(self) -> str:
        """What it reads, and whether it changes that while training."""
        return f"samples={self.samples}, augment={self.augment}"


def played(x: Tensor, most: int, share: float) -> Tensor:
    """Waveforms [N, samples], each a little faster or slower, which changes its pitch and formants too, and moved.

        out[t] = x[m + s (t - m) + d],    log s ~ U(-log(1 + share), log(1 + share)),    d ~ U(-most, most)

    with m the middle, x interpolated linearly, and zeros outside (speed perturbation: Ko et al., Interspeech 2015).

    Args:
        x: the waveforms.
        most: farthest move to either side, in samples.
        share: largest change of speed, as a share of it.
    """
    count, samples = x.shape
    speed = (1 + share) ** torch.empty(count, 1, device=x.device).uniform_(-1, 1)
    start = torch.empty(count, 1, device=x.device).uniform_(-most, most)
    middle = (samples - 1) / 2
    place = middle + speed * (torch.arange(samples, device=x.device) - middle) + start
    inside = (place >= 0) & (place <= samples - 1)
    before = place.long().clamp(0, samples - 2)
    part = place - before
    return torch.where(inside, x.gather(1, before) * (1 - part) + x.gather(1, before + 1) * part, 0.0)
