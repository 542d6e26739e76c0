"""What a camera sees of a street, before anyone paints it: label, place, direction and matter of each pixel."""

from dataclasses import dataclass

import numpy as np

from landbridge.data.streets.geometry import Bytes, Floats, Integers
from landbridge.data.streets.labels import Label, Material
from landbridge.data.streets.raster import normals, rasterise
from landbridge.data.streets.street import Street

NEAR = 0.5
"""What is nearer is not seen, in metres."""

SKY_DEPTH = 1e4
"""Where the sky is, for what computes with places."""

_GROUND = np.full(256, Material.GRASS, np.uint8)
_GROUND[Label.ROAD], _GROUND[Label.SIDEWALK] = Material.ASPHALT, Material.PAVING


@dataclass(frozen=True)
class View:
    """One value a pixel; all have the picture's rows and columns.

    Attributes:
        labels: classes, uint8.
        materials: see `Material`, uint8.
        colours: of the faces, 0 to 1, float32 [H, W, 3]; of no meaning on ground and sky.
        normals: of unit length, float32 [H, W, 3].
        x, y, z: where it is, in metres, float32; z is the depth, and `SKY_DEPTH` in the sky.
        across: x from the middle of the road.
        things: number of the thing; -1 on ground and sky.
        horizon: row of the horizon.
        focal: pixels a unit of slope.
    """

    labels: Bytes
    materials: Bytes
    colours: Floats
    normals: Floats
    x: Floats
    y: Floats
    z: Floats
    across: Floats
    things: Integers
    horizon: float
    focal: float


def look(street: Street, size: tuple[int, int]) -> View:
    """What the street's camera sees.

    Args:
        street: the street.
        size: rows and columns.
    """
    rows, columns = size
    camera, faces, ground = street.camera, street.faces, street.ground
    focal, horizon = camera.focal(columns), camera.horizon * rows
    eye = np.array([camera.x, camera.height, 0], np.float32)
    column = (np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / np.float32(focal)
    row = (np.arange(rows, dtype=np.float32) + 0.5 - np.float32(horizon)) / np.float32(focal)
    floor = np.repeat(np.maximum(row, 0) / np.float32(camera.height), columns)

    looks = normals(faces.points)
    distance = ((faces.points[:, 0] - eye) * looks).sum(1)
    length = np.linalg.norm(looks, axis=1)
    ahead = faces.points[..., 2].max(1) > NEAR
    seen = np.flatnonzero(ahead & (distance < -1e-3 * length))
    points, looks, distance = faces.points[seen] - eye, looks[seen], distance[seen]
    depth = np.maximum(points[..., 2], NEAR)
    corners = np.stack(
        [points[..., 0] / depth * focal + columns / 2, horizon - points[..., 1] / depth * focal], axis=-1
    )
    # 1 / z is a plane over the picture: n.p = d with p = z (u, v, 1) says 1 / z = n.(u, v, 1) / d.
    slope = looks / distance[:, None]
    plane = np.stack(
        [
            slope[:, 0] / focal,
            -slope[:, 1] / focal,
            slope[:, 2] + (slope[:, 1] * horizon - slope[:, 0] * columns / 2) / focal,
        ],
        axis=1,
    ).astype(np.float32)
    number, inverse = rasterise(corners.astype(np.float32), plane, size, floor)

    # What stands in no pixel comes last: the number -1 finds it.
    solid = number >= 0
    unit = np.concatenate([looks / length[seen][:, None], np.array([[0, 1, 0]], np.float32)])
    tint = np.concatenate([faces.colours[seen], np.zeros((1, 3), np.float32)])
    called = np.append(faces.labels[seen], np.uint8(Label.SKY))
    made = np.append(faces.materials[seen], np.uint8(Material.AIR))
    things = np.append(faces.things[seen], -1)
    z = np.where(inverse > 1 / SKY_DEPTH, 1 / np.maximum(inverse, 1 / SKY_DEPTH), np.float32(SKY_DEPTH))
    x = column[None, :] * z + eye[0]
    y = eye[1] - row[:, None] * z
    across = x - np.float32(ground.bend) * z * z
    on_ground = ~solid & (z < SKY_DEPTH)
    labels, materials = called[number], made[number]
    labels[on_ground] = ground.labels(across[on_ground], z[on_ground])
    materials[on_ground] = _GROUND[labels[on_ground]]
    return View(labels, materials, tint[number], unit[number], x, y, z, across, things[number], horizon, focal)
