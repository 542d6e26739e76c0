"""From a seed and a number to a picture of a street with its labels and its depth."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from landbridge.core.errors import UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.streets import game, photo
from landbridge.data.streets.geometry import Bytes, Floats
from landbridge.data.streets.knobs import LOOKS, SIZE, Knobs
from landbridge.data.streets.labels import Label
from landbridge.data.streets.layout import lay_out
from landbridge.data.streets.places import PLACES, Paint
from landbridge.data.streets.sensor import WIDE

PLAIN = Knobs()
"""A clear day, with the look's own location and camera."""

VERSION = 1
"""Of the drawing: raised when it changes, so that no cache holds pictures of an older one."""

_VIEWS = {"sim": (72, 80), "real-ish": (58, 66)}
"""Field of view of a look's cameras, in degrees."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is true of it.

    Attributes:
        image: uint8 [3, H, W].
        labels: uint8 [H, W], see `Label`; 255 has no class.
        depth: distance along the view in metres, float32 [H, W]; infinite in the sky.
    """

    image: Bytes
    labels: Bytes
    depth: Floats


def scene(seed: int, index: int, look: str, knobs: Knobs = PLAIN, size: tuple[int, int] = SIZE) -> Scene:
    """One street, the same whenever the arguments are.

    Weather, light and sensor change the picture alone (but for the wide lens, which sees more); location changes what
    is there. Tuk-tuks and animals occur in `real-ish` only; for one location both looks show the same streets apart
    from them and from the cameras' fields of view.

    Args:
        seed: of the set of pictures.
        index: which of them.
        look: `sim` or `real-ish`.
        knobs: see `Knobs`.
        size: rows and columns.

    Raises:
        UnknownNameError: there is no such look.

    >>> one = scene(0, 0, "sim", size=(90, 120))
    >>> one.image.shape, one.labels.shape, one.depth.shape
    ((3, 90, 120), (90, 120), (90, 120))
    """
    if look not in LOOKS:
        raise UnknownNameError(
            f"unknown look '{look}' of streets{nearest(look, LOOKS) or '; known: ' + ', '.join(LOOKS)}"
        )
    location = knobs.location or LOOKS[look]
    key = [seed, index, list(PLACES).index(location)]

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([*key, number])

    low, high = _VIEWS[look]
    angle = stream(3).uniform(low, high) * (WIDE if knobs.sensor == "wide" else 1)
    renderer = game if look == "sim" else photo
    paint = Paint(stream(1), renderer.VIVID, renderer.SPREAD)
    private = stream(2) if look == "real-ish" else None
    street = lay_out(stream(0), paint, location, float(np.deg2rad(angle)), private)
    image, view = renderer.render(street, knobs, stream(4), size)
    step = len(view.z) // size[0]
    labels, depth = view.labels[::step, ::step], view.z[::step, ::step].copy()
    depth[labels == Label.SKY] = np.inf
    return Scene(np.ascontiguousarray(image.transpose(2, 0, 1)), np.ascontiguousarray(labels), depth)


def make(
    count: int, seed: int, look: str, knobs: Knobs = PLAIN, size: tuple[int, int] = SIZE
) -> tuple[Bytes, Bytes, Floats]:
    """Many streets: images uint8 [n, 3, H, W], labels uint8 [n, H, W] and depth float32 [n, H, W]; see `scene`."""
    images = np.empty((count, 3, *size), np.uint8)
    labels = np.empty((count, *size), np.uint8)
    depth = np.empty((count, *size), np.float32)

    def place(index: int) -> None:
        one = scene(seed, index, look, knobs, size)
        images[index], labels[index], depth[index] = one.image, one.labels, one.depth

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(place, range(count)))
    return images, labels, depth
