"""Solids of flat faces, and the mesh that they are put into. Metres: x to the right, y up, z ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landbridge.data.streets.labels import Label, Material

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""float32 wherever there is one a pixel."""
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

CORNERS = 8
"""Every face is a convex polygon of at most so many corners; the last is repeated where it has fewer."""

Span = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Solid:
    """Faces of a thing around its own origin, to be put into a street any number of times.

    Attributes:
        points: float32 [F, 8, 3]; seen from outside the corners turn so that their cross product looks outwards.
        labels: class of each face [F].
        slots: which of the thing's colours each face has [F].
        materials: what each face is made of [F].
    """

    points: Floats
    labels: Bytes
    slots: Bytes
    materials: Bytes

    def __add__(self, other: "Solid") -> "Solid":
        return join([self, other])

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> "Solid":
        """The same elsewhere."""
        return Solid(self.points + np.array([x, y, z], np.float32), self.labels, self.slots, self.materials)


def join(parts: Sequence[Solid]) -> Solid:
    """Several solids as one."""
    return Solid(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.slots for part in parts]),
        np.concatenate([part.materials for part in parts]),
    )


def prism(
    profile: Sequence[Point],
    along: Span,
    label: Label,
    slots: int | Sequence[int],
    materials: Material | Sequence[Material] = Material.PAINT,
    *,
    axis: str = "x",
) -> Solid:
    """A convex profile drawn out along an axis.

    Args:
        profile: corners (z, y) where the axis is x, (x, y) where it is z.
        along: from where to where on the axis.
        label: its class.
        slots: the colour of all faces, or of each rim (between a corner and the next) and then of the two ends.
        materials: likewise.
        axis: "x" or "z".
    """
    count = len(profile)
    flat = np.array(profile, np.float32)
    ends = np.empty((2, count, 3), np.float32)
    ends[:, :, 1] = flat[:, 1]
    ends[:, :, 2 if axis == "x" else 0] = flat[:, 0]
    ends[:, :, 0 if axis == "x" else 2] = np.array(along, np.float32)[:, None]
    following = np.roll(ends, -1, axis=1)
    rims = np.stack([ends[0], ends[1], following[1], following[0]], axis=1)
    faces = np.concatenate([_padded(rims), _padded(ends)])
    each = [slots] * count + [slots] if isinstance(slots, int) else list(slots)
    made = [materials] * count + [materials] if isinstance(materials, Material) else list(materials)
    return _solid(_outward(faces, ends.reshape(-1, 3).mean(0)), label, [*each, each[-1]], [*made, made[-1]])


def box(
    x: Span,
    y: Span,
    z: Span,
    label: Label,
    slot: int = 0,
    material: Material = Material.PAINT,
    *,
    roof: int | None = None,
) -> Solid:
    """A box; its top may have a colour of its own."""
    profile = [(z[0], y[0]), (z[1], y[0]), (z[1], y[1]), (z[0], y[1])]
    top = slot if roof is None else roof
    return prism(profile, x, label, [slot, slot, top, slot, slot], material)


def disc(
    centre: tuple[float, float, float],
    radius: float,
    label: Label,
    slot: int,
    material: Material,
    *,
    axis: str,
    towards: int,
) -> Solid:
    """A flat octagon that looks along an axis, in its positive or negative direction."""
    angles = (np.arange(CORNERS) + 0.5) * (2 * np.pi / CORNERS)
    across, up = np.cos(angles) * radius, np.sin(angles) * radius
    points = np.empty((1, CORNERS, 3), np.float32)
    points[0] = centre
    points[0, :, 2 if axis == "x" else 0] += across.astype(np.float32)
    points[0, :, 1] += up.astype(np.float32)
    inside = np.array(centre, np.float32)
    inside[0 if axis == "x" else 2] -= towards
    return _solid(_outward(points, inside), label, [slot], [material])


def plate(x: Span, y: Span, z: float, label: Label, slot: int, material: Material, *, towards: int) -> Solid:
    """A flat rectangle that looks ahead (1) or back (-1)."""
    points = np.array([[(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]], np.float32)
    inside = np.array([sum(x) / 2, sum(y) / 2, z - towards], np.float32)
    return _solid(_outward(_padded(points), inside), label, [slot], [material])


def _solid(points: Floats, label: Label, slots: Sequence[int], materials: Sequence[int]) -> Solid:
    return Solid(
        points, np.full(len(points), label, np.uint8), np.array(slots, np.uint8), np.array(materials, np.uint8)
    )


def _padded(faces: Floats) -> Floats:
    last = np.repeat(faces[:, -1:], CORNERS - faces.shape[1], axis=1)
    return np.concatenate([faces, last], axis=1)


def _outward(faces: Floats, inside: Floats) -> Floats:
    """The corners of each face in the order that makes it look away from a point inside."""
    first = faces[:, 0]
    looks = np.cross(faces[:, 1] - first, faces[:, 2] - first)
    wrong = ((first - inside) * looks).sum(1) < 0
    # Reversed, a padded face starts with its repeated corner: turned by as many, it ends with it again.
    backwards = faces[wrong, ::-1]
    for number, face in enumerate(backwards):
        repeats = int((face == face[0]).all(1).sum()) - 1
        backwards[number] = np.roll(face, -repeats, axis=0)
    faces = faces.copy()
    faces[wrong] = backwards
    return faces


@dataclass(frozen=True)
class Faces:
    """All faces of a street.

    Attributes:
        points: float32 [F, 8, 3].
        labels: class [F].
        materials: see `Material` [F].
        colours: red, green and blue of 1, float32 [F, 3].
        things: the number of the thing that a face belongs to [F].
    """

    points: Floats
    labels: Bytes
    materials: Bytes
    colours: Floats
    things: Integers


class Mesh:
    """Collects the faces of a street."""

    def __init__(self) -> None:
        self._parts: list[Faces] = []
        self.count = 0
        """Things so far."""

    def add(
        self,
        solid: Solid,
        at: tuple[float, float, float],
        colours: Sequence[Floats],
        *,
        size: tuple[float, float, float] = (1.0, 1.0, 1.0),
        turn: float = 0.0,
    ) -> None:
        """Put a solid into the street.

        Args:
            solid: what.
            at: where its origin goes.
            colours: one a slot.
            size: factor on each axis, before turning.
            turn: to the right around the vertical, in radians.
        """
        points = solid.points * np.array(size, np.float32)
        if turn:
            cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            x, z = points[..., 0].copy(), points[..., 2].copy()
            points[..., 0], points[..., 2] = cos * x + sin * z, cos * z - sin * x
        points += np.array(at, np.float32)
        table = np.asarray(colours, np.float32)
        things = np.full(len(points), self.count)
        self._parts.append(Faces(points, solid.labels, solid.materials, table[solid.slots], things))
        self.count += 1

    def faces(self) -> Faces:
        """All of them."""
        return Faces(
            np.concatenate([part.points for part in self._parts]),
            np.concatenate([part.labels for part in self._parts]),
            np.concatenate([part.materials for part in self._parts]),
            np.concatenate([part.colours for part in self._parts]),
            np.concatenate([part.things for part in self._parts]),
        )
