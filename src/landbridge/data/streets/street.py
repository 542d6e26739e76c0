"""A street: its ground, what stands on it, and the camera that looks along it."""

from dataclasses import dataclass

import numpy as np

from landbridge.data.streets.geometry import Bytes, Faces, Flags, Floats
from landbridge.data.streets.labels import Label

LEFT, RIGHT = 0, 1


@dataclass(frozen=True)
class Camera:
    """A pinhole at (x, height, 0) that looks along z; the picture is moved up or down rather than the camera tilted.

    Attributes:
        x: metres right of the road's middle.
        height: metres above the road.
        view: angle that the picture's width spans, in radians.
        horizon: where the horizon is, from the picture's top, as a share of its height.
    """

    x: float
    height: float
    view: float
    horizon: float

    def focal(self, columns: int) -> float:
        """Pixels a unit of slope."""
        return columns / 2 / float(np.tan(self.view / 2))


@dataclass(frozen=True)
class Ground:
    """A flat ground in strips along a road whose middle is at x = bend * z^2. Pairs are the left and the right side.

    Attributes:
        bend: of the road, 1 / m.
        lanes: lanes a direction.
        lane: width of one.
        parking: width of the strip for parked cars, 0 where there is none.
        verge: width of the grass between road and sidewalk, 0 where there is none.
        walk: width of the sidewalk.
        grass: whether grass lies beyond the sidewalk; else it is paved.
        junction: from where to where (z) another street crosses.
        rails: x of the middle of tram rails.
    """

    bend: float
    lanes: int
    lane: float
    parking: tuple[float, float]
    verge: tuple[float, float]
    walk: tuple[float, float]
    grass: tuple[bool, bool]
    junction: tuple[float, float] | None
    rails: float | None

    def edge(self, side: int) -> float:
        """From the middle of the road to its edge."""
        return self.lanes * self.lane + self.parking[side]

    def front(self, side: int) -> float:
        """From the middle of the road to where the sidewalk ends."""
        return self.edge(side) + self.verge[side] + self.walk[side]

    def crossed(self, z: float, margin: float = 0.0) -> bool:
        """Whether another street crosses there, or within a margin."""
        return self.junction is not None and self.junction[0] - margin <= z <= self.junction[1] + margin

    def labels(self, x: Floats, z: Floats) -> Bytes:
        """What the ground is at points; x is measured from the middle of the road.

        Returns:
            Road, sidewalk or terrain, of the points' shape.
        """
        found = np.full(x.shape, Label.TERRAIN, np.uint8)
        away = np.abs(x)
        for side in (LEFT, RIGHT):
            here = (x < 0) if side == LEFT else (x >= 0)
            edge, start = self.edge(side), self.edge(side) + self.verge[side]
            found[here & (away >= start) & ((away < self.front(side)) | (not self.grass[side]))] = Label.SIDEWALK
            if self.junction is not None:
                low, high = self.junction
                corner: Flags = here & (z > low - self.walk[side]) & (z < high + self.walk[side])
                found[corner] = Label.SIDEWALK
                found[here & (z > low) & (z < high)] = Label.ROAD
            found[here & (away < edge)] = Label.ROAD
        return found


@dataclass(frozen=True)
class Street:
    """All that a renderer needs.

    Attributes:
        faces: what stands on the ground.
        ground: what it stands on.
        camera: who looks.
        lanterns: where street lamps hang, float32 [n, 3].
    """

    faces: Faces
    ground: Ground
    camera: Camera
    lanterns: Floats
