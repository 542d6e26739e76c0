"""Cars, trucks, buses, trams, motorcycles, bicycles and tuk-tuks; they head away from the camera (z)."""

from collections.abc import Sequence
from functools import cache

from landbridge.data.streets.geometry import Point, Solid, Span, box, disc, join, plate, prism
from landbridge.data.streets.labels import Label, Material

BODY, GLASS, TYRE, TAIL, HEAD, SECOND, THIRD, PLATE = range(8)
"""Slots of a vehicle's colours."""


def _wheels(label: Label, half: float, places: Sequence[float], radius: float, width: float = 0.25) -> Solid:
    """Pairs of wheels: tyres that are seen from ahead and behind, discs with hubs that are seen from the side."""
    parts = []
    for z in places:
        for side in (-1, 1):
            outer = side * half
            span = (min(outer, outer - side * width), max(outer, outer - side * width))
            parts.append(
                box(span, (0.0, radius * 1.6), (z - radius * 0.8, z + radius * 0.8), label, TYRE, Material.RUBBER)
            )
            face = outer + side * 0.015
            parts.append(disc((face, radius, z), radius, label, TYRE, Material.RUBBER, axis="x", towards=side))
            hub = face + side * 0.01
            parts.append(disc((hub, radius, z), radius * 0.55, label, THIRD, Material.METAL, axis="x", towards=side))
    return join(parts)


def _lights(label: Label, half: float, length: float, y: Span, width: float, *, plate_at: float) -> Solid:
    """Red lights and a number plate behind, white ones ahead."""
    behind, ahead = -length / 2 - 0.02, length / 2 + 0.02
    parts = [plate((-0.26, 0.26), (plate_at, plate_at + 0.14), behind, label, PLATE, Material.PAINT, towards=-1)]
    for low, high in ((-half, -half + width), (half - width, half)):
        parts.append(plate((low, high), y, behind, label, TAIL, Material.LAMP, towards=-1))
        parts.append(plate((low, high), y, ahead, label, HEAD, Material.LAMP, towards=1))
    return join(parts)


def _cabin(profile: Sequence[Point], half: float, panes: Sequence[int], label: Label) -> Solid:
    """What stands on a car's body: panes are the rims made of glass, and the sides are glass too."""
    count = len(profile)
    slots = [GLASS if rim in panes else BODY for rim in range(count)] + [GLASS]
    made = [Material.GLASS if rim in panes else Material.PAINT for rim in range(count)] + [Material.GLASS]
    return prism(profile, (-half, half), label, slots, made)


def _pillars(places: Sequence[float], half: float, y: Span, label: Label) -> Solid:
    return join([box((-half, half), y, (z - 0.05, z + 0.05), label, BODY) for z in places])


@cache
def hatchback() -> Solid:
    """A car of 4.1 m."""
    body = [(-2.05, 0.28), (2.05, 0.28), (2.05, 0.68), (1.85, 0.82), (-1.95, 0.95), (-2.05, 0.8)]
    cabin = [(-1.95, 0.93), (1.05, 0.85), (0.35, 1.4), (-0.3, 1.47), (-1.55, 1.43)]
    return join([
        prism(body, (-0.87, 0.87), Label.CAR, BODY),
        _cabin(cabin, 0.78, (1, 4), Label.CAR),
        _pillars((-0.55,), 0.8, (0.9, 1.38), Label.CAR),
        box((-0.87, 0.87), (0.2, 0.38), (-2.08, 2.08), Label.CAR, TYRE, Material.RUBBER),
        _wheels(Label.CAR, 0.87, (-1.28, 1.3), 0.32),
        _lights(Label.CAR, 0.85, 4.14, (0.64, 0.84), 0.3, plate_at=0.5),
    ])  # fmt: skip


