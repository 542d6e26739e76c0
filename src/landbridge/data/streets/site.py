"""A street while it is being built: where things are put, and what colours they get."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from landbridge.data.streets import beings
from landbridge.data.streets.geometry import Floats, Mesh, Solid
from landbridge.data.streets.places import CLOTHES, HAIRS, LEAVES, SKINS, TROUSERS, Paint, Place, rgb
from landbridge.data.streets.street import Ground

FAR = 100.0
"""Where the street ends, in metres."""


@dataclass
class Site:
    """A street that things are put into.

    Attributes:
        rng: decides where.
        paint: decides on colours.
        place: the statistics.
        ground: what things stand on.
        mesh: what stands already.
        lanterns: where street lamps hang.
        taken: what stands beside the road, (x, z, radius).
    """

    rng: np.random.Generator
    paint: Paint
    place: Place
    ground: Ground
    mesh: Mesh = field(default_factory=Mesh)
    lanterns: list[tuple[float, float, float]] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    def put(
        self,
        solid: Solid,
        x: float,
        z: float,
        colours: Sequence[Floats],
        *,
        size: tuple[float, float, float] = (1.0, 1.0, 1.0),
        turn: float = 0.0,
    ) -> None:
        """Place something at x from the middle of the road, z ahead, in metres; see `Mesh.add`."""
        self.mesh.add(solid, (x + self.ground.bend * z * z, 0.0, z), colours, size=size, turn=turn)

    def claim(self, x: float, z: float, radius: float) -> bool:
        """Take a round place beside the road, in metres; false, and nothing is taken, where something else stands."""
        free = all((x - a) ** 2 + (z - b) ** 2 >= (radius + r) ** 2 for a, b, r in self.taken)
        if free:
            self.taken.append((x, z, radius))
        return free

    def along(self, z: float) -> float:
        """How far the road has turned there, in radians."""
        return math.atan(2 * self.ground.bend * z)

    def leaves(self) -> list[Floats]:
        """A tree's colours: leaves from dark to light, and the trunk."""
        tone = self.paint(LEAVES)
        return [tone * np.float32(shade) for shade in (0.62, 0.82, 1.0, 1.2)] + [self.paint("5a4634")]

    def vehicle(self, body: Floats, second: Floats | None = None) -> list[Floats]:
        """A vehicle's colours, a slot each: see `vehicles`."""
        other = self.paint("c4c6c8") if second is None else second
        glass = self.paint(("28333c", "2f3a40"))
        return [body, glass, rgb("1b1b1d"), rgb("c8181c"), rgb("f4efd8"), other, self.paint("8a8d90"), rgb("e8e6da")]

    def clothes(self) -> list[Floats]:
        """A person's colours, a slot each: see `beings`."""
        return [self.paint(CLOTHES), self.paint(TROUSERS), self.paint(SKINS), self.paint(HAIRS), rgb("242122")]

    def person(self, x: float, z: float, *, turn: float) -> None:
        """Put a person on foot there if nobody stands there; one in ten is a child."""
        rng = self.rng
        if not self.claim(x, z, 0.28):
            return
        size = float(rng.uniform(0.92, 1.08)) * (0.72 if rng.random() < 0.1 else 1.0)
        solid = beings.walker(int(rng.integers(len(beings.STRIDES))), skirt=bool(rng.random() < 0.25))
        self.put(solid, x, z, self.clothes(), size=(size, size, size), turn=turn)
