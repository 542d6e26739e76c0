"""The look of a photograph: textures, shadows, haze, reflections, and a camera that is not perfect."""

import numpy as np

from landbridge.data.streets import lighting
from landbridge.data.streets.geometry import Bytes, Faces, Floats
from landbridge.data.streets.knobs import Knobs
from landbridge.data.streets.labels import Material
from landbridge.data.streets.lighting import Light
from landbridge.data.streets.patterns import is_any, is_ground, markings, noise, surface, windows
from landbridge.data.streets.places import rgb
from landbridge.data.streets.raster import normals, rasterise
from landbridge.data.streets.sensor import blurred, compressed, taken
from landbridge.data.streets.street import Street
from landbridge.data.streets.view import View, look

VIVID, SPREAD = 0.72, 0.3
"""Of this look's colours: see `Paint`."""

FINER = 2
"""Rows and columns that are computed for each one of the picture."""

_GROUND = {Material.ASPHALT: "4a4a4a", Material.PAVING: "857b6e", Material.GRASS: "566034"}

_ROUGH = {
    # Coarse and fine strength of the noise on a material, and periods a metre of the fine one.
    Material.PAINT: (0.05, 0.02, 12), Material.GLASS: (0.25, 0.05, 6), Material.RUBBER: (0.1, 0.1, 20),
    Material.FACADE: (0.12, 0.09, 18), Material.BRICK: (0.13, 0.14, 26), Material.CONCRETE: (0.12, 0.12, 20),
    Material.SLATS: (0.12, 0.14, 24), Material.FOLIAGE: (0.22, 0.42, 34), Material.CLOTH: (0.12, 0.12, 40),
    Material.METAL: (0.08, 0.08, 30), Material.ROOF: (0.12, 0.16, 24), Material.FUR: (0.12, 0.18, 60),
    Material.ASPHALT: (0.07, 0.09, 42), Material.PAVING: (0.1, 0.11, 30), Material.GRASS: (0.2, 0.28, 40),
}  # fmt: skip
_COARSE, _FINE, _PERIODS = (np.zeros(256, np.float32) for _ in range(3))
for _material, (_coarse, _fine, _periods) in _ROUGH.items():
    _COARSE[_material], _FINE[_material], _PERIODS[_material] = _coarse, _fine, _periods

_CELL = 0.2
_WIDTH, _DEPTH = 44.0, 60.0
"""What shadows are computed for: a cell, how far to the sides together, how far ahead; in metres."""


def render(street: Street, knobs: Knobs, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Bytes, View]:
    """A picture, uint8 [H, W, 3], and what is seen in it at `FINER` rows and columns a pixel.

    Args:
        street: the street.
        knobs: light, weather and sensor.
        rng: decides on the sun, the rain, the clouds and the camera's noise.
        size: rows and columns of the picture.
    """
    view, light = look(street, (size[0] * FINER, size[1] * FINER)), lighting.lit(knobs)
    above, drops, grains = rng.spawn(3)
    sun = lighting.direction(above, light)
    drift, tint = above.uniform(0, 256, 2).astype(np.float32), above.uniform(0.95, 1.05, 3).astype(np.float32)
    u, v = surface(view)
    colours = _coloured(street, view, light, u, v)
    facing = np.clip(view.normals @ sun, 0, 1)
    if max(light.sun) > 0:
        facing = facing * _sunlit(street.faces, view, sun)
    # Little light of the sky comes down into corners: what is low is darker.
    open_sky = (0.72 + 0.28 * np.clip(view.y / 4 + 0.25, 0, 1)) * (0.8 + 0.2 * view.normals[..., 1])
    open_sky[is_ground(view)] = 1.0
    sources = np.stack([lighting.array(light.ambient), lighting.array(light.sun) * 1.25])
    shade = np.stack([open_sky, facing], axis=-1) @ sources
    if light.lamps:
        shade = shade + lighting.array(lighting.WARM) * lighting.lamplight(street, view, light.lamps)
    image: Floats = colours * shade
    glow = _glow(view, colours, light)
    image += glow
    _paint_sky(image, view, light, drift, cloudy=knobs.weather == "clear")
    image = _coarser(lighting.hazy(image, view, light, lighting.array(light.bottom), 1.5))
    if light.lamps:
        image = image + 1.6 * blurred(np.minimum(_coarser(glow), 1), 2.5 * size[1] / 240)
    if knobs.weather == "rain":
        image = _wet(image, view) + (0.1 + 0.3 * image.mean()) * lighting.streaks(drops, size)
    image = _toned(image * tint)
    return compressed(taken(image, knobs, grains, blur=0.55, noise=0.022), 72), view


