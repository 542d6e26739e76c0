import math

import numpy as np
import pytest

from landbridge.data.streets import beings, furniture, vehicles
from landbridge.data.streets.geometry import Mesh, Solid, box, disc, join, plate, prism
from landbridge.data.streets.labels import Label, Material
from landbridge.data.streets.raster import normals

CUBE = box((-1, 1), (0, 2), (-3, 3), Label.CAR, 1, Material.PAINT, roof=2)


def outwards(solid: Solid) -> np.ndarray:
    """How far each face looks away from the middle of the solid."""
    middle = solid.points.reshape(-1, 3).mean(0)
    return ((solid.points.mean(1) - middle) * normals(solid.points)).sum(1)


@pytest.mark.parametrize(
    "solid",
    [
        CUBE,
        prism([(0, 0), (2, 0), (1, 1)], (-1, 1), Label.WALL, 0),
        prism([(0, 0), (1, 1), (2, 0)], (-1, 1), Label.WALL, 0, axis="z"),
        prism([(math.cos(a), math.sin(a)) for a in np.arange(8) * math.pi / 4], (1, 0), Label.WALL, 0),
    ],
)
def test_faces_look_outwards_whichever_way_the_profile_turns(solid):
    assert (outwards(solid) > 0).all()


def test_a_box_has_six_faces_of_the_right_area_and_a_roof_of_its_own_colour():
    assert sorted((np.linalg.norm(normals(CUBE.points), axis=1)).round(3).tolist()) == [4, 4, 12, 12, 12, 12]
    top = normals(CUBE.points)[:, 1] > 0
    assert CUBE.slots[top].tolist() == [2]
    assert set(CUBE.slots[~top].tolist()) == {1}


@pytest.mark.parametrize("towards", [-1, 1])
def test_flat_things_look_where_they_are_told(towards):
    lens = disc((0, 1, 0), 0.5, Label.TRAFFIC_LIGHT, 0, Material.LAMP, axis="z", towards=towards)
    wheel = disc((0, 1, 0), 0.5, Label.CAR, 0, Material.RUBBER, axis="x", towards=towards)
    board = plate((0, 1), (0, 1), 2.0, Label.TRAFFIC_SIGN, 0, Material.PAINT, towards=towards)
    assert np.sign(normals(lens.points)[0, 2]) == towards
    assert np.sign(normals(wheel.points)[0, 0]) == towards
    assert np.sign(normals(board.points)[0, 2]) == towards


def test_a_mesh_scales_then_turns_then_moves():
    mesh = Mesh()
    mesh.add(CUBE, (10, 0, 20), np.zeros((3, 3), np.float32), size=(1, 2, 1), turn=math.pi / 2)
    mesh.add(CUBE.moved(y=1), (0, 0, 0), np.eye(3, dtype=np.float32))
    faces = mesh.faces()
    first = faces.points[faces.things == 0].reshape(-1, 3)
    assert np.allclose(first.min(0), (7, 0, 19), atol=1e-5)
    assert np.allclose(first.max(0), (13, 4, 21), atol=1e-5)
    assert faces.points[faces.things == 1][..., 1].min() == 1
    assert np.array_equal(faces.colours[faces.things == 1], np.eye(3)[CUBE.slots])
    ahead = Mesh()
    ahead.add(box((-0.1, 0.1), (0, 1), (0, 5), Label.POLE), (0, 0, 0), np.zeros((1, 3), np.float32), turn=math.pi / 2)
    assert ahead.faces().points[..., 0].max() == pytest.approx(5), "to the right, not to the left"


THINGS = {
    Label.CAR: [(vehicles.hatchback(), 4.1, 1.5), (vehicles.saloon(), 4.7, 1.5), (vehicles.van(), 4.8, 1.9)],
    Label.TRUCK: [(vehicles.truck(), 8, 3.5)],
    Label.BUS: [(vehicles.bus(), 11, 3.1)],
    Label.TRAIN: [(vehicles.tram(), 22, 3.9)],
    Label.MOTORCYCLE: [(vehicles.motorcycle(), 2.1, 1.15)],
    Label.BICYCLE: [(vehicles.bicycle(), 1.75, 1.1)],
    Label.TUK_TUK: [(vehicles.tuk_tuk(), 2.7, 1.9)],
    Label.PERSON: [(beings.walker(pose), 0.3 + 1.6 * abs(stride), 1.76) for pose, stride in enumerate(beings.STRIDES)],
    Label.ANIMAL: [(beings.animal("cow"), 2.5, 1.65), (beings.animal("dog"), 2.5, 1.75)],
}


@pytest.mark.parametrize("label", THINGS)
def test_things_stand_on_the_ground_in_their_size_and_have_one_class(label):
    for solid, length, height in THINGS[label]:
        assert set(solid.labels.tolist()) == {label}
        low, high = solid.points.reshape(-1, 3).min(0), solid.points.reshape(-1, 3).max(0)
        assert low[1] == pytest.approx(0, abs=0.21)
        assert high[1] == pytest.approx(height, abs=0.1)
        assert high[2] - low[2] == pytest.approx(length, abs=0.45)


def test_furniture_has_its_classes():
    def of(solid: Solid) -> set[int]:
        return set(solid.labels.tolist())

    assert of(furniture.traffic_light(0, arm=True)) == {Label.POLE, Label.TRAFFIC_LIGHT}
    assert all(of(furniture.sign(kind)) == {Label.POLE, Label.TRAFFIC_SIGN} for kind in furniture.SIGNS)
    assert all(of(furniture.tree(kind)) == {Label.VEGETATION} for kind in range(4))
    assert of(furniture.bin()) == {Label.VOID}
    kinds = {"wall": Label.WALL, "fence": Label.FENCE, "hedge": Label.VEGETATION}
    assert all(of(furniture.barrier(kind)) == {label} for kind, label in kinds.items())
    assert of(join([furniture.lamp_post(), furniture.mast(), furniture.bollard()])) == {Label.POLE}
    assert of(join([furniture.block(), furniture.gabled(along=True)])) == {Label.BUILDING}


def test_a_rider_sits_above_what_is_ridden():
    rider = beings.rider(seat=0.98, reach=0.38, lean=0.28)
    assert set(rider.labels.tolist()) == {Label.RIDER}
    assert rider.points[..., 1].max() > vehicles.bicycle().points[..., 1].max() + 0.5
