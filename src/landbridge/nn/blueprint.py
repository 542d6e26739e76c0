"""What is asked for when a backbone is named, and what its makers hand over."""

from ast import literal_eval
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

SOURCES = ("timm", "torchvision", "open_clip")
IMAGENET = Preprocessing((224, 224), IMAGENET_MEAN, IMAGENET_STD)


@dataclass(frozen=True)
class Blueprint:
    """A network without its classifier, and what is usually put around it.

    Attributes:
        network: inputs to features.
        preprocessing: how it wants its inputs.
        head_hidden: widths of the hidden layers of the label head; none means a linear one.
        discriminator_hidden: widths of the hidden layers of the domain discriminator.
        inputs: width of the vectors that it reads, where it reads no images.
        rate: samples a second, where these vectors are waveforms.
        classifier: names of the modules that were cut off, as a state dict of the whole network spells them.
        known_as: the spec that makes this very network without its weights, where that is not the one asked for.
    """

    network: nn.Module
    preprocessing: Preprocessing
    head_hidden: tuple[int, ...] = ()
    discriminator_hidden: tuple[int, ...] = (1024, 1024)
    inputs: int | None = None
    rate: int | None = None
    classifier: tuple[str, ...] = ()
    known_as: str | None = None


@dataclass(frozen=True)
class Spec:
    """A backbone's name, taken apart.

    Attributes:
        text: as it was written.
        source: `timm`, `torchvision`, `open_clip`, `own` for a user's factory, or empty for a bare name.
        name: what remains of it between source and keys.
        keys: keyword arguments of the factory.
        preprocessing_keys: `size`, `mean`, `std` and `instance_norm`, where they were named.
    """

    text: str
    source: str
    name: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    preprocessing_keys: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Take a name apart.

        Args:
            text: `[SOURCE/]NAME[?key=value&...]`, or `package.module:make` or `file.py:make` with keys.

        Raises:
            LandbridgeError: something after the `?` cannot be read.

        >>> spec = Spec.parse("timm/mobilenetv2_100?pad_type=same&mean=0.5&size=192")
        >>> spec.source, spec.name, spec.keys, spec.preprocessing_keys["size"]
        ('timm', 'mobilenetv2_100', {'pad_type': 'same'}, (192, 192))
        """
        path, _, query = text.partition("?")
        prefix, _, rest = path.partition("/")
        if prefix in SOURCES and rest:
            source, name = prefix, rest
        else:
            source, name = ("own" if ":" in path else ""), path
        keys: dict[str, Any] = {}
        for pair in filter(None, query.split("&")):
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise LandbridgeError(f"backbone '{text}': '{pair}' is not key=value")
            keys[key] = value
        readers = {"size": _size, "mean": _channels, "std": _channels, "instance_norm": _flag}
        asked = {key: read(text, key, keys.pop(key)) for key, read in readers.items() if key in keys}
        return cls(text, source, name, {key: _literal(value) for key, value in keys.items()}, asked)

    def preprocessing(self, default: Preprocessing) -> Preprocessing:
        """The default, changed where the name says so."""
        return Preprocessing(**{**default.__dict__, **self.preprocessing_keys})


def _literal(value: str) -> int | float | bool | str | None:
    """The Python number, truth value or None that a word spells; else the word itself."""
    spelled = {"true": "True", "false": "False", "none": "None"}.get(value, value)
    try:
        read = literal_eval(spelled)
    except (ValueError, SyntaxError):
        return value
    return read if read is None or isinstance(read, int | float) else value


def _flag(text: str, key: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise LandbridgeError(f"backbone '{text}': {key} is true or false, not '{value}'")
    return value == "true"


def _size(text: str, key: str, value: str) -> tuple[int, int]:
    sides = value.split("x")
    if not (1 <= len(sides) <= 2 and all(side.isdecimal() and int(side) > 0 for side in sides)):
        raise LandbridgeError(
            f"backbone '{text}': {key} is pixels, as in size=192 or size=192x256 (height x width), not '{value}'"
        )
    return int(sides[0]), int(sides[-1])


def _channels(text: str, key: str, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or (key == "std" and min(numbers) <= 0):
        raise LandbridgeError(
            f"backbone '{text}': {key} is one number or three, of images in [0, 1], as in {key}=0.5 or "
            f"{key}=0.48,0.45,0.40, not '{value}'"
        )
    return numbers * 3 if len(numbers) == 1 else numbers