def _coarser(image: Floats) -> Floats:
    parts = [image[row::FINER, column::FINER] for row in range(FINER) for column in range(FINER)]
    return sum(parts[1:], parts[0]) / np.float32(FINER**2)


def _coloured(street: Street, view: View, light: Light, u: Floats, v: Floats) -> Floats:
    """The colour of everything in white light."""
    colours, ground = view.colours.copy(), is_ground(view)
    for material, text in _GROUND.items():
        colours[ground & (view.materials == material)] = rgb(text)
    _paint_ground(street, view, colours)
    pixel = view.z / np.float32(view.focal)
    _paint_walls(view, colours, light, u, v, pixel)
    offset = (view.things % 97).astype(np.float32) * 13
    coarse = noise(u * 5 + offset, v * 5 + offset)
    periods = _PERIODS[view.materials]
    fine = noise(u * periods + offset, v * periods - offset)
    near = np.minimum(1, 1.6 / (1 + pixel * periods * 0.5))
    texture = 1 + _COARSE[view.materials] * coarse + _FINE[view.materials] * near * fine
    textured: Floats = colours * np.clip(texture, 0.25, 1.9)[..., None]
    return textured


def _paint_ground(street: Street, view: View, colours: Floats) -> None:
    floor = is_any(view, Material.ASPHALT, Material.PAVING) & is_ground(view)
    across, z = view.across[floor], view.z[floor]
    paint = markings(street.ground, across, z, view.focal, street.camera.height)
    worn = np.clip(0.75 + 0.35 * noise(across * 9, z * 9), 0.25, 0.95)
    here = colours[floor]
    # Tyres darken the middle of lanes; slabs of the sidewalk have joints.
    lane = np.abs((across / street.ground.lane) % 1 - 0.5)
    asphalt = view.materials[floor] == Material.ASPHALT
    slab = (np.minimum(across % 0.9, z % 0.9) < 0.05) & (z < 14)
    here *= np.where(asphalt, 0.9 + 0.25 * lane, np.where(slab, 0.8, 1.0))[:, None].astype(np.float32)
    for cover, colour in ((paint.curb, rgb("a39c90")), (paint.rails, rgb("4a4643"))):
        here += cover[:, None] * (colour - here)
    lines = np.maximum(paint.white, paint.middle) * worn
    here += lines[:, None] * (rgb("cfccc2") - here)
    colours[floor] = here


def _paint_walls(view: View, colours: Floats, light: Light, u: Floats, v: Floats, pixel: Floats) -> None:
    walls = is_any(view, Material.FACADE)
    u_, v_ = u[walls], v[walls]
    panes = windows(u_, v_, view.things[walls], pixel[walls])
    here, cover = colours[walls], panes.glass[:, None]
    here += panes.frame[:, None] * 0.6 * (np.clip(here * 1.35, 0, 1) - here)
    # Panes mirror the sky, each in its own way, more so towards their tops.
    bright = np.float32(0.14) + np.float32(0.3) * panes.chance**3 * np.float32(min(1.0, sum(light.bottom) / 1.5))
    glass = bright[:, None] * np.array([0.85, 0.97, 1.1], np.float32)
    here += cover * (glass - here)
    colours[walls] = here
    bricks = is_any(view, Material.BRICK)
    course = np.floor(v[bricks] / 0.14)
    joint = ((v[bricks] / 0.14) % 1 < 0.18) | ((u[bricks] / 0.42 + 0.5 * course) % 1 < 0.06)
    colours[bricks] *= np.where(joint & (pixel[bricks] < 0.06), 0.78, 1.0)[:, None].astype(np.float32)
    slats = is_any(view, Material.SLATS)
    gap = (u[slats] % 0.24 < 0.07) & (pixel[slats] < 0.12)
    rail = np.abs(v[slats] - 0.35) < 0.06
    colours[slats] *= np.where(gap & ~rail, 0.42, 1.0)[:, None].astype(np.float32)


