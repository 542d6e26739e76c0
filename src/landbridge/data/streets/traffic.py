"""What moves and parks on the road, and who crosses it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from landbridge.data.streets import beings, vehicles
from landbridge.data.streets.geometry import Floats, Solid
from landbridge.data.streets.places import BUSES, CARS, COATS, LORRIES, TRAMS, TUK_TUKS, rgb
from landbridge.data.streets.sides import sign_of
from landbridge.data.streets.site import Site
from landbridge.data.streets.street import LEFT, RIGHT

_NEAREST, _FARTHEST = 5.0, 75.0
_MODELS = (vehicles.hatchback, vehicles.saloon, vehicles.van)
_METALS = ("a82a2a", "222426", "2f4a8a", "c8c8c4", "d88a20")


@dataclass(frozen=True)
class Large:
    """A kind of vehicle that is seen now and then.

    Attributes:
        chance: of one in a picture.
        length: in metres.
        solid: its shape.
        colours: its body's.
        farthest: where it may be at most, in metres.
    """

    chance: float
    length: float
    solid: Callable[[], Solid]
    colours: tuple[str, ...]
    farthest: float = 40.0


LARGE: Mapping[str, Large] = {
    "bus": Large(0.4, 11.0, vehicles.bus, BUSES),
    "truck": Large(0.42, 8.0, vehicles.truck, LORRIES),
    "motorcycle": Large(0.38, 2.2, vehicles.motorcycle, _METALS, 24.0),
    "bicycle": Large(0.42, 1.8, vehicles.bicycle, ("2f4a7a", "8a2f2f", "222426", "c0c0bc"), 22.0),
}


class Traffic:
    """Fills the lanes of a site.

    Args:
        site: where; gets the vehicles.
        ahead: x of the camera, which needs room before it.
    """

    def __init__(self, site: Site, ahead: float) -> None:
        self._site, self._ahead = site, ahead
        lanes = site.ground.lanes
        self._taken: dict[int, list[tuple[float, float]]] = {
            lane: [] for lane in (*range(-lanes, 0), *range(1, lanes + 1))
        }
        """Lane (1 is right of the middle, -1 left) -> what of it is taken, from where to where."""

    def fill(self) -> None:
        """The tram, then what is large, then parked and moving cars, then who crosses."""
        self._tram()
        for kind, large in LARGE.items():
            if self._site.rng.random() < large.chance:
                self._large(kind, large)
        for side in (LEFT, RIGHT):
            self._parked(side)
        for lane in self._taken:
            for _ in range(round(self._site.rng.uniform(*self._site.place.traffic))):
                self._car(lane)
        self._crossing()

    def _middle(self, lane: int) -> float:
        return (lane - math.copysign(0.5, lane)) * self._site.ground.lane

    def _heading(self, lane: int, z: float) -> float:
        return self._site.along(z) + (math.pi if lane < 0 else 0.0)

    def _free(self, rng: np.random.Generator, lane: int, length: float, farthest: float) -> float | None:
        """Somewhere in a lane with room for a vehicle, which is then taken; None after some tries in vain."""
        own = abs(self._middle(lane) - self._ahead) < 2
        for _ in range(8):
            z = rng.uniform((8.0 if own else _NEAREST) + length / 2, farthest + length / 2)
            low, high = z - length / 2 - 1.5, z + length / 2 + 1.5
            if all(high < start or low > end for start, end in self._taken[lane]):
                self._taken[lane].append((low, high))
                return float(z)
        return None

    def _any_lane(self, rng: np.random.Generator) -> int:
        return int(rng.choice(list(self._taken)))

    def _tram(self) -> None:
        site, rails = self._site, self._site.ground.rails
        if rails is None:
            return
        lane = 1 if rails > 0 else -1
        z = self._free(site.rng, lane, 22.0, 22.0)
        if z is not None and site.rng.random() < 0.85:
            body = site.paint(TRAMS)
            site.put(vehicles.tram(), rails, z, site.vehicle(body, site.paint("e8e4d8")), turn=self._heading(lane, z))

    def _large(self, kind: str, large: Large) -> None:
        site, rng = self._site, self._site.rng
        lane = self._any_lane(rng)
        z = self._free(rng, lane, large.length, large.farthest)
        if z is None:
            return
        x, turn = self._middle(lane), self._heading(lane, z)
        second = site.paint(LORRIES if kind == "truck" else ("e8e4d8", "c0c2c4"))
        if kind in ("motorcycle", "bicycle"):
            x += math.copysign(rng.uniform(0.2, 1.0), lane)
        site.put(large.solid(), x, z, site.vehicle(site.paint(large.colours), second), turn=turn)
        if kind == "motorcycle":
            site.put(beings.rider(seat=0.85, reach=0.42, lean=0.12), x, z, site.clothes(), turn=turn)
        elif kind == "bicycle":
            site.put(beings.rider(seat=0.98, reach=0.38, lean=0.28), x, z, site.clothes(), turn=turn)

    def _model(self) -> tuple[Solid, list[Floats], tuple[float, float, float]]:
        site = self._site
        solid = _MODELS[int(site.rng.choice(3, p=(0.4, 0.35, 0.25)))]()
        return (
            solid,
            site.vehicle(site.paint(CARS)),
            (1.0, float(site.rng.uniform(0.95, 1.08)), float(site.rng.uniform(0.92, 1.05))),
        )

    def _car(self, lane: int) -> None:
        site = self._site
        z = self._free(site.rng, lane, 4.8, _FARTHEST - 20)
        if z is not None:
            solid, colours, size = self._model()
            x = self._middle(lane) + site.rng.uniform(-0.25, 0.25)
            site.put(solid, x, z, colours, size=size, turn=self._heading(lane, z))

    def _parked(self, side: int) -> None:
        site, rng, ground = self._site, self._site.rng, self._site.ground
        if not ground.parking[side]:
            return
        x = sign_of(side) * (ground.edge(side) - ground.parking[side] / 2)
        turn = math.pi if side == LEFT else 0.0
        z = rng.uniform(5, 9)
        while z < _FARTHEST:
            if rng.random() < site.place.parked and not ground.crossed(z, 4):
                solid, colours, size = self._model()
                site.put(solid, x, z, colours, size=size, turn=turn + site.along(z) + rng.normal(0, 0.03))
            z += rng.uniform(5.2, 6.5)

    def _crossing(self) -> None:
        """Persons before a junction, or anywhere; a car or a cyclist on the other street."""
        site, rng, ground = self._site, self._site.rng, self._site.ground
        reach = ground.edge(RIGHT)
        if rng.random() < 0.35:
            z = rng.uniform(9, 22) if ground.junction is None else ground.junction[0] - 2.5
            for _ in range(rng.integers(1, 4)):
                turn = rng.choice((-1, 1)) * math.pi / 2 + rng.normal(0, 0.15)
                site.person(rng.uniform(-reach, reach), z + rng.uniform(-0.8, 0.8), turn=turn)
        if ground.junction is None:
            return
        middle = sum(ground.junction) / 2
        if rng.random() < 0.45:
            solid, colours, size = self._model()
            turn = rng.choice((-1, 1)) * math.pi / 2
            site.put(solid, rng.uniform(-14, 14), middle + math.copysign(1.8, turn), colours, size=size, turn=turn)
        if rng.random() < 0.3:
            x, turn = rng.uniform(-8, 8), rng.choice((-1, 1)) * math.pi / 2
            site.put(vehicles.bicycle(), x, ground.junction[0] + 0.7, site.vehicle(site.paint("2f4a7a")), turn=turn)
            site.put(
                beings.rider(seat=0.98, reach=0.38, lean=0.28), x, ground.junction[0] + 0.7, site.clothes(), turn=turn
            )

    def private(self, rng: np.random.Generator) -> None:
        """Tuk-tuks on the road, and animals on and beside it.

        Args:
            rng: a generator of its own, so that all else stays where it would be without them.
        """
        site = self._site
        for _ in range(int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))):
            lane = self._any_lane(rng)
            z = self._free(rng, lane, 2.8, 26.0)
            if z is not None:
                colours = site.vehicle(site.paint(TUK_TUKS), site.paint(("1c1c1c", "d8b020", "2a5a3a")))
                x, turn = self._middle(lane) + rng.uniform(-0.4, 0.4), self._heading(lane, z) + rng.normal(0, 0.06)
                site.put(vehicles.tuk_tuk(), x, z, colours, turn=turn)
        for _ in range(int(rng.choice(4, p=(0.35, 0.3, 0.2, 0.15)))):
            kind = "cow" if rng.random() < 0.55 else "dog"
            size = float(rng.uniform(0.85, 1.1)) * (1.0 if kind == "cow" else 0.5)
            place = self._beside(rng, size)
            if place is None:
                continue
            coat = site.paint(COATS)
            colours = [coat, site.paint(COATS) if rng.random() < 0.4 else coat * np.float32(0.85), rgb("28221e")]
            turn = rng.uniform(0, 2 * math.pi)
            site.put(beings.animal(kind), *place, colours, size=(size, size, size), turn=turn)

    def _beside(self, rng: np.random.Generator, radius: float) -> tuple[float, float] | None:
        """A free place on a sidewalk or, where nobody parks, at the road's edge; None after some tries in vain."""
        ground = self._site.ground
        for _ in range(6):
            z, side = 5.5 + 18 * float(rng.random()) ** 1.3, int(rng.integers(2))
            nearest = 0.5 if ground.parking[side] else -1.2
            x = sign_of(side) * (ground.edge(side) + rng.uniform(nearest, ground.verge[side] + ground.walk[side] - 0.4))
            if self._site.claim(x, z, radius):
                return x, z
        return None
