"""People on foot and on two wheels, and animals."""

import math
from functools import cache

from landbridge.data.streets.geometry import Point, Solid, Span, box, join, prism
from landbridge.data.streets.labels import Label, Material

SHIRT, TROUSERS, SKIN, HAIR, SHOES = range(5)
"""Slots of a person's colours."""

COAT, PATCH, HOOF = range(3)
"""Slots of an animal's colours."""

STRIDES = (0.0, 0.22, -0.22, 0.32)
"""How far the feet of a walking person are from the middle, in metres."""


def _limb(top: Point, foot: Point, thick: float, x: Span, label: Label, slot: int, material: Material) -> Solid:
    """From one point (z, y) to another."""
    half = thick / 2
    profile = [(top[0] - half, top[1]), (foot[0] - half, foot[1]), (foot[0] + half, foot[1]), (top[0] + half, top[1])]
    return prism(profile, x, label, slot, material)


def _head(z: float, y: float, label: Label) -> Solid:
    around = [(0.105 * math.cos(a), y + 0.13 * math.sin(a)) for a in (math.pi / 8 + math.pi / 4 * n for n in range(8))]
    hair = [(-0.11, y + 0.03), (0.11, y + 0.03), (0.09, y + 0.14), (-0.09, y + 0.14)]
    return join([
        prism(around, (z - 0.1, z + 0.1), label, SKIN, Material.CLOTH, axis="z"),
        prism(hair, (z - 0.115, z + 0.112), label, HAIR, Material.CLOTH, axis="z"),
        box((-0.1, 0.1), (y - 0.08, y + 0.1), (z - 0.12, z - 0.09), label, HAIR, Material.CLOTH),
    ])  # fmt: skip


@cache
def walker(pose: int, *, skirt: bool = False) -> Solid:
    """A person of 1.75 m on foot.

    Args:
        pose: which of `STRIDES`.
        skirt: a skirt, or a long coat, over the legs.
    """
    label, stride, cloth = Label.PERSON, STRIDES[pose], Material.CLOTH
    torso = [(-0.17, 0.82), (0.17, 0.82), (0.23, 1.38), (0.14, 1.48), (-0.14, 1.48), (-0.23, 1.38)]
    parts = [
        prism(torso, (-0.13, 0.13), label, SHIRT, cloth, axis="z"),
        _head(0.0, 1.62, label),
    ]
    for side, swing in ((-1, stride), (1, -stride)):
        leg: Span = (0.02, 0.16) if side > 0 else (-0.16, -0.02)
        arm: Span = (0.2, 0.3) if side > 0 else (-0.3, -0.2)
        parts += [
            _limb((0.0, 0.88), (swing, 0.08), 0.17, leg, label, TROUSERS, cloth),
            box(leg, (0.0, 0.1), (swing - 0.09, swing + 0.17), label, SHOES, Material.RUBBER),
            _limb((0.0, 1.42), (-0.7 * swing, 0.92), 0.12, arm, label, SHIRT, cloth),
            _limb((-0.7 * swing, 0.94), (-0.75 * swing + 0.02, 0.8), 0.1, arm, label, SKIN, cloth),
        ]
    if skirt:
        parts.append(
            prism([(-0.24, 0.4), (0.24, 0.4), (0.17, 0.9), (-0.17, 0.9)], (-0.17, 0.17), label, SHIRT, cloth, axis="z")
        )
    return join(parts)


@cache
def rider(*, seat: float, reach: float, lean: float) -> Solid:
    """A person who sits on two wheels.

    Args:
        seat: height of the saddle.
        reach: how far ahead the hands are.
        lean: how far the shoulders are ahead of the hips.
    """
    label, cloth = Label.RIDER, Material.CLOTH
    hips, shoulders = (-0.2, seat + 0.05), (-0.2 + lean, seat + 0.6)
    head = shoulders[1] + 0.17
    parts = [_limb(shoulders, hips, 0.26, (-0.2, 0.2), label, SHIRT, cloth), _head(shoulders[0] + 0.06, head, label)]
    for side, foot in ((-1, 0.2), (1, 0.42)):
        leg: Span = (0.06, 0.2) if side > 0 else (-0.2, -0.06)
        arm: Span = (0.18, 0.28) if side > 0 else (-0.28, -0.18)
        knee = (0.2, seat - 0.12 + foot / 4)
        parts += [
            _limb(hips, knee, 0.2, leg, label, TROUSERS, cloth),
            _limb(knee, (0.06, foot), 0.15, leg, label, TROUSERS, cloth),
            box(leg, (foot - 0.09, foot + 0.02), (-0.02, 0.22), label, SHOES, Material.RUBBER),
            _limb((shoulders[0], shoulders[1] - 0.05), (reach, 1.05), 0.13, arm, label, SHIRT, cloth),
        ]
    return join(parts)


@cache
def animal(kind: str) -> Solid:
    """A cow of 2.2 m, or a dog of 1 m: four legs, a barrel, a neck, a head and a tail."""
    label, fur = Label.ANIMAL, Material.FUR
    barrel = [(-0.8, 0.75), (-0.7, 0.6), (0.65, 0.6), (0.8, 0.8), (0.8, 1.2), (0.7, 1.32), (-0.7, 1.32), (-0.85, 1.2)]
    parts = [
        prism(barrel, (-0.32, 0.32), label, COAT, fur),
        box((-0.33, 0.33), (0.8, 1.25), (-0.35, 0.15), label, PATCH, fur),
        prism([(0.6, 1.0), (0.85, 0.95), (1.15, 1.35), (0.95, 1.6), (0.6, 1.3)], (-0.17, 0.17), label, COAT, fur),
        prism([(0.9, 1.55), (1.05, 1.25), (1.45, 1.15), (1.5, 1.28), (1.1, 1.62)], (-0.14, 0.14), label, COAT, fur),
        box((-0.11, 0.11), (1.14, 1.3), (1.44, 1.53), label, HOOF, fur),
        prism([(-0.85, 1.25), (-0.8, 1.15), (-0.95, 0.55), (-1.0, 0.55)], (-0.05, 0.05), label, PATCH, fur),
    ]
    for z, swing in ((-0.68, 0.1), (-0.6, -0.08), (0.6, 0.08), (0.68, -0.1)):
        x: Span = (0.12, 0.3) if swing > 0 else (-0.3, -0.12)
        parts.append(_limb((z, 0.75), (z + swing, 0.06), 0.18, x, label, COAT, fur))
        parts.append(box(x, (0.0, 0.08), (z + swing - 0.09, z + swing + 0.09), label, HOOF, fur))
    if kind == "cow":
        parts.append(box((-0.34, 0.34), (1.55, 1.62), (0.98, 1.06), label, HOOF, fur))
    else:
        parts += [box((s - 0.05, s + 0.05), (1.55, 1.75), (0.95, 1.05), label, PATCH, fur) for s in (-0.1, 0.1)]
    return join(parts)