def _glow(view: View, colours: Floats, light: Light) -> Floats:
    """What shines by itself: lamps, and from dusk on lanterns and some windows."""
    glow = np.zeros_like(colours)
    lamps = is_any(view, Material.LAMP)
    glow[lamps] = colours[lamps] * np.float32(0.45 + light.lamps)
    if light.lamps:
        glow[is_any(view, Material.LANTERN)] = np.array([1.6, 1.35, 0.9], np.float32)
        walls = is_any(view, Material.FACADE)
        u, v = surface(view)
        pixel = view.z[walls] / np.float32(view.focal)
        panes = windows(u[walls], v[walls], view.things[walls], pixel)
        warm = np.array([0.75, 0.52, 0.24], np.float32) * (0.4 + panes.chance[:, None])
        glow[walls] = (panes.chance < 0.38 * light.lamps + 0.1)[:, None] * panes.glass[:, None] * warm
    return glow


def _sunlit(faces: Faces, view: View, sun: Floats) -> Floats:
    """Where the sun reaches, 0 or 1: nothing lies higher on the way to it.

    Every point goes along the sun's ray down to the ground; of all that fall on one cell the highest is lit.
    """
    slide = sun[[0, 2]] / sun[1]
    points = faces.points
    fallen = points[..., [0, 2]] - points[..., 1:2] * slide
    cells = (fallen + np.array([_WIDTH / 2, 0], np.float32)) / np.float32(_CELL)
    looks = normals(points)
    # On a face n.p = d. With x = a + y sx and z = b + y sz, its height is a plane over (a, b).
    upright = looks @ (sun / sun[1])
    usable = np.abs(upright) > 1e-3 * np.linalg.norm(looks, axis=1)
    upright = np.where(usable, upright, 1)
    distance = (points[:, 0] * looks).sum(1)
    plane = np.stack(
        [
            -looks[:, 0] * _CELL / upright,
            -looks[:, 2] * _CELL / upright,
            (distance + looks[:, 0] * _WIDTH / 2) / upright,
        ],
        axis=1,
    )
    shape = int(_DEPTH / _CELL), int(_WIDTH / _CELL)
    start = np.zeros(shape[0] * shape[1], np.float32)
    _, highest = rasterise(cells[usable], plane[usable].astype(np.float32), shape, start)
    # Edges fray a little: else the cells show as stairs.
    frayed = np.float32(0.6) * noise(view.x * 90, view.z * 90)
    column = ((view.x - view.y * slide[0] + _WIDTH / 2) / _CELL + frayed).astype(np.int32)
    row = ((view.z - view.y * slide[1]) / _CELL - frayed).astype(np.int32)
    inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    above = highest[np.clip(row, 0, shape[0] - 1), np.clip(column, 0, shape[1] - 1)]
    return np.where(inside & (above > view.y + 0.25), np.float32(0.0), np.float32(1.0))


def _paint_sky(image: Floats, view: View, light: Light, drift: Floats, *, cloudy: bool) -> None:
    """The sky, maybe with single clouds that lie flat and high up."""
    row, column = np.nonzero(is_any(view, Material.AIR))
    colours = lighting.sky(view, light)[row, 0]
    if cloudy:
        up = np.maximum(view.horizon - row.astype(np.float32) - 0.5, 3) / np.float32(view.focal)
        across = (column.astype(np.float32) - image.shape[1] / 2) / np.float32(view.focal)
        cloud = noise(across / up * 22 + drift[0], 22 / up + drift[1])
        cover = np.clip(0.45 * cloud - 0.05, 0, 0.8) * np.clip(up * 8, 0, 1)
        white = (0.25 + 0.75 * lighting.array(light.bottom)) * np.float32(max(light.bottom))
        colours += cover[:, None] * (white - colours)
    image[row, column] = colours


def _wet(image: Floats, view: View) -> Floats:
    """Asphalt that mirrors what stands behind it."""
    rows = len(image)
    road = view.materials[::FINER, ::FINER] == Material.ASPHALT
    horizon = view.horizon / FINER
    mirrored = np.clip(2 * horizon - np.arange(rows), 0, rows - 1).astype(np.int64)
    other = blurred(np.minimum(image, 1), 3 * image.shape[1] / 240)[mirrored]
    return np.where(road[..., None], 0.62 * image + 0.4 * other, image)


def _toned(image: Floats) -> Floats:
    """A camera's curve, and less light in the corners."""
    rows, columns = image.shape[:2]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :] ** 2
    image = np.maximum(image, 0) * (1 - 0.16 * (x + y)[..., None])
    return image / (image + np.float32(0.42)) * np.float32(1.3)
