from dataclasses import replace

import numpy as np
import pytest

from landbridge.core.errors import UnknownNameError
from landbridge.data.streets.knobs import CHOICES, LOOKS, Knobs
from landbridge.data.streets.labels import Label
from landbridge.data.streets.render import make, scene

SMALL = (90, 120)
SHARED = [label for label in Label if label <= Label.BICYCLE]
SETTINGS = [(knob, value) for knob in CHOICES for value in CHOICES[knob] if value not in ("clear", "day", "standard")]


def grey(image):
    return image.mean(0) / 255


@pytest.mark.parametrize("look", LOOKS)
def test_the_same_bytes_every_time_and_others_for_other_numbers(look):
    one = scene(3, 7, look, size=SMALL)
    again, other, elsewhere = (
        scene(3, 7, look, size=SMALL),
        scene(3, 8, look, size=SMALL),
        scene(4, 7, look, size=SMALL),
    )
    for field in ("image", "labels", "depth"):
        assert np.array_equal(getattr(one, field), getattr(again, field))
        assert not np.array_equal(getattr(one, field), getattr(other, field))
        assert not np.array_equal(getattr(one, field), getattr(elsewhere, field))


@pytest.mark.parametrize("look", LOOKS)
def test_many_at_once_are_the_same_as_one_by_one(look):
    images, labels, depth = make(3, 5, look, Knobs(weather="rain"), SMALL)
    for index in range(3):
        one = scene(5, index, look, Knobs(weather="rain"), SMALL)
        assert np.array_equal(images[index], one.image)
        assert np.array_equal(labels[index], one.labels)
        assert np.array_equal(depth[index], one.depth)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [(48, 64), (64, 32), (65, 129)])
def test_any_size(look, size):
    one = scene(0, 0, look, size=size)
    assert (one.image.shape, one.labels.shape, one.depth.shape) == ((3, *size), size, size)
    assert (one.image.dtype, one.labels.dtype, one.depth.dtype) == (np.uint8, np.uint8, np.float32)
    assert all(getattr(one, field).flags.c_contiguous for field in ("image", "labels", "depth"))


@pytest.mark.parametrize("look", LOOKS)
def test_every_class_occurs_often_enough_and_private_ones_only_in_one_look(look):
    count, pixels, pictures = 40, np.zeros(256), np.zeros(256)
    for index in range(count):
        counts = np.bincount(scene(9, index, look, size=SMALL).labels.ravel(), minlength=256)
        pixels += counts
        pictures += counts >= 4
    share = pixels / pixels.sum()
    assert (pictures[SHARED] >= 0.1 * count).all()
    assert 0.22 < share[Label.ROAD] < 0.42
    assert min(share[Label.BUILDING], share[Label.SKY]) > 0.1
    private = pixels[[Label.TUK_TUK, Label.ANIMAL]]
    assert (pictures[[Label.TUK_TUK, Label.ANIMAL]] >= 0.15 * count).all() if look == "real-ish" else not private.any()
    assert set(np.flatnonzero(pixels)) <= set(Label)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("knob", "value"), SETTINGS)
def test_a_knob_changes_the_picture_and_only_two_change_what_is_there(look, knob, value):
    if value == LOOKS[look]:
        assert np.array_equal(
            scene(2, 1, look, Knobs(location=value), SMALL).image, scene(2, 1, look, size=SMALL).image
        )
        return
    plain, turned = scene(2, 1, look, size=SMALL), scene(2, 1, look, replace(Knobs(), **{knob: value}), SMALL)
    assert np.abs(plain.image.astype(int) - turned.image).mean() > 2
    same = np.array_equal(plain.labels, turned.labels), np.array_equal(plain.depth, turned.depth)
    assert same == ((False, False) if knob == "location" or value == "wide" else (True, True))


@pytest.mark.parametrize("look", LOOKS)
def test_knobs_do_what_they_are_called(look):
    def mean(measure, **settings):
        return np.mean([measure(scene(6, index, look, Knobs(**settings), SMALL)) for index in range(4)])

    def brightness(one):
        return grey(one.image).mean()

    def far_contrast(one):
        return grey(one.image)[(one.depth > 40) & np.isfinite(one.depth)].std()

    def roughness(one):
        return np.abs(np.diff(grey(one.image), axis=1)).mean()

    def warmth(one):
        return one.image[0].mean() / one.image[2].mean()

    def size_of_things(one):
        return (one.labels == Label.ROAD).sum() / (one.labels != Label.ROAD).sum()

    assert mean(brightness) > mean(brightness, light="dusk") > 1.3 * mean(brightness, light="night")
    assert mean(far_contrast, weather="fog") < 0.6 * mean(far_contrast)
    assert mean(brightness, weather="rain") < mean(brightness)
    assert mean(roughness, sensor="blur") < 0.7 * mean(roughness) < mean(roughness, sensor="noise")
    assert mean(warmth, sensor="colour") > 1.2 * mean(warmth)
    assert mean(size_of_things, sensor="wide") != mean(size_of_things)


def test_the_looks_show_different_colours_of_the_same_street():
    flat, rich = (scene(1, 0, look, Knobs(location="town"), SMALL) for look in ("sim", "real-ish"))
    inside = [one.image[:, one.labels == Label.ROAD].std(axis=1).mean() for one in (flat, rich)]
    colours = [len(np.unique(one.image.reshape(3, -1), axis=1).T) for one in (flat, rich)]
    assert inside[1] > 5, "asphalt has a texture"
    assert colours[1] > 4 * colours[0]


@pytest.mark.parametrize("look", LOOKS)
def test_depth_is_that_of_the_labels(look):
    one = scene(8, 0, look, size=SMALL)
    assert np.array_equal(np.isinf(one.depth), one.labels == Label.SKY)
    assert one.depth.min() > 0.4
    nearest = np.where(one.labels == Label.ROAD, one.depth, np.inf).min(1)
    assert (np.diff(nearest[np.isfinite(nearest)]) < 0).all(), "further down is nearer"


def test_an_unknown_look_is_one_line():
    with pytest.raises(UnknownNameError, match=r"^unknown look 'smi' of streets; did you mean 'sim'[?]$"):
        scene(0, 0, "smi")
    with pytest.raises(UnknownNameError, match=r"^unknown look 'xxx' of streets; known: sim, real-ish$"):
        scene(0, 0, "xxx")
