import pytest

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.streets.knobs import CHOICES, LOOKS, Knobs, size_of
from landbridge.data.streets.places import PLACES


@pytest.mark.parametrize("knob", CHOICES)
def test_every_choice_can_be_made_and_no_other(knob):
    for value in CHOICES[knob]:
        assert getattr(Knobs(**{knob: value}), knob) == value
    known = ", ".join(CHOICES[knob])
    with pytest.raises(UnknownNameError, match=f"^unknown {knob} 'xx' of a street; known: {known}$"):
        Knobs(**{knob: "xx"})


def test_locations_are_places():
    assert tuple(PLACES) == CHOICES["location"]
    assert set(LOOKS.values()) <= set(PLACES)


@pytest.mark.parametrize("text", ["", "240", "x180", "240x", "240x180x3", "-240x180", "31x180", "2.5x4", "axb"])
def test_sizes(text):
    assert size_of("240x180") == (180, 240)
    with pytest.raises(BadDataError, match=r"is no size of a street: write WIDTHxHEIGHT in pixels, as in 512x256"):
        size_of(text)