@cache
def saloon() -> Solid:
    """A car of 4.6 m with a boot."""
    body = [(-2.3, 0.28), (2.3, 0.28), (2.3, 0.66), (2.05, 0.8), (-2.1, 0.95), (-2.3, 0.85)]
    cabin = [(-1.7, 0.93), (0.95, 0.85), (0.25, 1.38), (-0.3, 1.43), (-1.05, 1.4)]
    return join([
        prism(body, (-0.89, 0.89), Label.CAR, BODY),
        _cabin(cabin, 0.78, (1, 4), Label.CAR),
        _pillars((-0.4,), 0.8, (0.9, 1.35), Label.CAR),
        box((-0.89, 0.89), (0.2, 0.38), (-2.33, 2.33), Label.CAR, TYRE, Material.RUBBER),
        _wheels(Label.CAR, 0.89, (-1.4, 1.45), 0.32),
        _lights(Label.CAR, 0.87, 4.66, (0.68, 0.84), 0.36, plate_at=0.52),
    ])  # fmt: skip


@cache
def van() -> Solid:
    """A large car of 4.7 m with a straight back."""
    body = [(-2.35, 0.32), (2.35, 0.32), (2.35, 0.85), (2.05, 1.02), (-2.35, 1.1)]
    cabin = [(-2.33, 1.08), (1.5, 1.02), (0.65, 1.72), (-0.4, 1.82), (-2.15, 1.8)]
    return join([
        prism(body, (-0.94, 0.94), Label.CAR, BODY),
        _cabin(cabin, 0.86, (1, 4), Label.CAR),
        _pillars((-1.3, -0.2), 0.88, (1.05, 1.7), Label.CAR),
        box((-0.94, 0.94), (0.24, 0.45), (-2.38, 2.38), Label.CAR, TYRE, Material.RUBBER),
        _wheels(Label.CAR, 0.94, (-1.5, 1.5), 0.36),
        _lights(Label.CAR, 0.92, 4.76, (0.8, 1.2), 0.2, plate_at=0.6),
    ])  # fmt: skip


@cache
def truck() -> Solid:
    """A lorry of 8 m: a cab, and a large box behind it."""
    cab = [(2.05, 0.6), (4.0, 0.6), (4.0, 1.5), (3.7, 2.7), (2.05, 2.75)]
    return join([
        prism(cab, (-1.15, 1.15), Label.TRUCK, [BODY, BODY, GLASS, BODY, BODY, BODY]),
        box((-1.17, 1.17), (1.55, 2.3), (2.75, 3.55), Label.TRUCK, GLASS, Material.GLASS),
        box((-1.25, 1.25), (1.05, 3.5), (-4.0, 1.85), Label.TRUCK, SECOND),
        box((-1.26, 1.26), (1.0, 1.2), (-4.02, 1.87), Label.TRUCK, THIRD, Material.METAL),
        box((-1.05, 1.05), (0.55, 1.05), (-3.95, 3.9), Label.TRUCK, TYRE, Material.RUBBER),
        plate((-0.04, 0.04), (1.25, 3.4), -4.03, Label.TRUCK, THIRD, Material.METAL, towards=-1),
        _wheels(Label.TRUCK, 1.15, (-2.9, -1.8, 2.9), 0.48, 0.4),
        _lights(Label.TRUCK, 1.15, 8.06, (0.72, 0.95), 0.3, plate_at=0.72),
    ])  # fmt: skip


@cache
def bus() -> Solid:
    """A bus of 11 m: a band of windows all around."""
    shell = [(-5.5, 0.35), (5.5, 0.35), (5.5, 2.8), (5.2, 3.1), (-5.3, 3.1), (-5.5, 2.9)]
    panes = [box((-1.27, 1.27), (1.35, 2.45), (z, z + 1.4), Label.BUS, GLASS, Material.GLASS)
             for z in (-5.0, -3.4, -1.8, -0.2, 1.4, 3.0)]  # fmt: skip
    return join([
        prism(shell, (-1.25, 1.25), Label.BUS, BODY),
        *panes,
        box((-1.26, 1.26), (0.45, 0.85), (-5.51, 5.51), Label.BUS, SECOND),
        plate((-1.05, 1.05), (1.45, 2.5), -5.53, Label.BUS, GLASS, Material.GLASS, towards=-1),
        plate((-1.15, 1.15), (1.1, 2.45), 5.53, Label.BUS, GLASS, Material.GLASS, towards=1),
        plate((-0.8, 0.8), (2.55, 2.85), 5.54, Label.BUS, HEAD, Material.LAMP, towards=1),
        plate((-0.5, 0.5), (2.55, 2.8), -5.54, Label.BUS, HEAD, Material.LAMP, towards=-1),
        _wheels(Label.BUS, 1.25, (-3.4, 3.6), 0.48, 0.3),
        _lights(Label.BUS, 1.2, 11.1, (0.9, 1.2), 0.22, plate_at=0.6),
    ])  # fmt: skip


