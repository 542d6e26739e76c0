import numpy as np
import pytest

from landbridge.data.streets.geometry import Mesh, box
from landbridge.data.streets.labels import Label, Material
from landbridge.data.streets.street import Camera, Ground, Street
from landbridge.data.streets.view import SKY_DEPTH, look

GROUND = Ground(
    bend=0.0, lanes=1, lane=3.0, parking=(0.0, 2.0), verge=(1.0, 0.0), walk=(2.0, 3.0), grass=(True, False),
    junction=(20.0, 28.0), rails=None,
)  # fmt: skip
CAMERA = Camera(x=1.0, height=1.5, view=float(np.deg2rad(70)), horizon=0.5)
SIZE = (90, 120)
BLACK = [np.zeros(3, np.float32)]


def street(*boxes, ground=GROUND):
    """Boxes of (x, y, z, label) on a street."""
    mesh = Mesh()
    for x, y, z, label in boxes:
        mesh.add(box(x, y, z, label), (0, 0, 0), BLACK)
    return Street(mesh.faces(), ground, CAMERA, np.zeros((0, 3), np.float32))


FAR_OFF = ((-60, -59), (0, 1), (90, 91), Label.WALL)


def extent(view, label):
    rows, columns = np.nonzero(view.labels == label)
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


@pytest.mark.parametrize("z", [6.0, 12.0, 18.0])
def test_a_box_stands_where_a_pinhole_sees_it(z):
    view = look(street(((0, 2), (0, 1.5), (z, z + 1), Label.CAR)), SIZE)
    focal = 60 / np.tan(np.deg2rad(35))
    top, bottom, left, right = extent(view, Label.CAR)
    assert top == pytest.approx(45, abs=1), "as high as the camera: it ends at the horizon"
    assert bottom == pytest.approx(45 + focal * 1.5 / z, abs=1)
    assert (left, right) == (pytest.approx(60 - focal / z, abs=1), pytest.approx(60 + focal / z, abs=1))
    assert view.z[view.labels == Label.CAR] == pytest.approx(z, rel=1e-4)


def test_what_is_near_hides_what_is_behind_whatever_the_order():
    near, far = ((0, 2), (0, 1), (8, 9), Label.CAR), ((-1, 3), (0, 3), (14, 15), Label.BUS)
    one, other = look(street(near, far), SIZE), look(street(far, near), SIZE)
    alone = look(street(near), SIZE)
    assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.z, other.z)
    assert np.array_equal(one.labels == Label.CAR, alone.labels == Label.CAR), "nothing hides what is nearest"
    assert (one.labels == Label.BUS).any()


def test_depth_is_that_of_rays():
    solid = ((2.0, 5.0), (0.0, 4.0), (0.0, 30.0), Label.BUILDING)
    view = look(street(solid), SIZE)
    rows, columns = np.nonzero(view.labels == Label.BUILDING)
    u = (columns + 0.5 - 60) / view.focal
    wall = 1.0 / u  # the wall's side lies one metre right of the camera, and starts beside it
    assert view.z[rows, columns] == pytest.approx(wall, rel=1e-3)
    assert view.x[rows, columns] == pytest.approx(2.0, abs=1e-3)
    assert np.allclose(view.normals[rows, columns], (-1, 0, 0), atol=1e-6)


def test_ground_in_strips_and_sky_above():
    view = look(street(FAR_OFF), SIZE)
    below = np.arange(90) + 0.5 > 45
    assert (view.labels[~below] == Label.SKY).sum() > 0.95 * (~below).sum() * 120
    assert not (view.labels[below] == Label.SKY).any()
    assert (view.z[view.labels == Label.SKY] == SKY_DEPTH).all()
    row = 89
    depth = view.focal * 1.5 / (row + 0.5 - 45)
    assert view.z[row] == pytest.approx(depth, rel=1e-5)
    assert view.y[row] == pytest.approx(0, abs=1e-5)
    assert view.materials[row, 60] == Material.ASPHALT


def test_ground_labels():
    def at(x, z=5.0):
        return Label(GROUND.labels(np.array([x], np.float32), np.array([z], np.float32))[0])

    strips = {-2.9: Label.ROAD, -3.5: Label.TERRAIN, -4.5: Label.SIDEWALK, -7: Label.TERRAIN}
    strips |= {4.9: Label.ROAD, 5.5: Label.SIDEWALK, 9.0: Label.SIDEWALK}
    assert {x: at(x) for x in strips} == strips
    assert at(-30, 24) == at(30, 24) == Label.ROAD, "the street that crosses"
    assert at(-30, 19) == Label.SIDEWALK, "beside it"
    assert at(-30, 15) == Label.TERRAIN
    assert [GROUND.crossed(21), GROUND.crossed(29), GROUND.crossed(29, margin=2)] == [True, False, True]
    assert (GROUND.edge(0), GROUND.front(0), GROUND.edge(1), GROUND.front(1)) == (3, 6, 5, 8)


def test_a_bend_moves_the_road_sideways():
    bent = Ground(**{**GROUND.__dict__, "bend": 0.01})
    view = look(street(FAR_OFF, ground=bent), SIZE)
    straight = look(street(FAR_OFF), SIZE)
    assert np.allclose(view.across, view.x - 0.01 * view.z**2, rtol=1e-4)
    row = 55  # some 12 m ahead
    middle = [np.flatnonzero(np.abs(v.across[row]) < 0.3).mean() for v in (straight, view)]
    assert middle[1] > middle[0] + 5
