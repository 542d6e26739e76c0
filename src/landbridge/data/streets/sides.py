"""What stands beside a road: lots with buildings and gardens, and what lines the curb."""

import math

import numpy as np

from landbridge.data.streets import furniture, vehicles
from landbridge.data.streets.places import rgb
from landbridge.data.streets.site import FAR, Site
from landbridge.data.streets.street import LEFT

_WALLS = ("a8a196", "8f6a55", "b8b0a0", "77726c")
_FENCES = ("5b4a3a", "3f4a44", "d8d4c8", "6a6e72")
_SIGNS = {
    "limit": ("c01818", "f4f4f0", "202020"),
    "order": ("f0f0f0", "1f55b0", "f4f4f4"),
    "warning": ("c81c1c", "f6f4ec", "202020"),
    "square": ("f0f0f0", "1f55b0", "f4f4f4"),
    "direction": ("f0f0f0", "1f6f45", "f0f0f0"),
    "stop": ("f0f0f0", "b81818", "f4f4f4"),
}
"""Colours of border, inside and mark."""


def sign_of(side: int) -> int:
    """Which way x grows on a side."""
    return -1 if side == LEFT else 1


def frontage(site: Site, side: int) -> None:
    """Lots along one side: buildings, or trees on grass; walls, fences and hedges before them."""
    rng, ground = site.rng, site.ground
    z = rng.uniform(-8, 0)
    while z < FAR:
        length = rng.uniform(*site.place.lot)
        if any(ground.crossed(z + share * length, 1.5) for share in (0, 0.5, 1)):
            z += length / 2
        else:
            _lot(site, side, z, length)
            z += length


def _lot(site: Site, side: int, z: float, length: float) -> None:
    rng, sign, front = site.rng, sign_of(side), site.ground.front(side) + 0.3
    setback = rng.uniform(*site.place.setback)
    is_open = rng.random() < site.place.gap
    if rng.random() < site.place.bounded and (is_open or setback > 0.8):
        _barrier(site, sign * (front + 0.15), z + length / 2, length)
    if is_open:
        for _ in range(rng.integers(2, 5)):
            _tree(site, sign * (front + rng.uniform(2, 9)), z + rng.uniform(1, length - 1))
        return
    _building(site, sign, front + setback, z + length / 2, length * rng.uniform(0.9, 1.0))
    if setback > 2.5:
        for _ in range(rng.integers(0, 4)):
            _bush(site, sign * (front + rng.uniform(0.8, setback - 0.7)), z + rng.uniform(0.5, length - 0.5))


def _building(site: Site, sign: int, near: float, z: float, length: float) -> None:
    rng, place = site.rng, site.place
    height, deep = rng.uniform(*place.height), rng.uniform(9, 13)
    colours = [site.paint(place.facades), site.paint(place.roofs), site.paint("7a5548")]
    pitched = rng.random() < place.gabled
    solid = furniture.gabled(along=bool(rng.random() < 0.6)) if pitched else furniture.block()
    size = (deep, height * (1.35 if pitched else 1.0), length)
    site.put(solid, sign * (near + deep / 2), z, colours, size=size, turn=site.along(z))


def _barrier(site: Site, x: float, z: float, length: float) -> None:
    rng = site.rng
    kind = ("wall", "fence", "hedge")[int(rng.choice(3, p=(0.37, 0.4, 0.23)))]
    height = rng.uniform(1.1, 2.6) if kind == "wall" else rng.uniform(0.9, 1.9)
    if kind == "hedge":
        thick, colours = 0.7, site.leaves()
    else:
        thick = 0.3 if kind == "wall" else 0.08
        colours = [site.paint(_WALLS if kind == "wall" else _FENCES), site.paint("b0aca4")]
    site.put(furniture.barrier(kind), x, z, colours, size=(thick, height, length), turn=site.along(z))


def _tree(site: Site, x: float, z: float) -> None:
    rng = site.rng
    if z > 4 and site.claim(x, z, 0.4):
        wide, high = rng.uniform(0.8, 1.35), rng.uniform(0.8, 1.4)
        site.put(furniture.tree(int(rng.integers(12))), x, z, site.leaves(), size=(wide, high, wide))


def _bush(site: Site, x: float, z: float) -> None:
    if z > 3:
        size = site.rng.uniform(0.7, 1.6)
        site.put(furniture.bush(int(site.rng.integers(6))), x, z, site.leaves(), size=(size, size, size))


def curb(site: Site, side: int) -> None:
    """Lamps, trees, signs, lights, two-wheelers and bins along the road's edge."""
    rng, ground, sign = site.rng, site.ground, sign_of(side)
    at = sign * (ground.edge(side) + max(0.45, ground.verge[side] / 2))
    _lamps(site, side, at)
    for z in np.arange(rng.uniform(7.5, 11.5), 70.0, 4.0):
        if rng.random() < site.place.trees * 0.4 and not ground.crossed(z, 2):
            _tree(site, at + sign * rng.uniform(0, 0.3), z + rng.uniform(-0.8, 0.8))
    for _ in range(rng.integers(1, 4)):
        _sign(site, at + sign * 0.1, rng.uniform(6, 34))
    if ground.junction is not None and rng.random() < 0.75:
        _light(site, at, ground.junction[0] - 1.5, arm=side == LEFT and rng.random() < 0.5)
    elif rng.random() < 0.2:
        _light(site, at, rng.uniform(9, 26), arm=False)
    grey = [site.paint(("6f7478", "4a4f50", "8d9093"))]
    for z in rng.uniform(4, 40, rng.integers(0, 4)):
        if site.claim(at, z, 0.15):
            site.put(furniture.bollard(), at, z, grey)
    z = rng.uniform(5, 25)
    if rng.random() < 0.3 and site.claim(at + sign * 0.4, z, 0.4):
        site.put(furniture.bin(), at + sign * 0.4, z, [site.paint(("3f5a45", "55585c")), rgb("2a2a2a")])
    _two_wheelers(site, at + sign * 0.6)


