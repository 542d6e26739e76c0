"""Recordings of spoken words: wav files as waveforms of one rate, length and level; the Free Spoken Digit Dataset."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from math import gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.folders import Kind, cut_note, looked_for
from landbridge.data.images import Files, Size, digest_of

RATE, SECONDS = 8000, 1.0
"""Samples a second, and seconds a recording, of what comes out."""

LEVEL, SILENCE = 0.1, 1e-4
"""Root mean square of what comes out; and below which a recording is silent (-80 dB of full scale)."""

LONGEST = 60
"""Seconds of a file that are looked at."""

Signal = NDArray[np.float32]


class Recordings(Files):
    """Files of sound as waveforms float32 [n, samples]: mono, of one rate, length and level.

    Each is mixed to mono, resampled, freed of a constant offset, cut to its loudest stretch if it is longer or padded
    with zeros on both sides if it is shorter, and scaled to a root mean square of `LEVEL` over what is not padding: how
    loud somebody was recorded says nothing about the word.

    Args:
        paths: the files, in the order of the examples.
        rate: samples a second.
        seconds: length of what comes out.
    """

    kind = "recording"

    def __init__(self, paths: Sequence[Path], rate: int = RATE, seconds: float = SECONDS) -> None:
        super().__init__(paths)
        self.rate, self.samples = rate, round(rate * seconds)

    def try_read(self, index: Tensor, size: Size | None = None) -> tuple[Tensor, list[int]]:
        """Waveforms float32 [n, samples]; zeros for those that cannot be read, whose positions are told."""
        _check_package()
        positions = [int(i) for i in index]
        waveforms, bad = torch.zeros(len(positions), self.samples), []
        with ThreadPoolExecutor(max_workers=4) as pool:
            for row, found in enumerate(pool.map(self._try, positions)):
                if isinstance(found, str):
                    bad.append(positions[row])
                else:
                    waveforms[row] = torch.from_numpy(found)
        return waveforms, bad

    def named(self, position: int) -> str:
        """Its path, and what is wrong with it."""
        return self.complaint(position)

    def complaint(self, position: int) -> str:
        """Its path, and why it cannot be read."""
        return f"{self.paths[position]}: {self._try(position)}"

    def of(self, paths: Sequence[Path]) -> "Recordings":
        """Other files, of the same rate and length."""
        return Recordings(paths, self.rate, self.samples / self.rate)

    def nbytes(self, size: Size | None = None) -> int:
        """Bytes of all waveforms."""
        return len(self) * self.samples * 4

    def digest(self) -> str:
        """SHA-256 of the files' bytes in order, and of the rate and length at which they are read."""
        return digest_of(f"recordings {self.rate} {self.samples}", [super().digest()])

    def _try(self, position: int) -> Signal | str:
        """The waveform, or why there is none."""
        return _waveform(self.paths[position], self.rate, self.samples)


RECORDINGS = Kind("recordings", (".wav",), Recordings)


def _waveform(path: Path, rate: int, samples: int) -> Signal | str:
    """One file as float32 [samples], or what is wrong with it."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            own_rate = int(file.samplerate)
            channels = file.read(LONGEST * own_rate, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, ValueError):  # soundfile's own error is a RuntimeError
        return "not a wav file, or damaged"
    if not len(channels):
        return "holds no samples"
    signal = channels.mean(1)
    if not np.isfinite(signal).all():
        return "holds NaN or infinity"
    signal = _loudest(_resampled(signal - signal.mean(), own_rate, rate), samples)
    level = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    if level < SILENCE:
        return "silent"
    before = (samples - len(signal)) // 2
    return np.pad(signal * np.float32(LEVEL / level), (before, samples - len(signal) - before))


def _resampled(signal: Signal, own_rate: int, rate: int) -> Signal:
    if own_rate == rate:
        return signal
    from scipy.signal import resample_poly

    common = gcd(own_rate, rate)
    resampled: Signal = resample_poly(signal, rate // common, own_rate // common).astype(np.float32)
    return resampled


def _loudest(signal: Signal, samples: int) -> Signal:
    """The stretch of at most `samples` that holds the most energy."""
    if len(signal) <= samples:
        return signal
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return signal[start : start + samples]


def _check_package() -> None:
    if find_spec("soundfile") is None:
        raise LandbridgeError('reading recordings needs soundfile: pip install "landbridge[speech]"')


DIGITS = tuple("0123456789")
_NAME = re.compile(r"([0-9])_([^_]+)_([0-9]+)\.wav")


class Take(NamedTuple):
    """One published file, and what its name says."""

    path: Path
    digit: str
    speaker: str
    number: str


def load_fsdd(variant: str | None, root: Path | None) -> Domain:
    """Spoken digits (Jackson et al., the Free Spoken Digit Dataset): 3,000 recordings, 6 speakers, 8 kHz.

    Expects `fsdd/recordings/{digit}_{speaker}_{take}.wav`. Takes 0 to 4 of each digit and speaker are `test`, the rest
    is `train`, as its authors split them. Groups are the speakers.
    """
    folder = looked_for("fsdd", root, ["fsdd/recordings", "free-spoken-digit-dataset/recordings"])
    takes = [
        Take(path, *match.groups()) for path in sorted(folder.glob("*.wav")) if (match := _NAME.fullmatch(path.name))
    ]
    if not takes:
        raise MissingDataError(f"fsdd: no recordings like 0_jackson_0.wav in {folder}")
    speakers = tuple(sorted({take.speaker for take in takes}))

    def part(chosen: Sequence[Take]) -> Examples:
        return Examples(
            Recordings([take.path for take in chosen]),
            torch.tensor([DIGITS.index(take.digit) for take in chosen]),
            torch.tensor([speakers.index(take.speaker) for take in chosen]),
        )

    splits = {
        "train": part([take for take in takes if int(take.number) >= 5]),
        "test": part([take for take in takes if int(take.number) < 5]),
    }
    for split, examples in splits.items():
        if not len(examples):
            raise BadDataError(f"fsdd: {folder} has no recording of '{split}' (takes 0 to 4 are test, others train)")
    note = cut_note(splits, {"train": 2_700, "test": 300}, RECORDINGS.plural)
    return Domain("fsdd", DIGITS, splits, backbone="speech-cnn", note=note, groups=speakers, group_kind="speaker")
