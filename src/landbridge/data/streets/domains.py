"""The two domains of simulated streets, made when they are first looked at and kept from then on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.kept import Array, kept
from landbridge.data.masks import ArrayMasks
from landbridge.data.scene_classes import CITYSCAPES, colours_of, protocol
from landbridge.data.streets.knobs import CHOICES, LOOKS, SIZE, Knobs, size_of
from landbridge.data.streets.labels import PRIVATE
from landbridge.data.streets.render import VERSION, make

SEEDS = {"train": 1, "test": 2}
"""Seed of each split: `scene(SEEDS["test"], 0, ...)` is the first picture of `test`, and has its depth."""

COUNTS = {"train": 500, "test": 100}
"""Pictures in each split."""


def load(variant: str | None, root: Path | None, *, keys: Mapping[str, Sequence[str]]) -> Domain:
    """Streets that are made on the spot, the same everywhere and always; the data root is not needed.

    `sim`: 500 + 100 pictures in the flat look of a game, of wide streets between tall buildings.
    `real-ish`: as many that look photographed, of narrow streets of an old town; it alone has tuk-tuks and animals.
    Labels are Cityscapes' 19 classes, and those two as the 20th and 21st. Pictures have 240x180 pixels.

    Args:
        variant: `sim` or `real-ish`.
        root: not needed.
        keys: knobs and what they are set to, one value each: `weather`, `light`, `location`, `sensor`, `size`; see
            `Knobs`. `size` is WIDTHxHEIGHT.
    """
    if variant is None or variant not in LOOKS:
        raise UnknownNameError(f"unknown domain 'streets/{variant}'; known: {', '.join(LOOKS)}")
    settings = {key: _only(key, values) for key, values in keys.items()}
    size = size_of(settings.pop("size")) if "size" in settings else SIZE
    knobs = Knobs(**settings)
    classes = (*CITYSCAPES, *(PRIVATE if variant == "real-ish" else ()))
    return Domain(
        f"streets/{variant}",
        classes,
        {split: _examples(split, variant, knobs, size) for split in COUNTS},
        headline="miou",
        note="; ".join(part for part in (protocol(CITYSCAPES), _more(classes), "simulated") if part),
        colours=dict(zip(classes, colours_of(classes))),
    )


def _only(key: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        known = " or ".join(CHOICES.get(key, ("WIDTHxHEIGHT",)))
        raise BadDataError(f"the key '{key}' of a street takes one value, not {len(values)}: {known}")
    return values[0]


def _more(classes: Sequence[str]) -> str:
    more = classes[len(CITYSCAPES) :]
    return f"and {', '.join(more)}" if more else ""


def _examples(split: str, look: str, knobs: Knobs, size: tuple[int, int]) -> Examples:
    knobs = replace(knobs, location=knobs.location or LOOKS[look])
    count, seed = COUNTS[split], SEEDS[split]
    settings = (knobs.weather, knobs.light, str(knobs.location), knobs.sensor, f"{size[1]}x{size[0]}")
    key = "-".join((*settings, f"{count}", f"v{VERSION}"))
    pack = partial(_packed, count, seed, look, knobs, size)

    @cache
    def both() -> Tensor:
        return kept(f"streets-{look}-{split}", key, pack)

    return Examples(Arrays(lambda: both()[:, :3], count), ArrayMasks(lambda: both()[:, 3], count))


def _packed(count: int, seed: int, look: str, knobs: Knobs, size: tuple[int, int]) -> Array:
    """Images and labels in one array, so that one file is either whole or not there, uint8 [count, 4, H, W]."""
    images, labels, _ = make(count, seed, look, knobs, size)
    return np.concatenate([images, labels[:, None]], axis=1)
