import numpy as np
import pytest

from landbridge.data.streets.patterns import covered, markings, noise, noise_tile, windows
from landbridge.data.streets.street import Ground

GROUND = Ground(
    bend=0.0, lanes=2, lane=3.0, parking=(0.0, 2.0), verge=(0.0, 0.0), walk=(2.0, 2.0), grass=(False, False),
    junction=(30.0, 38.0), rails=-1.5,
)  # fmt: skip


def painted(x, z):
    one = markings(GROUND, np.array([x], np.float32), np.array([z], np.float32), 400.0, 1.5)
    return {name: round(float(getattr(one, name)[0]), 2) for name in ("white", "middle", "rails", "curb")}


def test_markings_lie_where_lanes_meet():
    assert painted(3.0, 6.5)["white"] == 1, "a dash between two lanes"
    assert painted(3.0, 10.5)["white"] == 0, "a gap"
    assert painted(1.5, 6.5) == {"white": 0, "middle": 0, "rails": 0, "curb": 0}
    assert painted(0.17, 10.5)["middle"] == painted(-0.17, 10.5)["middle"] == 1
    assert painted(-1.5 + 0.72, 6.5)["rails"] == 1
    assert painted(6.0, 10.5)["white"] == pytest.approx(0.8), "before parked cars"
    assert painted(8.1, 6.5)["curb"] == painted(-6.1, 6.5)["curb"] == 1
    assert painted(0.5, 27.4)["white"] > 0.9, "the crossing before the junction"
    assert painted(0.17, 34.0)["middle"] == painted(8.1, 34.0)["curb"] == 0, "none where streets cross"


def test_stripes_narrower_than_a_pixel_fade():
    pixels = np.array([0.05, 0.1, 1.0], np.float32)
    assert covered(np.zeros(3, np.float32), 0.05, pixels) == pytest.approx([1, 1, 0.055], abs=0.01)
    assert covered(np.full(3, 2.0, np.float32), 0.05, pixels) == pytest.approx(0)


def test_noise_repeats_itself_without_a_seam():
    tile = noise_tile()
    assert tile.mean() == pytest.approx(0, abs=1e-4)
    assert tile.std() == pytest.approx(1, abs=1e-3)
    seam, inside = np.abs(tile[:, 0] - tile[:, -1]).mean(), np.abs(np.diff(tile, axis=1)).mean()
    assert seam == pytest.approx(inside, rel=0.25)
    u = np.linspace(0, 100, 50, dtype=np.float32)
    assert np.array_equal(noise(u, u), noise(u + 256, u - 256))


def test_windows_repeat_along_a_wall_and_differ_between_buildings():
    u = np.tile(np.linspace(0, 30, 400, dtype=np.float32), (40, 1))
    v = np.repeat(np.linspace(4, 20, 40, dtype=np.float32)[:, None], 400, 1)
    pixel = np.full_like(u, 0.01)
    one, other = (windows(u, v, np.full(u.shape, thing), pixel) for thing in (1, 2))
    assert 0.1 < one.glass.mean() < 0.6
    assert not np.array_equal(one.glass, other.glass)
    pane = one.glass[one.glass.sum(1).argmax()] > 0.99
    edges = np.flatnonzero(np.diff(pane.astype(int)) == 1)
    assert len(edges) > 5
    assert np.ptp(np.diff(edges)) <= 1, "columns of windows are equally far apart"
    assert ((one.chance >= 0) & (one.chance < 1)).all()
    assert len(np.unique(one.chance[one.glass > 0.99])) > 20, "each window has a number of its own"
