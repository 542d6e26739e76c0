"""What can be turned in a street: one knob a kind of shift between domains."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from landbridge.core.errors import BadDataError, UnknownNameError

CHOICES: Mapping[str, tuple[str, ...]] = {
    "weather": ("clear", "fog", "rain"),
    "light": ("day", "dusk", "night"),
    "location": ("boulevard", "town", "suburb"),
    "sensor": ("standard", "noise", "blur", "wide", "colour"),
}
"""Knob -> what it can be set to."""

SIZE = (180, 240)
"""Height and width of the pictures where nothing else is asked for."""

LOOKS: Mapping[str, str] = {"sim": "boulevard", "real-ish": "town"}
"""Look -> the location it shows where nothing else is asked for."""

SMALLEST = 32


@dataclass(frozen=True)
class Knobs:
    """How a street looks.

    Attributes:
        weather: `clear`, `fog` (hides what is far) or `rain` (wet road, grey sky, no shadows).
        light: `day`, `dusk` (low sun, lamps on) or `night`.
        location: `boulevard` (wide, tall offices), `town` (narrow, old houses, trees) or `suburb` (gardens, fences);
            None is the look's own. It changes the layout, and thereby the labels.
        sensor: `standard`, `noise`, `blur`, `wide` (field of view: changes the labels too) or `colour` (balance).

    >>> Knobs(light="dawn")
    Traceback (most recent call last):
    landbridge.core.errors.UnknownNameError: unknown light 'dawn' of a street; known: day, dusk, night
    """

    weather: str = "clear"
    light: str = "day"
    location: str | None = None
    sensor: str = "standard"

    def __post_init__(self) -> None:
        for knob in fields(self):
            value, known = getattr(self, knob.name), CHOICES[knob.name]
            if value is not None and value not in known:
                raise UnknownNameError(f"unknown {knob.name} '{value}' of a street; known: {', '.join(known)}")


def size_of(text: str) -> tuple[int, int]:
    """Height and width from text of the form WIDTHxHEIGHT.

    Raises:
        BadDataError: it is not of that form, or too small to show a street.

    >>> size_of("512x256")
    (256, 512)
    """
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= SMALLEST):
        raise BadDataError(
            f"'{text}' is no size of a street: write WIDTHxHEIGHT in pixels, as in 512x256, each {SMALLEST} or more"
        )
    return int(height), int(width)
