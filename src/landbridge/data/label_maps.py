"""What the ids or colours in a label file mean, and reading one file: palettes, RGB and ids are told apart."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.core.errors import BadDataError
from landbridge.core.void import VOID as VOID

Colour = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""

NAMED = 5
"""How many bad labels a message names."""


@dataclass(frozen=True)
class LabelMap:
    """What stands in a label file, and which class it means.

    Attributes:
        name: where the meaning comes from, for messages ("Cityscapes' label ids", "classes.csv").
        ids: id in the file -> class number or `VOID`, where it holds ids (greyscale, or the numbers of a palette).
        colours: colour -> class number or `VOID`, where it holds colours (RGB, or the colours of a palette); one of
            the two.
        channel: of a file with several channels, the one that holds the ids; None where none does.

    >>> LabelMap("mine", ids={0: 0, 7: 1, 255: VOID}).classes_of(np.array([[0, 7], [7, 255]], np.uint8)).tolist()
    [[0, 1], [1, 255]]
    >>> LabelMap("mine", ids={0: 0}).classes_of(np.array([[0, 7], [7, 9]], np.uint8))
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: 3 of 4 pixels have label ids that mine lacks: 7 (2 pixels), 9 (1 pixel)
    """

    name: str
    ids: Mapping[int, int] = field(default_factory=dict)
    colours: Mapping[Colour, int] = field(default_factory=dict)
    channel: int | None = None

    @cached_property
    def _lookup(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Ids, or colours as one number each, in rising order, and their class numbers."""
        keys = dict(self.ids) or {_packed(colour): number for colour, number in self.colours.items()}
        order = sorted(keys)
        return np.array(order, np.int64), np.array([keys[key] for key in order], np.uint8)

    @cached_property
    def _bytes(self) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
        """For each byte, whether it is a known id, and its class number."""
        known, classes = np.zeros(256, np.bool_), np.full(256, VOID, np.uint8)
        keys, numbers = self._lookup
        known[keys[keys < 256]], classes[keys[keys < 256]] = True, numbers[keys < 256]
        return known, classes

    def classes_of(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Class numbers of pixels.

        Args:
            values: ids [H, W], or colours uint8 [H, W, 3].

        Raises:
            BadDataError: some have no meaning; the message counts and names them.
        """
        if values.ndim == 2 and values.dtype == np.uint8:
            known, classes = (table[values] for table in self._bytes)
        else:
            values = values.astype(np.int64)
            values = values if values.ndim == 2 else values[..., 0] << 16 | values[..., 1] << 8 | values[..., 2]
            keys, numbers = self._lookup
            place = np.searchsorted(keys, values).clip(max=len(keys) - 1)
            known, classes = keys[place] == values, numbers[place]
        if not known.all():
            raise BadDataError(self._complaint(values[~known], values.size))
        found: NDArray[np.uint8] = classes
        return found

    def meaning(self) -> str:
        """All of the map in one line, equal for equal maps."""
        return repr((sorted(self.ids.items()), sorted(self.colours.items()), self.channel))

    def _complaint(self, bad: NDArray[Any], total: int) -> str:
        keys, counts = np.unique(bad, return_counts=True)
        order = (-counts).argsort(kind="stable")
        named = [
            f"{key if self.ids else _unpacked(key)} ({count:,} pixel{'s' * (count > 1)})"
            for key, count in zip(keys[order[:NAMED]].tolist(), counts[order[:NAMED]].tolist())
        ]
        more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
        what = "label ids" if self.ids else "colours"
        return f"{bad.size:,} of {total:,} pixels have {what} that {self.name} lacks: {', '.join(named)}{more}"


def decode_mask(path: Path, labels: LabelMap) -> NDArray[np.uint8]:
    """One label file as class numbers, uint8 [H, W].

    Raises:
        BadDataError: it is damaged, holds ids where colours are expected or the reverse, or labels without a meaning.
    """
    values = raw_labels(path, colours=bool(labels.colours), channel=labels.channel)
    if values.ndim == 2 and labels.colours:
        raise BadDataError(f"the label {path} is greyscale (ids), but {labels.name} goes by colours: save it as RGB")
    if values.ndim == 3 and labels.ids:
        raise BadDataError(
            f"the label {path} is an RGB mask (colours), but {labels.name} goes by ids: save one id a pixel"
        )
    try:
        return labels.classes_of(values)
    except BadDataError as error:
        raise BadDataError(f"the label {path}: {error}: mend the label, or the list") from error


def raw_labels(path: Path, *, colours: bool, channel: int | None = None) -> NDArray[Any]:
    """What stands in one label file: ids [H, W], or colours uint8 [H, W, 3].

    Args:
        path: the file.
        colours: whether the colours of a palette are meant, rather than its numbers.
        channel: take this channel of a file with several as ids.

    Raises:
        BadDataError: it cannot be read, or is neither.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                if image.mode == "P" and colours:
                    return np.asarray(image.convert("RGB"))
                if image.mode in ("RGB", "RGBA"):
                    if channel is not None:
                        return _channel(path, channel)
                    return np.asarray(image.convert("RGB"))
                if image.mode == "1":
                    return np.asarray(image).astype(np.uint8)
                if image.mode in ("L", "P", "I", "I;16", "I;16B"):
                    return np.asarray(image)
                mode = image.mode
    except (OSError, ValueError, SyntaxError, RuntimeError) as error:
        raise BadDataError(f"cannot read the label {path}: not an image, or damaged") from error
    raise BadDataError(
        f"the label {path} is neither greyscale nor a palette nor RGB (its mode is {mode}): save it anew"
    )


def kind_of(path: Path) -> str:
    """What a label file is: `palette`, `colours` or `ids`; see `raw_labels` for what is raised."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode = image.mode
    except (OSError, ValueError, SyntaxError) as error:
        raise BadDataError(f"cannot read the label {path}: not an image, or damaged") from error
    return {"P": "palette", "RGB": "colours", "RGBA": "colours"}.get(mode, "ids")


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of an image file; only its head is read.

    Raises:
        BadDataError: it is no image.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, SyntaxError) as error:
        raise BadDataError(f"cannot read {path}: not an image, or damaged") from error


def _channel(path: Path, channel: int) -> NDArray[Any]:
    """One channel of a file with several: Pillow would cut channels of 16 bits down to their upper 8."""
    from torchvision.io import ImageReadMode, decode_image, read_file

    values: NDArray[Any] = decode_image(read_file(str(path)), ImageReadMode.UNCHANGED)[channel].numpy()
    return values


def _packed(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _unpacked(key: int) -> Colour:
    return key >> 16, key >> 8 & 255, key & 255
