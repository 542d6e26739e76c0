import numpy as np

from landbridge.data.streets.raster import normals, rasterise


def naive(corners, plane, shape):
    """Pixel by pixel, polygon by polygon, in float64."""
    number, best = np.full(shape, -1), np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = column + 0.5, row + 0.5
            for index, polygon in enumerate(corners.astype(np.float64)):
                following = np.roll(polygon, -1, axis=0)
                edge, away = following - polygon, np.array([x, y]) - polygon
                side = edge[:, 0] * away[:, 1] - edge[:, 1] * away[:, 0]
                value = plane[index] @ (x, y, 1)
                if ((side >= 0).all() or (side <= 0).all()) and value > best[row, column]:
                    number[row, column], best[row, column] = index, value
    return number, best


def polygons(count, rng):
    """Convex ones: corners on ellipses, some partly outside, some far away, some with repeated corners."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 8)), axis=1)
    angles[::3, 5:] = angles[::3, 4:5]
    centre, radius = rng.uniform(-4, 26, (count, 1, 2)), rng.uniform(0.3, 12, (count, 1, 2))
    return (centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)).astype(np.float32)


def test_agrees_with_looking_at_every_pixel_and_polygon():
    rng = np.random.default_rng(0)
    corners = polygons(30, rng)
    plane = np.concatenate([rng.uniform(-0.02, 0.02, (30, 2)), rng.uniform(1, 2, (30, 1))], axis=1).astype(np.float32)
    shape = (17, 23)
    number, value = rasterise(corners, plane, shape, np.zeros(17 * 23, np.float32))
    wanted, best = naive(corners, plane, shape)
    assert (number >= 0).mean() > 0.5
    assert np.array_equal(number, wanted)
    assert np.allclose(value, best, atol=1e-5)


def test_what_does_not_exceed_the_start_is_not_seen():
    square = np.array([[(0, 0), (4, 0), (4, 4), (0, 4)]], np.float32)
    start = np.repeat(np.array([0.5, 2.0], np.float32), 8)
    number, value = rasterise(square, np.array([[0, 0, 1.0]], np.float32), (4, 4), start)
    assert number.tolist() == [[0] * 4, [0] * 4, [-1] * 4, [-1] * 4]
    assert value.tolist() == [[1] * 4, [1] * 4, [2] * 4, [2] * 4]


def test_neighbours_share_no_pixel_and_leave_none_out():
    left = [(0, 0), (3.5, 0), (6.5, 8), (0, 8)]
    right = [(3.5, 0), (9, 0), (9, 8), (6.5, 8)]
    both = np.array([left, right], np.float32)
    ones = np.tile(np.array([[0, 0, 1.0]], np.float32), (2, 1))
    number, _ = rasterise(both, ones, (8, 9), np.zeros(72, np.float32))
    alone = [rasterise(both[i : i + 1], ones[:1], (8, 9), np.zeros(72, np.float32))[0] == 0 for i in (0, 1)]
    assert (number >= 0).all()
    assert not (alone[0] & alone[1]).any()


def test_nothing_to_draw():
    number, value = rasterise(
        np.zeros((0, 8, 2), np.float32), np.zeros((0, 3), np.float32), (2, 3), np.zeros(6, np.float32)
    )
    assert (number == -1).all()
    assert not value.any()


def test_normals_are_as_long_as_twice_a_triangle():
    triangle = np.array([[(0, 0, 0), (2, 0, 0), (0, 0, 3)]], np.float32)
    assert normals(np.concatenate([triangle, triangle[:, 2:].repeat(5, 1)], axis=1)).tolist() == [[0, -6, 0]]