def _lamps(site: Site, side: int, x: float) -> None:
    rng, sign = site.rng, sign_of(side)
    masts = rng.random() < 0.25
    colours = [site.paint("6a5540" if masts else ("6f7478", "4a4f50", "8d9093")), site.paint("e8d9a0")]
    for z in np.arange(rng.uniform(8, 18), FAR, rng.uniform(18, 30)):
        if site.ground.crossed(z, 1) or not site.claim(x, z, 0.3):
            continue
        if masts:
            site.put(furniture.mast(), x, z, colours, turn=rng.uniform(-0.2, 0.2))
        else:
            site.put(furniture.lamp_post(), x, z, colours, turn=0.0 if side == LEFT else math.pi)
            site.lanterns.append((x - sign * 1.55 + site.ground.bend * z * z, 6.75, float(z)))


def _two_wheelers(site: Site, x: float) -> None:
    """Bicycles in a row, and a motorcycle, that stand beside the road."""
    rng = site.rng
    if rng.random() < 0.3:
        first = rng.uniform(6, 22)
        for number in range(rng.integers(1, 5)):
            turn = math.pi / 2 + rng.uniform(-0.35, 0.35)
            metal = site.paint(("2f4a7a", "8a2f2f", "222426", "4f8a6a", "c0c0bc"))
            z = first + number * rng.uniform(0.8, 1.2)
            if site.claim(x, z, 0.38):
                site.put(vehicles.bicycle(), x, z, site.vehicle(metal), turn=turn)
    z = rng.uniform(6, 18)
    if rng.random() < 0.22 and site.claim(x, z, 0.8):
        metal = site.paint(("a82a2a", "222426", "2f4a8a", "c8c8c4"))
        turn = rng.choice((0.0, math.pi)) + rng.uniform(-0.6, 0.6)
        site.put(vehicles.motorcycle(), x, z, site.vehicle(metal), turn=turn)


def _sign(site: Site, x: float, z: float) -> None:
    rng = site.rng
    if not site.claim(x, z, 0.3):
        return
    kind = furniture.SIGNS[int(rng.choice(len(furniture.SIGNS), p=(0.22, 0.2, 0.2, 0.15, 0.13, 0.1)))]
    colours = [site.paint("8a8d90"), *(rgb(colour) for colour in _SIGNS[kind])]
    site.put(furniture.sign(kind), x, z, colours, turn=rng.uniform(-0.15, 0.15))


def _light(site: Site, x: float, z: float, *, arm: bool) -> None:
    if not site.claim(x, z, 0.3):
        return
    lamps = [rgb("ff3020"), rgb("ffb020"), rgb("30f070"), rgb("1c1f1d")]
    solid = furniture.traffic_light(int(site.rng.integers(3)), arm=arm)
    site.put(solid, x, z, [site.paint("55595c"), rgb("1d2021"), *lamps])


def people(site: Site, side: int) -> None:
    """Persons on the sidewalk, three in ten of them beside another."""
    rng, ground, sign = site.rng, site.ground, sign_of(side)
    start, end = ground.front(side) - ground.walk[side] + 0.5, ground.front(side) - 0.2
    for _ in range(round(rng.uniform(*site.place.people) / 2)):
        z = 4.5 + 40 * rng.random() ** 1.5
        first = rng.uniform(start, end)
        for beside in range(1 + int(rng.random() < 0.3)):
            turn = rng.choice((0.0, math.pi)) + rng.normal(0, 0.3)
            site.person(sign * min(first + 0.65 * beside, end), z + 0.1 * beside, turn=turn)


def backdrop(site: Site) -> None:
    """What closes the view at the end of the street and behind its lots."""
    rng, place = site.rng, site.place
    for x in np.arange(-110.0, 110.0, 14.0):
        if rng.random() < 0.6:
            size = (14.0, rng.uniform(*place.height) * 1.1, 10.0)
            site.put(
                furniture.block(),
                x,
                FAR + 22 + rng.uniform(0, 20),
                [site.paint(place.facades), site.paint(place.roofs)],
                size=size,
            )
        size = (16.0, rng.uniform(4, 9), 5.0)
        site.put(furniture.barrier("hedge"), x + 5, FAR + 15 + rng.uniform(0, 6), site.leaves(), size=size)
    for sign in (-1, 1):
        for z in np.arange(5.0, FAR + 10, 12.0):
            x = sign * (site.ground.front(LEFT) + rng.uniform(24, 34))
            site.put(furniture.barrier("hedge"), x, z, site.leaves(), size=(6.0, rng.uniform(3, 7), 13.0))
