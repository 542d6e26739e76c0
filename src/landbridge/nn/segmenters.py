"""Segmentation networks by name: a head, and the backbone that it stands on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.blueprint import IMAGENET, Spec
from landbridge.nn.deeplab import DeepLabV2
from landbridge.nn.layers import evaluating
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.pyramid import pyramid
from landbridge.nn.segmentation_networks import Light, SegmentationNetwork
from landbridge.nn.sources import own_network
from landbridge.nn.weights import load_weights
from landbridge.nn.whole_networks import Whole, smp_network

FINEST = 4
"""Stride of the finest maps that the light head reads by default: finer ones cost more than they tell."""
HEAD_KEYS = "head."
MOST_CLASSES = 255
"""Class numbers are bytes, and 255 stands for void."""


def make_segmenter(
    spec: str | Backbone | nn.Module, classes: int | Sequence[str], weights: str | Path | None = None
) -> SegmentationNetwork:
    """Make a segmentation network by name.

    Args:
        spec: `HEAD/BACKBONE[?key=value&...]`, a backbone being named as for `make_backbone`. Keys that begin with
            `head.` go to the head, all others where the backbone's go: `light/timm/mobilenetv2_100?head.width=128`.

            - `light/BACKBONE`, or a bare `BACKBONE`: a light decoder on maps of several sizes. Keys: `head.width` (of
              the decoder, 64), `head.strides` (of the maps it reads, such as `4,32`; all of 4 and more by default),
              `head.dropout` (0.1), `head.auxiliary` (`true` for a second classifier).
            - `deeplabv2/BACKBONE`: DeepLabV2. Keys: `head.rates` (`6,12,18,24`), `head.stride` (8), `head.auxiliary`
              (`true`).
            - `smp/CLASS?encoder_name=...`: a network of segmentation-models-pytorch.
            - `whole/file.py:make?key=value`: a user's own factory of a network that returns logits by itself.

            A `Backbone` is given the light head; any other module shall return logits.
        classes: how many to tell apart, or their names.
        weights: of the backbone, as for `make_backbone`; of the whole network for `whole` and
            `smp`, its last layer excepted.

    Returns:
        The network. Images keep their own size in its preprocessing, unless the name has a `size` or the backbone reads
        one size only.

    Raises:
        UnknownNameError: no such network.
        LandbridgeError: a key does not fit, or the backbone makes no maps.

    >>> import torch
    >>> network = make_segmenter("light/small-cnn?head.width=16", 5)
    >>> network(torch.zeros(2, 3, 45, 60)).shape, network.features(torch.zeros(2, 3, 45, 60)).shape
    (torch.Size([2, 5, 45, 60]), torch.Size([2, 16, 11, 15]))
    >>> list(network.groups())
    ['stem', 'conv2', 'conv3', 'fusion', 'head']
    """
    count = classes if isinstance(classes, int) else len(classes)
    if not 2 <= count <= MOST_CLASSES:
        raise LandbridgeError(f"a segmenter tells 2 to {MOST_CLASSES} classes apart, not {count}: 255 stands for void")
    if isinstance(spec, Backbone):
        return _light(f"light/{spec.name}", spec, count, {})
    if isinstance(spec, nn.Module):
        return Whole(None, spec, count, replace(IMAGENET, size=None))
    kind, rest = split_name(spec)
    if kind in ("smp", "whole"):
        return _whole(spec, kind, rest, count, weights)
    name, keys = _without_head_keys(rest)
    return _HEADS[kind](spec, make_backbone(name, weights), count, keys)


def split_name(spec: str) -> tuple[str, str]:
    """The kind of head that a name asks for, and what it says behind that.

    >>> split_name("deeplabv2/torchvision/resnet101"), split_name("timm/resnet18")
    (('deeplabv2', 'torchvision/resnet101'), ('light', 'timm/resnet18'))
    """
    kind, _, rest = spec.partition("/")
    return (kind, rest) if kind in KINDS and rest else ("light", spec)


def _light(spec: str, backbone: Backbone, classes: int, keys: Mapping[str, Any]) -> Light:
    options = _options(spec, keys, {"width": _whole_number, "strides": _numbers, "dropout": _share, "auxiliary": _flag})
    levels = pyramid(backbone)
    asked = options.pop("strides", None)
    chosen = [level for level in levels if (level.stride >= FINEST if asked is None else level.stride in asked)]
    if asked is not None and len(chosen) < len(asked):
        there = ", ".join(str(level.stride) for level in levels)
        raise LandbridgeError(f"segmenter '{spec}': head.strides are among those of the backbone's maps: {there}")
    chosen = chosen or list(levels[-1:])
    if options.get("auxiliary") and len(chosen) < 2:
        raise LandbridgeError(f"segmenter '{spec}': a second classifier needs maps of two sizes, and there is one")
    layers, widths = [level.layer for level in chosen], [level.width for level in chosen]
    return Light(spec, backbone, classes, _preprocessing(backbone), layers, widths, **options)


def _deeplabv2(spec: str, backbone: Backbone, classes: int, keys: Mapping[str, Any]) -> DeepLabV2:
    options = _options(spec, keys, {"rates": _numbers, "stride": _whole_number, "auxiliary": _flag})
    return DeepLabV2(spec, backbone, classes, _preprocessing(backbone), **options)


_HEADS: dict[str, Callable[[str, Backbone, int, Mapping[str, Any]], SegmentationNetwork]] = {
    "light": _light,
    "deeplabv2": _deeplabv2,
}
KINDS = (*_HEADS, "smp", "whole")
"""What a name may begin with."""


def _whole(spec: str, kind: str, rest: str, classes: int, weights: str | Path | None) -> Whole:
    """A network in one piece, with the weights of a file if one is named; its last layer need not fit."""
    parsed, from_hub = Spec.parse(rest), str(weights) == "hub"
    if kind == "smp":
        made = smp_network(parsed, classes, from_hub)
    elif parsed.source == "own":
        network = own_network(parsed, from_hub)
        made = Whole(spec, network, classes, parsed.preprocessing(replace(IMAGENET, size=None)))
    else:
        raise UnknownNameError(
            f"segmenter '{spec}': behind whole/ stands a factory, file.py:make or package.module:make"
        )
    if weights is not None and str(weights) not in ("none", "hub"):
        load_weights(made.network, weights, (made.head_name,))
    return made


def _preprocessing(backbone: Backbone) -> Preprocessing:
    """The backbone's own, but for images of any size if their size was not named and it can read others."""
    if "size" in Spec.parse(backbone.name).preprocessing_keys or not _reads_other_sizes(backbone):
        return backbone.preprocessing
    return replace(backbone.preprocessing, size=None)


