"""The look of a game: clean colours, hard edges, no texture, no shadow."""

import numpy as np

from landbridge.data.streets import lighting
from landbridge.data.streets.geometry import Bytes, Floats
from landbridge.data.streets.knobs import Knobs
from landbridge.data.streets.labels import Material
from landbridge.data.streets.lighting import Light
from landbridge.data.streets.patterns import is_any, is_ground, markings, surface, windows
from landbridge.data.streets.places import rgb
from landbridge.data.streets.sensor import taken
from landbridge.data.streets.street import Street
from landbridge.data.streets.view import View, look

VIVID, SPREAD = 1.5, 0.08
"""Of this look's colours: see `Paint`."""

_GROUND = {Material.ASPHALT: "5c5f66", Material.PAVING: "a9a6b0", Material.GRASS: "5fae3c"}
_STEPS = 3
"""Shades that light comes in."""


def render(street: Street, knobs: Knobs, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Bytes, View]:
    """A picture, uint8 [H, W, 3], and what is seen in it.

    Args:
        street: the street.
        knobs: light, weather and sensor.
        rng: decides on the sun, the rain and the noise.
        size: rows and columns.
    """
    view, light = look(street, size), lighting.lit(knobs)
    above, drops, grains = rng.spawn(3)
    sun = lighting.direction(above, light)
    colours = _coloured(street, view, light)
    facing = np.clip(view.normals @ sun, 0, 1)
    stepped = np.ceil(facing * _STEPS) / np.float32(_STEPS)
    shade = lighting.array(light.ambient) * 1.05 + lighting.array(light.sun) * stepped[..., None]
    if light.lamps:
        shade = shade + lighting.array(lighting.WARM) * lighting.lamplight(street, view, light.lamps)
    image: Floats = colours * shade
    image = _shining(view, colours, image, light)
    image = np.where(is_any(view, Material.AIR)[..., None], lighting.sky(view, light), image)
    image = lighting.hazy(image, view, light, lighting.array(light.bottom), 0.0 if knobs.weather == "clear" else 1.0)
    if knobs.weather == "rain":
        wet = np.float32(0.72) * image + np.float32(0.14) * lighting.array(light.bottom)
        image = np.where(is_any(view, Material.ASPHALT)[..., None], wet, image)
        image = image + (0.15 + 0.35 * image.mean()) * lighting.streaks(drops, size)
    return taken(image, knobs, grains, blur=0.0, noise=0.0), view


def _coloured(street: Street, view: View, light: Light) -> Floats:
    colours = view.colours.copy()
    ground = is_ground(view)
    for material, text in _GROUND.items():
        colours[ground & (view.materials == material)] = rgb(text)
    paint = markings(street.ground, view.across, view.z, view.focal, street.camera.height)
    steel, stone, white, yellow = rgb("3a3c40"), rgb("c8c6cc"), rgb("f4f4f4"), rgb("f0c83c")
    for cover, colour in ((paint.curb, stone), (paint.rails, steel), (paint.middle, yellow), (paint.white, white)):
        there = ground & (cover > 0.3) & (view.materials != Material.GRASS)
        colours[there] = colour
    walls = is_any(view, Material.FACADE)
    u, v = surface(view)
    pixel = view.z / np.float32(view.focal)
    panes = windows(u[walls], v[walls], view.things[walls], pixel[walls])
    base, cover = colours[walls], panes.glass[:, None]
    glass = np.where((panes.chance < 0.45)[:, None] & (light.lamps > 0), rgb("ffd870") * 3, rgb("4a78a8"))
    colours[walls] = base + (cover > 0.5) * (glass - base)
    slats = is_any(view, Material.SLATS)
    colours[slats] *= np.where((u[slats] % 0.5) < 0.22, 0.7, 1.0)[:, None].astype(np.float32)
    return colours


def _shining(view: View, colours: Floats, image: Floats, light: Light) -> Floats:
    lamps = is_any(view, Material.LAMP, *((Material.LANTERN,) if light.lamps else ()))
    image[lamps] = np.maximum(image[lamps], colours[lamps])
    return image