@cache
def tram() -> Solid:
    """A tram of 22 m in two cars, on rails."""
    parts = [box((-0.9, 0.9), (3.0, 3.1), (-0.3, 0.3), Label.TRAIN, TYRE, Material.RUBBER)]
    for low, high in ((-11.0, -0.25), (0.25, 11.0)):
        nose = [(low, 0.2), (high, 0.2), (high, 1.4), (high - 0.5 * (high > 1), 3.1), (high - 0.9 * (high > 1), 3.4),
                (low + 0.9 * (low < -1), 3.4), (low + 0.5 * (low < -1), 3.1), (low, 1.4)]  # fmt: skip
        slots = [TYRE, BODY, GLASS, BODY, THIRD, BODY, GLASS, BODY, BODY]
        parts += [
            prism(nose, (-1.22, 1.22), Label.TRAIN, slots),
            box((-1.24, 1.24), (0.75, 1.2), (low + 0.05, high - 0.05), Label.TRAIN, SECOND),
        ]
        first = low + 0.8
        for number in range(5):
            z = first + number * 1.9
            parts.append(box((-1.24, 1.24), (1.5, 2.6), (z, z + 1.6), Label.TRAIN, GLASS, Material.GLASS))
    parts += [
        plate((-0.95, 0.95), (3.05, 3.3), -10.3, Label.TRAIN, HEAD, Material.LAMP, towards=-1),
        box((-0.6, 0.6), (3.4, 3.9), (-3.6, -2.6), Label.TRAIN, THIRD, Material.METAL),
        _lights(Label.TRAIN, 1.05, 22.1, (0.9, 1.15), 0.25, plate_at=0.3),
    ]
    return join(parts)


def _two_wheels(label: Label, radius: float, reach: float, width: float) -> Solid:
    """Two wheels in line."""
    parts = []
    for z in (-reach, reach):
        half = width / 2
        tall = (0.0, 2 * radius)
        parts.append(box((-half, half), tall, (z - 0.3 * radius, z + 0.3 * radius), label, TYRE, Material.RUBBER))
        for side in (-1, 1):
            x = side * (half + 0.01)
            parts.append(disc((x, radius, z), radius, label, TYRE, Material.RUBBER, axis="x", towards=side))
            parts.append(
                disc((x + side * 0.01, radius, z), radius * 0.72, label, THIRD, Material.METAL, axis="x", towards=side)
            )
    return join(parts)


@cache
def bicycle() -> Solid:
    """A bicycle of 1.75 m."""
    frame = [(-0.5, 0.36), (0.0, 0.28), (0.42, 0.78), (0.36, 0.86), (-0.18, 0.82)]
    return join([
        _two_wheels(Label.BICYCLE, 0.35, 0.53, 0.06),
        prism(frame, (-0.035, 0.035), Label.BICYCLE, BODY),
        box((-0.04, 0.04), (0.8, 1.0), (-0.25, -0.17), Label.BICYCLE, TYRE, Material.RUBBER),
        box((-0.09, 0.09), (0.95, 1.02), (-0.36, -0.08), Label.BICYCLE, TYRE, Material.RUBBER),
        box((-0.05, 0.05), (0.35, 1.05), (0.4, 0.5), Label.BICYCLE, BODY),
        box((-0.3, 0.3), (1.0, 1.07), (0.36, 0.43), Label.BICYCLE, TYRE, Material.RUBBER),
        box((-0.07, 0.07), (0.62, 0.7), (-0.8, -0.2), Label.BICYCLE, THIRD, Material.METAL),
        plate((-0.06, 0.06), (0.5, 0.62), -0.83, Label.BICYCLE, TAIL, Material.LAMP, towards=-1),
    ])  # fmt: skip


