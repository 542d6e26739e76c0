"""What stands along a street: buildings, walls, fences, trees, poles, lights, signs."""

import math
from functools import cache

import numpy as np

from landbridge.data.streets.geometry import CORNERS, Solid, box, disc, join, plate, prism
from landbridge.data.streets.labels import Label, Material

LEAVES = 4
"""Slots 0 to 3 of a tree are leaves from dark to light; then comes its trunk."""


@cache
def block() -> Solid:
    """A building with a flat roof, one metre each way: to be stretched."""
    walls = prism(
        [(-0.5, 0.0), (0.5, 0.0), (0.5, 1.0), (-0.5, 1.0)],
        (-0.5, 0.5),
        Label.BUILDING,
        [0, 0, 1, 0, 0],
        [Material.FACADE, Material.FACADE, Material.ROOF, Material.FACADE, Material.FACADE],
    )
    return join([walls, box((-0.52, 0.52), (0.975, 1.0), (-0.505, 0.505), Label.BUILDING, 1, Material.ROOF)])


@cache
def gabled(*, along: bool) -> Solid:
    """A house with a pitched roof, one metre each way; its ridge runs along the street, or towards it."""
    walls = box((-0.5, 0.5), (0.0, 0.68), (-0.5, 0.5), Label.BUILDING, 0, Material.FACADE)
    profile = [(-0.55, 0.67), (0.55, 0.67), (0.0, 1.0)]
    if along:
        roof = prism(profile, (-0.52, 0.52), Label.BUILDING, [1, 1, 1, 0], Material.ROOF, axis="z")
    else:
        roof = prism(profile, (-0.52, 0.52), Label.BUILDING, [1, 1, 1, 0], Material.ROOF)
    return join([walls, roof, box((0.1, 0.2), (0.8, 1.08), (0.2, 0.3), Label.BUILDING, 2, Material.BRICK)])


@cache
def barrier(kind: str) -> Solid:
    """A `wall`, a `fence` or a `hedge` of one metre each way."""
    if kind == "wall":
        body = box((-0.5, 0.5), (0.0, 0.95), (-0.5, 0.5), Label.WALL, 0, Material.BRICK)
        return join([body, box((-0.65, 0.65), (0.92, 1.0), (-0.5, 0.5), Label.WALL, 1, Material.CONCRETE)])
    if kind == "fence":
        return box((-0.5, 0.5), (0.0, 1.0), (-0.5, 0.5), Label.FENCE, 0, Material.SLATS)
    return box((-0.5, 0.5), (0.0, 1.0), (-0.5, 0.5), Label.VEGETATION, 1, Material.FOLIAGE)


def _blob(rng: np.random.Generator, centre: tuple[float, float, float], radius: float, slot: int) -> Solid:
    """A flat, turned, oblong patch of leaves that looks at the camera."""
    angles = np.arange(CORNERS) * (2 * math.pi / CORNERS) + rng.uniform(0, 1)
    wide, high, skew = radius * rng.uniform(0.8, 1.15), radius * rng.uniform(0.75, 1.05), rng.uniform(-0.25, 0.25)
    points = np.empty((1, CORNERS, 3), np.float32)
    points[0] = centre
    # Clockwise as the camera sees it: the cross product then points at the camera.
    points[0, :, 0] += (wide * np.cos(-angles) + skew * high * np.sin(-angles)).astype(np.float32)
    points[0, :, 1] += (high * np.sin(-angles)).astype(np.float32)
    return Solid(
        points,
        np.array([Label.VEGETATION], np.uint8),
        np.array([slot], np.uint8),
        np.array([Material.FOLIAGE], np.uint8),
    )


