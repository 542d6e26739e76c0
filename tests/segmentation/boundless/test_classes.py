import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.segmentation.boundless.classes import ClassSpace
from toy_blocks import PRIVATE, SHARED, blocks


def test_shared_classes_come_first() -> None:
    space = ClassSpace(("road", "car"), ("tuk-tuk", "animal"))
    assert space.every == ("road", "car", "tuk-tuk", "animal")
    assert list(space.private_numbers) == [2, 3]


def test_what_is_no_such_space() -> None:
    with pytest.raises(BadDataError, match=r"no class is the target's own: .*\?without=") as none:
        ClassSpace(("road",), ())
    with pytest.raises(BadDataError, match="car: a class of the source cannot be private") as both:
        ClassSpace(("road", "car"), ("car",))
    assert "\n" not in f"{none.value}{both.value}"


def test_what_the_source_leaves_out_is_void_in_it_and_keeps_its_pictures() -> None:
    whole = blocks("whole", 1.0, 3, (*SHARED, *PRIVATE), (12, 4))
    source = whole.without(PRIVATE)
    everything, index = whole.labelled().y.read(torch.arange(12)), torch.arange(12)
    left = source.labelled().y.read(index)
    assert source.classes == SHARED
    assert len(source.labelled()) == 12
    assert (everything == 6).any()
    assert (left[everything == 6] == 255).all()
    assert torch.equal(left[everything != 6], everything[everything != 6])
