import numpy as np
import pytest

from landbridge.data.streets import lighting
from landbridge.data.streets.knobs import Knobs
from landbridge.data.streets.sensor import as_bytes, blurred, compressed, taken


def test_clouds_take_the_sun_and_thicken_the_air():
    clear, fog, rain = (lighting.lit(Knobs(weather=weather)) for weather in ("clear", "fog", "rain"))
    assert sum(clear.sun) > 1
    assert fog.sun == rain.sun == (0, 0, 0)
    assert fog.haze > rain.haze > clear.haze
    assert np.ptp(rain.bottom) < np.ptp(clear.bottom), "grey"
    assert lighting.lit(Knobs(light="night")).lamps > lighting.lit(Knobs(light="dusk")).lamps > clear.lamps == 0


@pytest.mark.parametrize("light", lighting.LIGHTS.values())
def test_the_sun_is_up_and_never_ahead(light):
    for seed in range(20):
        sun = lighting.direction(np.random.default_rng(seed), light)
        assert np.linalg.norm(sun) == pytest.approx(1, abs=1e-5)
        assert sun[1] > 0.1
        assert sun[2] < 0


def test_rain_is_lines_that_another_seed_moves():
    one, other = (lighting.streaks(np.random.default_rng(seed), (60, 80)) for seed in (0, 1))
    assert one.shape == (60, 80, 1)
    assert 0 < (one > 0).mean() < 0.3
    assert not np.array_equal(one, other)


def test_a_sensor_blurs_and_adds_noise_as_told():
    checks = np.indices((40, 60)).sum(0)[..., None].repeat(3, 2).astype(np.float32) % 2
    plain, rng = Knobs(), np.random.default_rng(0)
    assert np.array_equal(taken(checks, plain, rng, blur=0, noise=0), as_bytes(checks))
    assert taken(checks, Knobs(sensor="blur"), rng, blur=0, noise=0).std() < 0.7 * as_bytes(checks).std()
    grey = np.full((80, 90, 3), 0.5, np.float32)
    assert taken(grey, plain, rng, blur=0, noise=0.05).std() == pytest.approx(0.05 * 255, rel=0.05)
    assert taken(grey, Knobs(sensor="noise"), rng, blur=0, noise=0.0).std() > 10
    red, green, blue = taken(grey, Knobs(sensor="colour"), rng, blur=0, noise=0)[0, 0]
    assert red > green > blue


def test_blur_keeps_the_mean_and_a_file_the_picture():
    rng = np.random.default_rng(0)
    image = rng.random((64, 64, 3), dtype=np.float32)
    assert blurred(image, 2).mean() == pytest.approx(image.mean(), abs=0.01)
    smooth = as_bytes(blurred(image, 4))
    stored = compressed(smooth, 72)
    assert np.abs(stored.astype(int) - smooth).mean() < 4
    assert not np.array_equal(stored, smooth)