@cache
def tree(kind: int) -> Solid:
    """One of several trees of about 6 m, crowns of 4 m; every fourth is a conifer."""
    rng = np.random.default_rng([kind, 4])
    trunk = box((-0.14, 0.14), (0.0, 3.2), (-0.14, 0.14), Label.VEGETATION, LEAVES, Material.CONCRETE)
    parts = [trunk]
    if kind % 4 == 3:
        for number in range(7):
            y, radius = 1.0 + number * 0.75, 1.7 * (1 - number / 7.5)
            parts.append(_blob(rng, (rng.uniform(-0.1, 0.1), y + 0.3, -0.3 * radius), radius, min(number // 2, 3)))
        return join(parts)
    for _ in range(20):
        x, z = rng.uniform(-1.5, 1.5, 2)
        y = rng.uniform(2.9, 5.3)
        tone = int(np.clip((y - 2.7) / 2.8 * 3 + rng.uniform(-0.8, 0.8) + 0.3, 0, 3))
        parts.append(_blob(rng, (x * (1 - 0.25 * abs(y - 4)), y, z), rng.uniform(0.6, 1.15), tone))
    return join(parts)


@cache
def bush(kind: int) -> Solid:
    """A bush of about a metre."""
    rng = np.random.default_rng([kind, 5])
    parts = []
    for number in range(9):
        centre = (rng.uniform(-0.7, 0.7), rng.uniform(0.25, 0.7), rng.uniform(-0.4, 0.4))
        parts.append(_blob(rng, centre, rng.uniform(0.35, 0.6), number % 4))
    return join(parts)


@cache
def lamp_post() -> Solid:
    """A street lamp of 7 m; its arm points to the right."""
    return join([
        _post(7.0, 0.09),
        box((0.0, 1.6), (6.85, 6.97), (-0.05, 0.05), Label.POLE, 0, Material.METAL),
        box((1.2, 1.9), (6.72, 6.86), (-0.14, 0.14), Label.POLE, 1, Material.LANTERN),
    ])  # fmt: skip


def _post(height: float, half: float) -> Solid:
    return join([
        box((-half, half), (0.0, height), (-half, half), Label.POLE, 0, Material.METAL),
        box((-1.7 * half, 1.7 * half), (0.0, 0.5), (-1.7 * half, 1.7 * half), Label.POLE, 0, Material.METAL),
    ])  # fmt: skip


@cache
def mast() -> Solid:
    """A wooden mast of 8 m with a crossbar for wires."""
    bar = box((-0.9, 0.9), (7.1, 7.25), (-0.06, 0.06), Label.POLE, 0, Material.METAL)
    return join([_post(8.0, 0.11), bar])


@cache
def bollard() -> Solid:
    """A bollard of a metre."""
    return box((-0.07, 0.07), (0.0, 1.0), (-0.07, 0.07), Label.POLE, 0, Material.METAL)


def _head(lit: int) -> Solid:
    """The head of a traffic light; `lit` is which lamp shines."""
    label = Label.TRAFFIC_LIGHT
    parts = [
        box((-0.2, 0.2), (0.0, 1.05), (-0.16, 0.16), label, 1, Material.RUBBER),
        plate((-0.3, 0.3), (-0.1, 1.15), -0.15, label, 1, Material.RUBBER, towards=-1),
    ]
    for number in range(3):
        shining = Material.LAMP if number == lit else Material.PAINT
        slot = 2 + number if number == lit else 5
        parts.append(disc((0.0, 0.85 - 0.33 * number, -0.18), 0.14, label, slot, shining, axis="z", towards=-1))
    return join(parts)


@cache
def traffic_light(lit: int, *, arm: bool) -> Solid:
    """A traffic light on a post, and maybe one more on an arm to the right."""
    parts = [_post(3.6, 0.08), _head(lit).moved(0.0, 2.5, -0.1)]
    if arm:
        parts += [
            box((-0.08, 0.08), (3.5, 6.0), (-0.08, 0.08), Label.POLE, 0, Material.METAL),
            box((0.0, 4.0), (5.75, 5.9), (-0.06, 0.06), Label.POLE, 0, Material.METAL),
            _head(lit).moved(3.7, 5.1, -0.1),
        ]
    return join(parts)


SIGNS = ("limit", "order", "warning", "square", "direction", "stop")
"""Kinds of signs: red ring, blue disc, triangle, blue square, large board, red octagon."""


@cache
def sign(kind: str) -> Solid:
    """A traffic sign on its post; slots: post, border, inside, mark."""
    label, paint = Label.TRAFFIC_SIGN, Material.PAINT
    if kind == "direction":
        return join([
            box((-0.95, -0.83), (0.0, 3.4), (-0.05, 0.05), Label.POLE, 0, Material.METAL),
            box((0.83, 0.95), (0.0, 3.4), (-0.05, 0.05), Label.POLE, 0, Material.METAL),
            box((-1.2, 1.2), (2.1, 3.5), (-0.1, -0.07), label, 2, paint),
            plate((-1.0, 0.6), (3.0, 3.2), -0.12, label, 3, paint, towards=-1),
            plate((-1.0, 0.9), (2.45, 2.65), -0.12, label, 3, paint, towards=-1),
        ])  # fmt: skip
    y = 2.6
    if kind == "warning":
        outer = prism([(-0.48, y - 0.3), (0.48, y - 0.3), (0.0, y + 0.52)], (-0.09, -0.06), label, 1, paint, axis="z")
        inner = prism([(-0.29, y - 0.2), (0.29, y - 0.2), (0.0, y + 0.3)], (-0.12, -0.09), label, 2, paint, axis="z")
    elif kind == "square":
        outer = box((-0.4, 0.4), (y - 0.4, y + 0.4), (-0.09, -0.06), label, 1, paint)
        inner = plate((-0.35, 0.35), (y - 0.35, y + 0.35), -0.11, label, 2, paint, towards=-1)
    else:
        outer = disc((0.0, y, -0.09), 0.43, label, 1, paint, axis="z", towards=-1)
        inner = disc((0.0, y, -0.11), 0.3 if kind == "limit" else 0.38, label, 2, paint, axis="z", towards=-1)
    mark = plate((-0.15, 0.15), (y - 0.07, y + 0.07), -0.13, label, 3, paint, towards=-1)
    post = box((-0.05, 0.05), (0.0, y + 0.2), (-0.05, 0.05), Label.POLE, 0, Material.METAL)
    return join([post, outer, inner, mark])


@cache
def bin() -> Solid:
    """A litter bin: street furniture has no class in the benchmarks."""
    body = box((-0.25, 0.25), (0.0, 0.85), (-0.25, 0.25), Label.VOID, 0, Material.METAL)
    return join([body, box((-0.29, 0.29), (0.85, 0.98), (-0.29, 0.29), Label.VOID, 1, Material.RUBBER)])
