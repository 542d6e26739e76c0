"""Light and weather: the sun and the sky, haze, street lamps, rain."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from landbridge.data.streets.geometry import Floats
from landbridge.data.streets.knobs import Knobs
from landbridge.data.streets.street import Street
from landbridge.data.streets.view import View

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """What shines on a street; colours are red, green and blue, 1 is as bright as paper by day.

    Attributes:
        sun: its colour, 0 where there is none.
        ambient: light from everywhere.
        top, bottom: the sky's colours, high up and at the horizon.
        elevation: least and most height of the sun, in degrees.
        lamps: how bright street lamps and lit windows are.
        haze: share of light that a metre of air takes away.
    """

    sun: Colour
    ambient: Colour
    top: Colour
    bottom: Colour
    elevation: tuple[float, float]
    lamps: float
    haze: float


LIGHTS: Mapping[str, Light] = {
    "day": Light((0.62, 0.59, 0.52), (0.46, 0.49, 0.54), (0.32, 0.55, 0.88), (0.75, 0.85, 0.95), (28, 60), 0.0, 0.0012),
    "dusk": Light((0.34, 0.19, 0.09), (0.25, 0.23, 0.3), (0.2, 0.24, 0.42), (0.93, 0.6, 0.4), (8, 16), 0.55, 0.003),
    "night": Light((0.0, 0.0, 0.0), (0.075, 0.085, 0.13), (0.02, 0.03, 0.07), (0.11, 0.1, 0.13), (40, 60), 0.8, 0.003),
}

_AIR = {"clear": 1.0, "fog": 26.0, "rain": 5.0}
"""Factor on the haze of a clear day."""


def lit(knobs: Knobs) -> Light:
    """The light at a time of day in some weather."""
    light = LIGHTS[knobs.light]
    if knobs.weather == "clear":
        return light
    # Clouds: the sun's light comes from everywhere, weaker, and sky and air are grey.
    share, dim = (0.45, 0.95) if knobs.weather == "fog" else (0.25, 0.72)
    ambient = tuple((a + share * s) * dim for a, s in zip(light.ambient, light.sun))
    level = dim * 0.85 * (sum(light.bottom) + sum(light.top)) / 6
    warm = sum(light.bottom)
    sky = tuple(level * (0.55 + 0.45 * 3 * b / warm) for b in light.bottom)
    top = tuple(s * (0.97 if knobs.weather == "fog" else 0.78) for s in sky)
    haze = LIGHTS["day"].haze * _AIR[knobs.weather]
    return Light((0.0, 0.0, 0.0), _colour(ambient), _colour(top), _colour(sky), light.elevation, light.lamps, haze)


def _colour(values: tuple[float, ...]) -> Colour:
    return values[0], values[1], values[2]


def array(colour: Colour) -> Floats:
    """A colour that pixels can be multiplied with."""
    return np.array(colour, np.float32)


def direction(rng: np.random.Generator, light: Light) -> Floats:
    """Where the sun is, a unit vector: behind the camera or beside it, never straight across the street."""
    height = np.deg2rad(rng.uniform(*light.elevation))
    around = np.deg2rad(rng.uniform(25, 65)) * rng.choice((-1, 1))
    flat = np.cos(height)
    return np.array([flat * np.sin(around), np.sin(height), -flat * np.cos(around)], np.float32)


def sky(view: View, light: Light) -> Floats:
    """The sky's colours in each row, float32 [H, 1, 3]."""
    rows = len(view.z)
    up = (view.horizon - np.arange(rows, dtype=np.float32)) / np.float32(max(view.horizon, 1))
    share = np.clip(up, 0, 1)[:, None, None] ** np.float32(0.7)
    colours: Floats = array(light.bottom) * (1 - share) + array(light.top) * share
    return colours


def hazy(image: Floats, view: View, light: Light, sky_colour: Floats, thicker: float = 1.0) -> Floats:
    """The air's colour over what is far; the sky itself stays."""
    through = np.exp(-np.float32(light.haze * thicker) * np.minimum(view.z, 400))[..., None]
    seen: Floats = (image - sky_colour) * through + sky_colour
    return seen


def lamplight(street: Street, view: View, strength: float) -> Floats:
    """Light of street lamps and of one's own headlights, float32 [H, W, 1], 0 to about 1."""
    total = np.zeros_like(view.z)
    for x, y, z in street.lanterns[:14]:
        square = (view.x - x) ** 2 + (view.z - z) ** 2 + 0.5 * (view.y - y) ** 2
        total += np.float32(14.0) / (square + np.float32(14.0))
    beside = (view.x - np.float32(street.camera.x)) / (1.2 + 0.22 * view.z)
    ahead = np.exp(-beside * beside) / (1 + (view.z / 16) ** 2) * np.clip(1.3 - view.y / 3, 0, 1)
    light: Floats = np.float32(strength) * (0.75 * total + 0.9 * ahead) * (view.z < 300)
    return light[..., None]


WARM: Colour = (1.0, 0.82, 0.55)
"""Of lamps."""


def streaks(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Falling rain: short, slanted, bright lines, float32 [H, W, 1], 0 to 1."""
    rows, columns = size
    picture = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(picture)
    slant = rng.uniform(-0.25, 0.25)
    for _ in range(max(40, rows * columns // 170)):
        x, y = rng.uniform(0, columns), rng.uniform(-10, rows)
        long = rng.uniform(0.02, 0.07) * rows
        draw.line((x, y, x + slant * long, y + long), fill=int(rng.integers(30, 110)))
    return (np.asarray(picture, np.float32) / 255)[..., None]
