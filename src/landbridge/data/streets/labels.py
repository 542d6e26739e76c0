"""What pixels of the simulated streets are called, and what they are made of."""

from enum import IntEnum


class Label(IntEnum):
    """Cityscapes' 19 classes in their order, two of the simulator's own, and what has no class."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18
    TUK_TUK = 19
    ANIMAL = 20
    VOID = 255


PRIVATE = ("tuk-tuk", "animal")
"""What only `streets/real-ish` has, numbers 19 and 20."""


class Material(IntEnum):
    """What a face is made of: the renderers decide what that looks like."""

    PAINT = 0
    GLASS = 1
    RUBBER = 2
    LAMP = 3
    """Shines in the dark."""
    FACADE = 4
    BRICK = 5
    CONCRETE = 6
    SLATS = 7
    FOLIAGE = 8
    CLOTH = 9
    METAL = 10
    ROOF = 11
    FUR = 12
    ASPHALT = 13
    PAVING = 14
    GRASS = 15
    AIR = 16
    LANTERN = 17
    """A street lamp's head: shines from dusk on."""