def _reads_other_sizes(backbone: Backbone) -> bool:
    height, width = backbone.example().shape[2:]
    try:
        with evaluating(backbone.network):
            backbone(backbone.example().new_zeros(1, 3, height + 32, width + 64))
    except (RuntimeError, ValueError, TypeError, AssertionError):
        return False
    return True


def _without_head_keys(name: str) -> tuple[str, dict[str, str]]:
    """A backbone's name, and the keys of the head that stood among its own."""
    path, _, query = name.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    own = [pair for pair in pairs if not pair.startswith(HEAD_KEYS)]
    keys = dict(pair.removeprefix(HEAD_KEYS).partition("=")[::2] for pair in pairs if pair.startswith(HEAD_KEYS))
    return "?".join(filter(None, (path, "&".join(own)))), keys


def _options(spec: str, keys: Mapping[str, str], readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The head's options, read as numbers and truth values."""
    options = {}
    for key, value in keys.items():
        if key not in readers:
            hint = nearest(key, readers) or f"; it has {', '.join(HEAD_KEYS + each for each in readers)}"
            raise LandbridgeError(f"segmenter '{spec}': the head has no key '{HEAD_KEYS}{key}'{hint}")
        try:
            options[key] = readers[key](value)
        except ValueError as error:
            raise LandbridgeError(f"segmenter '{spec}': {HEAD_KEYS}{key} is {error}, not '{value}'") from error
    return options


def _whole_number(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError("a whole number from 1 up")
    return int(value)


def _numbers(value: str) -> tuple[int, ...]:
    try:
        return tuple(_whole_number(each) for each in value.split(","))
    except ValueError:
        raise ValueError("whole numbers with commas, as in 4,32") from None


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise ValueError("a number in [0, 1)")
    return share


def _flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"
