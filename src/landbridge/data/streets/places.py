"""Statistics of three kinds of places, and the colours of things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from landbridge.data.streets.geometry import Floats

Range = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """How streets of one location are laid out; a pair is the range of a uniform draw, lengths are in metres.

    Attributes:
        lanes: lanes a direction, least and most.
        lane: width of a lane.
        parking: chance that a side of the road has a strip with parked cars.
        parked: how full that strip is.
        walk: width of a sidewalk.
        verge: chance of a strip of grass between sidewalk and road.
        setback: from the sidewalk to the buildings.
        height: of buildings.
        lot: their width along the street.
        gabled: share with a pitched roof.
        gap: share of lots without a building: trees on grass.
        bounded: chance that a lot has a wall, fence or hedge in front.
        bend: most curvature of the road, 1 / m.
        trees: trees a 10 m on a side.
        people: persons on both sidewalks.
        traffic: moving cars a lane in 60 m.
        junction: chance of a crossing street.
        facades: colours of buildings.
        roofs: colours of their roofs.
    """

    lanes: tuple[int, int]
    lane: Range
    parking: float
    parked: float
    walk: Range
    verge: float
    setback: Range
    height: Range
    lot: Range
    gabled: float
    gap: float
    bounded: float
    bend: float
    trees: float
    people: Range
    traffic: Range
    junction: float
    facades: Sequence[str]
    roofs: Sequence[str]


PLACES: Mapping[str, Place] = {
    "boulevard": Place(
        lanes=(1, 2), lane=(3.2, 3.6), parking=0.25, parked=0.5, walk=(3.2, 6.0), verge=0.3, setback=(0.5, 6),
        height=(12, 45), lot=(12, 26), gabled=0.0, gap=0.15, bounded=0.55, bend=0.0006, trees=0.5, people=(4, 14),
        traffic=(1, 3), junction=0.6,
        facades=("b9bcc0", "8fa3b5", "c9b99a", "a8a29a", "d5d3cc", "7d8ea0", "b78f72"), roofs=("6f7276", "8b8d8f"),
    ),
    "town": Place(
        lanes=(1, 1), lane=(3.0, 3.5), parking=0.55, parked=0.65, walk=(2.0, 4.0), verge=0.15, setback=(0.0, 3.0),
        height=(7, 15), lot=(7, 13), gabled=0.6, gap=0.2, bounded=0.6, bend=0.0018, trees=0.4, people=(6, 18),
        traffic=(0.5, 2), junction=0.45,
        facades=("c8b48e", "b59a78", "a8745a", "d8cdb8", "96604c", "bfa99a", "d9bf8f", "9d9a92"),
        roofs=("7a4a3a", "5d5350", "8a5a45"),
    ),
    "suburb": Place(
        lanes=(1, 1), lane=(3.2, 3.8), parking=0.4, parked=0.4, walk=(1.4, 2.2), verge=0.7, setback=(4, 9),
        height=(5, 9), lot=(11, 20), gabled=0.95, gap=0.25, bounded=0.75, bend=0.003, trees=0.8, people=(1, 5),
        traffic=(0.3, 1.5), junction=0.3,
        facades=("e6e2d8", "d8c7a8", "c7d0d4", "e0cfc0", "b8674f", "cfd8c4"), roofs=("5a5f66", "8d4b3c", "6b5a4a"),
    ),
}  # fmt: skip

CARS = ("d9d9d9", "b5b8bc", "2b2d30", "4a4d52", "8d1f1f", "1f3f7a", "e8e8e4", "6b7178", "355a45", "a8793a")
BUSES = ("c8342c", "e0b23a", "2f6fb0", "e4e4e0", "3f8f5f")
LORRIES = ("d8d8d4", "3f6fa8", "b8402f", "e8e4d8", "4f7f5f", "d8a030")
TRAMS = ("c83a30", "e6d9a0", "3a78b8", "e8e8e8", "4f9a58")
CLOTHES = ("2a2d38", "6b2f2f", "34507a", "c8c4bc", "8a8378", "b0503a", "41603f", "d8b04a", "554466", "e2e2e2", "1c1c1e")
TROUSERS = ("23262f", "32425f", "4a4438", "6a6a6a", "1d1d1f", "8a7a60")
SKINS = ("e0b898", "c89878", "9a6a4a", "6b4630", "d8a888")
HAIRS = ("2a1d16", "4a3422", "8a6a3a", "1a1a1a", "9a948c")
COATS = ("6a4a32", "2a2420", "d8d0c4", "a07850", "b89468", "4a3a30")
LEAVES = ("35551f", "3f6126", "4a6a2a", "56702f", "2f4f2a", "6a7a30")
TUK_TUKS = ("e0b820", "2f8a45", "2f9a50", "d8a818")


@cache
def rgb(text: str) -> Floats:
    """A colour of 0 to 1 from six hexadecimal figures."""
    return np.array(_figures(text), np.float32)


@cache
def _figures(text: str) -> tuple[float, ...]:
    return tuple(int(text[n : n + 2], 16) / 255 for n in (0, 2, 4))


class Paint:
    """Draws colours; it has a generator of its own, so that a palette never moves a thing.

    Args:
        rng: decides on the colours.
        vivid: factor on the distance from grey, as a game's artists have it; below 1 is duller.
        spread: how far shades differ.
    """

    def __init__(self, rng: np.random.Generator, vivid: float, spread: float) -> None:
        self._rng, self._vivid, self._spread = rng, vivid, spread

    def __call__(self, colours: Sequence[str] | str) -> Floats:
        """One of several colours, in some shade."""
        chosen = colours if isinstance(colours, str) else colours[int(self._rng.integers(len(colours)))]
        colour = _figures(chosen)
        grey = sum(colour) / 3
        shade = 1 + self._rng.uniform(-self._spread, self._spread)
        return np.array([min(max((grey + (c - grey) * self._vivid) * shade, 0.02), 1) for c in colour], np.float32)