@cache
def motorcycle() -> Solid:
    """A motorcycle of 2.1 m."""
    body = [(-0.55, 0.35), (0.35, 0.3), (0.6, 0.75), (0.45, 1.02), (0.05, 1.0), (-0.35, 0.82)]
    tail = [(-1.0, 0.72), (-0.3, 0.6), (-0.2, 0.88), (-0.6, 0.9), (-1.0, 0.95)]
    return join([
        _two_wheels(Label.MOTORCYCLE, 0.33, 0.72, 0.18),
        prism(body, (-0.2, 0.2), Label.MOTORCYCLE, BODY),
        prism(tail, (-0.17, 0.17), Label.MOTORCYCLE, BODY),
        box((-0.16, 0.16), (0.83, 0.95), (-0.75, -0.05), Label.MOTORCYCLE, TYRE, Material.RUBBER),
        box((-0.1, 0.1), (0.4, 1.12), (0.5, 0.7), Label.MOTORCYCLE, THIRD, Material.METAL),
        box((-0.38, 0.38), (1.05, 1.13), (0.42, 0.52), Label.MOTORCYCLE, TYRE, Material.RUBBER),
        box((0.18, 0.32), (0.3, 0.45), (-0.95, -0.2), Label.MOTORCYCLE, THIRD, Material.METAL),
        plate((-0.1, 0.1), (0.84, 0.95), -1.02, Label.MOTORCYCLE, TAIL, Material.LAMP, towards=-1),
        plate((-0.1, 0.1), (0.52, 0.7), -1.02, Label.MOTORCYCLE, PLATE, Material.PAINT, towards=-1),
        plate((-0.13, 0.13), (0.85, 1.08), 0.72, Label.MOTORCYCLE, HEAD, Material.LAMP, towards=1),
    ])  # fmt: skip


@cache
def tuk_tuk() -> Solid:
    """A motor rickshaw of 2.7 m: three wheels, a canopy, open sides."""
    label = Label.TUK_TUK
    tub = [(-1.3, 0.3), (1.0, 0.3), (1.35, 0.6), (1.1, 1.05), (-1.3, 1.05)]
    canopy = [(-1.35, 1.55), (1.0, 1.5), (0.85, 1.78), (0.3, 1.88), (-1.1, 1.88), (-1.35, 1.75)]
    return join([
        prism(tub, (-0.65, 0.65), label, BODY),
        box((-0.6, 0.6), (1.0, 1.6), (-1.25, -0.55), label, TYRE, Material.CLOTH),
        prism([(0.6, 1.0), (1.12, 1.0), (0.95, 1.55), (0.75, 1.55)], (-0.6, 0.6), label, GLASS, Material.GLASS),
        prism(canopy, (-0.7, 0.7), label, SECOND, Material.CLOTH),
        box((-0.67, 0.67), (1.0, 1.6), (-0.12, -0.04), label, BODY),
        plate((-0.66, 0.66), (0.35, 0.7), -1.32, label, BODY, Material.PAINT, towards=-1),
        plate((-0.45, 0.45), (1.15, 1.5), -1.36, label, GLASS, Material.GLASS, towards=-1),
        _wheels(label, 0.66, (-0.85,), 0.26, 0.14),
        box((-0.08, 0.08), (0.0, 0.5), (0.85, 1.3), label, TYRE, Material.RUBBER),
        _lights(label, 0.62, 2.7, (0.75, 0.9), 0.16, plate_at=0.45),
        disc((0.0, 0.85, 1.36), 0.14, label, HEAD, Material.LAMP, axis="z", towards=1),
    ])  # fmt: skip
