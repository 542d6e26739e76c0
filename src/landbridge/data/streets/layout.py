"""Where things stand: one street of a place, drawn from its statistics."""

import numpy as np

from landbridge.data.streets.places import PLACES, Paint, Place
from landbridge.data.streets.sides import backdrop, curb, frontage, people
from landbridge.data.streets.site import Site
from landbridge.data.streets.street import LEFT, RIGHT, Camera, Ground, Street
from landbridge.data.streets.traffic import Traffic


def lay_out(
    rng: np.random.Generator, paint: Paint, location: str, view: float, private: np.random.Generator | None = None
) -> Street:
    """Draw a street.

    Args:
        rng: decides where everything stands.
        paint: decides on colours.
        location: a key of `PLACES`.
        view: the camera's field of view, in radians.
        private: decides on tuk-tuks and animals; None leaves them out, and everything else where it is.
    """
    place = PLACES[location]
    ground = _ground(rng, place)
    camera = Camera(
        x=(int(rng.integers(ground.lanes)) + 0.5) * ground.lane + rng.uniform(-0.3, 0.3),
        height=rng.uniform(1.35, 1.75),
        view=view,
        horizon=rng.uniform(0.47, 0.56),
    )
    site = Site(rng, paint, place, ground)
    for side in (LEFT, RIGHT):
        frontage(site, side)
        curb(site, side)
        people(site, side)
    backdrop(site)
    traffic = Traffic(site, camera.x)
    traffic.fill()
    if private is not None:
        traffic.private(private)
    return Street(site.mesh.faces(), ground, camera, np.array(site.lanterns, np.float32).reshape(-1, 3))


def _ground(rng: np.random.Generator, place: Place) -> Ground:
    def both(chance: float, low: float, high: float) -> tuple[float, float]:
        drawn = [rng.uniform(low, high) if rng.random() < chance else 0.0 for _ in range(2)]
        return drawn[0], drawn[1]

    lanes = int(rng.integers(place.lanes[0], place.lanes[1] + 1))
    lane = rng.uniform(*place.lane)
    start = rng.uniform(14, 40)
    return Ground(
        bend=rng.uniform(-place.bend, place.bend),
        lanes=lanes,
        lane=lane,
        parking=both(place.parking, 2.1, 2.4),
        verge=both(place.verge, 1.0, 2.5),
        walk=(rng.uniform(*place.walk), rng.uniform(*place.walk)),
        grass=(bool(rng.random() < 0.25 + place.verge), bool(rng.random() < 0.25 + place.verge)),
        junction=(start, start + rng.uniform(7, 11)) if rng.random() < place.junction else None,
        rails=(0.5 if rng.random() < 0.35 else -0.5) * lane if rng.random() < 0.35 else None,
    )
