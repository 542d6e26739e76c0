"""Classes of two dense domains: alike, one side's, merged, or a line that says how to mend it."""

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.label_maps import VOID
from landbridge.data.masks import ArrayMasks, Masks
from landbridge.data.matching_scenes import match_scenes
from landbridge.data.scene_classes import CAMVID, CITYSCAPES, SYNTHIA_16


def dense(name: str, classes: tuple[str, ...]) -> Domain:
    """One picture a row of pixels, one of each class."""
    y = torch.arange(len(classes), dtype=torch.uint8).view(1, 1, -1)
    x = torch.zeros(1, 3, 1, len(classes), dtype=torch.uint8)
    return Domain(name, classes, {"train": Examples(Arrays(x), ArrayMasks(y))})


def labels(domain: Domain) -> list[int]:
    masks = domain.splits["train"].y
    assert isinstance(masks, Masks)
    return masks.read(torch.tensor([0])).flatten().tolist()


def test_another_order_is_followed() -> None:
    source, target, notes = match_scenes(dense("one", ("road", "car")), dense("two", ("car", "road")))
    assert source.classes == target.classes == ("road", "car")
    assert (labels(source), labels(target), notes) == ([0, 1], [1, 0], [])


def test_classes_of_one_side_are_void_on_the_other() -> None:
    wide = (*CITYSCAPES, "tuk-tuk")
    source, target, notes = match_scenes(dense("sim", CITYSCAPES), dense("real", wide))
    assert source.classes == target.classes == CITYSCAPES
    assert labels(target) == [*range(19), VOID]
    assert notes == ["tuk-tuk of real: void, since the other domain has no such class"]
    source, target, notes = match_scenes(dense("gta", CITYSCAPES), dense("synthia", SYNTHIA_16))
    assert source.classes == target.classes == SYNTHIA_16
    assert labels(source).count(VOID) == 3
    assert notes == ["terrain, truck, train of gta: void, since the other domain has no such class"]


@pytest.mark.parametrize("turned", [False, True])
def test_the_finer_classes_are_merged(turned: bool) -> None:
    pair = dense("sim", CITYSCAPES), dense("camvid", CAMVID)
    source, target, notes = match_scenes(*(pair[::-1] if turned else pair))
    assert source.classes == target.classes == CAMVID
    fine = target if turned else source
    assert labels(fine)[CITYSCAPES.index("bus")] == CAMVID.index("car")
    assert notes == ["the 19 classes of sim are merged into 11"]


def test_an_open_target_keeps_its_own_classes_behind_the_sources() -> None:
    source, target, notes = match_scenes(
        dense("one", ("road", "car")), dense("two", ("cow", "car", "tuk-tuk", "road")), "open"
    )
    assert source.classes == ("road", "car")
    assert target.classes == ("road", "car", "cow", "tuk-tuk")
    assert (labels(source), labels(target)) == ([0, 1], [2, 1, 3, 0])
    assert notes == ["cow, tuk-tuk: only two has them, beside 2 classes that both have"]


def test_classes_left_out_of_the_source_are_void_there_and_count_in_an_open_target() -> None:
    source = dense("camvid", CAMVID).without(["sign-symbol", "bicyclist"])
    source, target, _ = match_scenes(source, dense("dusk", CAMVID), "open")
    assert len(source.classes) == 9
    assert labels(source).count(VOID) == 2
    assert target.classes == (*source.classes, "sign-symbol", "bicyclist")
    assert sorted(labels(target)) == list(range(11))


def test_an_open_target_has_all_of_the_sources_classes_and_more() -> None:
    one = dense("one", ("road", "car"))
    for target, message in (
        (dense("two", ("car", "road")), r"two has no class that one lacks: .* 'one\?without=road'"),
        (
            dense("two", ("car", "cow")),
            r"but only in one: road; leave them out of the source, as in 'one\?without=road'",
        ),
        (Domain("two", (), {}), "nobody knows which classes two has"),
    ):
        with pytest.raises(BadDataError, match=message):
            match_scenes(one, target, "open")
    with pytest.raises(LandbridgeError, match="--label-sets of segmenters is closed or open, not 'partial'"):
        match_scenes(one, one, "partial")


def test_a_target_without_classes_takes_the_sources() -> None:
    bare = Domain("mine", (), {"train": Examples(Arrays(torch.zeros(1, 3, 2, 2, dtype=torch.uint8)))})
    assert match_scenes(dense("one", ("road", "car")), bare)[1].classes == ("road", "car")


def test_what_does_not_match_is_said_in_a_line() -> None:
    with pytest.raises(BadDataError) as found:
        match_scenes(dense("one", ("road", "car", "dog")), dense("two", ("road", "car", "cow")))
    assert str(found.value) == (
        "the classes of one and two do not match: only in one: dog; only in two: cow; keep those that both have, as in "
        "'one?classes=road,car' and likewise behind the other, or name them alike in classes.csv"
    )


def test_a_domain_without_masks_is_named() -> None:
    plain = Domain("photos", ("a", "b"), {"train": Examples(Arrays(torch.zeros(2, 3)), torch.tensor([0, 1]))})
    with pytest.raises(BadDataError, match=r"^photos has no class for each pixel: a segmenter learns from masks"):
        match_scenes(plain, dense("two", ("a", "b")))
    with pytest.raises(BadDataError, match=r"^photos has classes but no class for each pixel .* --unlabelled"):
        match_scenes(dense("two", ("a", "b")), plain)


def test_advice_goes_behind_the_keys_that_are_there() -> None:
    with pytest.raises(BadDataError, match=r"as in 'one\?size=9x9&classes=road'"):
        match_scenes(dense("one?size=9x9", ("road", "dog")), dense("two", ("road", "cow")))
