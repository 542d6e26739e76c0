"""Patterns on surfaces, as functions of where a pixel is: markings, windows, noise."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from landbridge.data.streets.geometry import Flags, Floats, Integers
from landbridge.data.streets.labels import Label, Material
from landbridge.data.streets.street import LEFT, RIGHT, Ground
from landbridge.data.streets.view import View

_TILE = 256


@cache
def noise_tile() -> Floats:
    """Noise of five octaves, which repeats itself, of mean 0 and deviation 1; float32 [256, 256]."""
    rng = np.random.default_rng(11)
    total = np.zeros((_TILE, _TILE))
    for octave in range(5):
        side = 16 << octave
        coarse = rng.standard_normal((side, side))
        step = _TILE // side
        total += 0.62**octave * _enlarged(coarse, step)
    tile: Floats = ((total - total.mean()) / total.std()).astype(np.float32)
    return tile


def _enlarged(coarse: Floats, step: int) -> Floats:
    """Bilinear, and periodic, by a whole factor."""
    for axis in (0, 1):
        share = (np.arange(step) / step).reshape((-1, 1) if axis == 0 else (1, -1))
        following = np.roll(coarse, -1, axis=axis)
        low, high = np.expand_dims(coarse, axis + 1), np.expand_dims(following, axis + 1)
        weight = share.reshape((1, step, 1) if axis == 0 else (1, 1, step))
        coarse = (low * (1 - weight) + high * weight).reshape(
            (-1, coarse.shape[1]) if axis == 0 else (coarse.shape[0], -1)
        )
    return coarse


def noise(u: Floats, v: Floats) -> Floats:
    """The noise at (u, v), in steps of its tile: 256 units are a period, 16 the coarsest feature."""
    across = np.floor(u).astype(np.int32) & (_TILE - 1)
    down = np.floor(v).astype(np.int32) & (_TILE - 1)
    found: Floats = noise_tile()[down, across]
    return found


def surface(view: View) -> tuple[Floats, Floats]:
    """Coordinates on the surface of each pixel in metres: along it and up, or x and z where it lies flat."""
    nx, ny, nz = view.normals[..., 0], view.normals[..., 1], view.normals[..., 2]
    flat = np.abs(ny) > 0.7
    return np.where(flat, view.x, view.x * nz - view.z * nx), np.where(flat, view.z, view.y)


def covered(distance: Floats, half: float, pixel: Floats) -> Floats:
    """How much of a pixel a stripe covers whose middle is at a distance; `pixel` is the width of one, all in metres."""
    reach = np.maximum(pixel, 1e-6)
    return np.clip(0.5 + (half - np.abs(distance)) / reach, 0, 1) * np.minimum(1, 2 * half / reach)


@dataclass(frozen=True)
class Markings:
    """How much of each pixel of the ground is painted, 0 to 1.

    Attributes:
        white: lines, dashes, crossings.
        middle: the line in the middle of the road.
        rails: steel.
        curb: curb stones.
    """

    white: Floats
    middle: Floats
    rails: Floats
    curb: Floats


def markings(ground: Ground, across: Floats, z: Floats, focal: float, height: float) -> Markings:
    """What is painted on the ground, and set into it.

    Args:
        ground: the street's.
        across: where pixels are, from the middle of the road, in metres.
        z: how far ahead.
        focal: of the camera, in pixels.
        height: of the camera, in metres.
    """
    wide, deep = z / np.float32(focal), z * z / np.float32(focal * height)
    on_road = np.abs(across) < np.where(across < 0, ground.edge(LEFT), ground.edge(RIGHT))
    open_road: Flags = on_road
    zebra = np.zeros_like(z)
    if ground.junction is not None:
        start, end = ground.junction
        open_road = on_road & ((z < start - 5.5) | (z > end + 1.5))
        ladder = covered((across % 1.0) - 0.5, 0.25, wide) * covered(z - (start - 2.6), 1.5, deep)
        stop = covered(z - (start - 5.0), 0.2, deep) * (across > 0)
        zebra = np.maximum(ladder, stop) * (np.abs(across) < ground.lanes * ground.lane)
    dashes = covered((z % 6.0) - 1.5, 1.5, deep)
    white = np.zeros_like(z)
    for number in range(1, ground.lanes):
        for sign in (-1, 1):
            white = np.maximum(white, covered(across - sign * number * ground.lane, 0.07, wide) * dashes)
    for side, sign in ((LEFT, -1), (RIGHT, 1)):
        if ground.parking[side]:
            white = np.maximum(white, 0.8 * covered(across - sign * ground.lanes * ground.lane, 0.06, wide))
    middle = covered(across, 0.08, wide)
    middle = middle * dashes if ground.lanes == 1 else covered(np.abs(across) - 0.17, 0.06, wide)
    rails = np.zeros_like(z)
    if ground.rails is not None:
        rails = covered(np.abs(across - ground.rails) - 0.72, 0.05, wide)
    curb = np.zeros_like(z)
    for side, sign in ((LEFT, -1), (RIGHT, 1)):
        curb = np.maximum(curb, covered(across - sign * (ground.edge(side) + 0.1), 0.12, wide))
    if ground.junction is not None:
        curb = curb * ((z < ground.junction[0]) | (z > ground.junction[1]))
    return Markings(np.maximum(white * open_road, zebra), middle * open_road, rails, curb)


@dataclass(frozen=True)
class Windows:
    """Of a building's pixels.

    Attributes:
        glass: how much of the pixel is window, 0 to 1.
        frame: how much is the frame around it.
        chance: a number of 0 to 1 that all of a window shares.
    """

    glass: Floats
    frame: Floats
    chance: Floats


def windows(u: Floats, v: Floats, things: Integers, pixel: Floats) -> Windows:
    """Windows in rows and columns, other ones in every building, and shops on some ground floors.

    Args:
        u: metres along the wall.
        v: metres above the street.
        things: which building.
        pixel: width of a pixel in metres.
    """
    rng = np.random.default_rng(23)
    table = rng.random((64, 6), dtype=np.float32)[things % 64]
    wide, high = 1.7 + 1.6 * table[..., 0], 2.8 + 0.7 * table[..., 1]
    half_u, half_v = wide * (0.2 + 0.2 * table[..., 2]), high * (0.22 + 0.12 * table[..., 3])
    shop = (table[..., 4] < 0.5) & (v < 3.0)
    wide, half_u = np.where(shop, 4.2, wide), np.where(shop, 1.8, half_u)
    column, row = np.floor(u / wide), np.floor((v - 0.3) / high)
    du, dv = u - (column + 0.5) * wide, v - 0.3 - (row + 0.5) * high
    inside = _window(du, half_u, pixel) * _window(dv, half_v, pixel)
    around = _window(du, half_u + 0.14, pixel) * _window(dv, half_v + 0.14, pixel)
    key = (column * 127.1 + row * 311.7 + things * 74.7).astype(np.float32)
    chance = np.modf(np.abs(np.sin(key) * 43.7))[0].astype(np.float32)
    return Windows(inside, around - inside, chance)


def _window(distance: Floats, half: Floats, pixel: Floats) -> Floats:
    return np.clip(0.5 + (half - np.abs(distance)) / np.maximum(pixel, 1e-6), 0, 1)


def is_any(view: View, *materials: Material) -> Flags:
    """Which pixels are made of one of these."""
    table = np.zeros(256, np.bool_)
    table[list(materials)] = True
    found: Flags = table[view.materials]
    return found


def is_ground(view: View) -> Flags:
    """Which pixels are road, sidewalk or terrain."""
    found: Flags = (view.things < 0) & (view.labels != Label.SKY)
    return found
