import numpy as np
import pytest

from landbridge.data.streets.labels import Label
from landbridge.data.streets.layout import lay_out
from landbridge.data.streets.places import PLACES, Paint
from landbridge.data.streets.site import Site

PRIVATE = (Label.TUK_TUK, Label.ANIMAL)
ON_ROAD = (Label.CAR, Label.TRUCK, Label.BUS, Label.TRAIN)


def streets(location, count=12, *, private=False):
    for index in range(count):
        paint = Paint(np.random.default_rng([index, 1]), 1.0, 0.1)
        yield lay_out(
            np.random.default_rng(index), paint, location, 1.2, np.random.default_rng([index, 2]) if private else None
        )


def feet(street, labels):
    """Where the things of some classes stand: x from the middle of the road, and z."""
    faces, places = street.faces, []
    for thing in np.unique(faces.things[np.isin(faces.labels, labels)]):
        points = faces.points[faces.things == thing].reshape(-1, 3)
        assert points[:, 1].min() == pytest.approx(0, abs=0.25), "it stands on the ground"
        x, _, z = (points.min(0) + points.max(0)) / 2
        places.append((x - street.ground.bend * z * z, z))
    return np.array(places, np.float32).reshape(-1, 2)


@pytest.mark.parametrize("location", PLACES)
def test_vehicles_are_on_the_road_and_people_mostly_on_sidewalks(location):
    road, people = [], []
    for street in streets(location, private=True):
        for labels, where in (((*ON_ROAD, Label.TUK_TUK), road), ((Label.PERSON,), people)):
            at = feet(street, labels)
            where.append(street.ground.labels(at[:, 0], at[:, 1]))
    assert (np.concatenate(road) == Label.ROAD).all()
    assert (np.concatenate(people) == Label.SIDEWALK).mean() > 0.6


def test_vehicles_do_not_stand_in_each_other():
    for street in streets("boulevard"):
        faces = street.faces
        boxes = []
        for thing in np.unique(faces.things[np.isin(faces.labels, ON_ROAD)]):
            points = faces.points[faces.things == thing].reshape(-1, 3)[:, [0, 2]]
            if np.ptp(points[:, 1]) > np.ptp(points[:, 0]):  # not those on the street that crosses
                boxes.append((points.min(0) + 0.3, points.max(0) - 0.3))
        for number, (low, high) in enumerate(boxes):
            for lower, higher in boxes[:number]:
                assert (high < lower).any() or (low > higher).any()


def test_nothing_is_where_the_camera_is():
    for location in PLACES:
        for street in streets(location, 6, private=True):
            points = street.faces.points.reshape(-1, 3)
            beside = np.abs(points[:, 0] - street.camera.x) < 1.0
            assert points[beside & (points[:, 1] < 3), 2].min() > 3


def test_private_things_move_nothing_else():
    for location in PLACES:
        for without, with_them in zip(streets(location, 4), streets(location, 4, private=True)):
            count = len(without.faces.labels)
            assert not np.isin(without.faces.labels, PRIVATE).any()
            assert np.array_equal(without.faces.points, with_them.faces.points[:count])
            assert np.array_equal(without.faces.colours, with_them.faces.colours[:count])
            assert np.isin(with_them.faces.labels[count:], PRIVATE).all()


def test_places_differ_in_what_their_statistics_say():
    def mean(location, measure):
        return np.mean([measure(street) for street in streets(location)])

    def height(street):
        return street.faces.points[street.faces.labels == Label.BUILDING][..., 1].max()

    assert mean("boulevard", height) > 2 * mean("town", height) > 2 * mean("suburb", height)
    assert mean("boulevard", lambda s: s.ground.lanes) > 1.2 > mean("town", lambda s: s.ground.lanes) == 1
    assert mean("suburb", lambda s: sum(s.ground.verge)) > mean("town", lambda s: sum(s.ground.verge))


def test_paint_keeps_to_its_palette():
    dull = Paint(np.random.default_rng(0), 0.0, 0.0)("c04020")
    assert np.allclose(dull, dull.mean()), "without colour it is grey"
    assert np.allclose(Paint(np.random.default_rng(0), 1.0, 0.0)(("c04020",)), (0xC0 / 255, 0x40 / 255, 0x20 / 255))


def test_a_place_beside_the_road_is_taken_once():
    place = PLACES["town"]
    site = Site(
        np.random.default_rng(0), Paint(np.random.default_rng(0), 1.0, 0.1), place, next(streets("town")).ground
    )
    assert site.claim(5, 10, 0.5)
    assert not site.claim(5.6, 10, 0.2)
    assert site.claim(5.8, 10, 0.2)
    before = site.mesh.count
    site.person(5, 10.3, turn=0.0)
    assert site.mesh.count == before, "nobody stands in a tree"
    site.person(5, 12, turn=0.0)
    assert site.mesh.count == before + 1
