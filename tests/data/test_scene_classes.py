import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.label_maps import VOID
from landbridge.data.masks import ArrayMasks
from landbridge.data.scene_classes import (
    CAMVID,
    CITYSCAPES,
    CITYSCAPES_COLOURS,
    CITYSCAPES_TO_CAMVID,
    PROTOCOLS,
    SYNTHIA_13,
    SYNTHIA_16,
    camvid_ids,
    cityscapes_ids,
    colours_of,
    idd_ids,
    in_classes_of,
    merged,
    overlaid,
    painted,
    protocol,
    synthia_ids,
    train_ids,
)


def dense(classes, name="toy"):
    masks = torch.arange(len(classes), dtype=torch.uint8).expand(2, 3, -1).clone()
    masks[:, 0] = VOID
    x = torch.zeros(2, 3, 3, len(classes), dtype=torch.uint8)
    return Domain(name, tuple(classes), {"train": Examples(Arrays(x), ArrayMasks(masks))})


def row(domain):
    """What the classes in a row have become, by name."""
    numbers = domain.labelled().y.read(torch.tensor([0]))[0, 1].tolist()
    return [None if number == VOID else domain.classes[number] for number in numbers]


def test_protocols_have_as_many_classes_as_their_names_say():
    for name, classes in PROTOCOLS.items():
        assert len(classes) == len(set(classes)) == int(name.split()[0])
        assert protocol(classes) == name
    assert set(SYNTHIA_13) < set(SYNTHIA_16) < set(CITYSCAPES)
    assert len(set(CITYSCAPES_COLOURS.values())) == 19


def test_ids_of_files():
    ids = cityscapes_ids().ids
    assert (ids[7], ids[8], ids[11], ids[24], ids[33]) == (0, 1, 2, 11, 18)
    assert [ids[number] for number in (0, 6, 9, 14, 29, 30, 255)] == [VOID] * 7
    assert len(set(ids.values())) == 20
    assert train_ids().ids == {**{number: number for number in range(19)}, 255: VOID}
    assert train_ids(SYNTHIA_16).ids[9] == VOID
    assert camvid_ids().ids[11] == VOID
    synthia = synthia_ids().ids
    assert [CITYSCAPES.index(SYNTHIA_16[synthia[number]]) for number in (3, 4, 2, 21, 5, 7, 15, 9, 6, 1, 10, 17)] == [
        *range(9), 10, 11, 12,
    ]  # fmt: skip
    assert (synthia[0], synthia[13], synthia[22]) == (VOID,) * 3
    assert synthia_ids(SYNTHIA_13).ids[21] == VOID
    idd = idd_ids().ids
    assert (idd[0], idd[11], idd[7], idd[5], idd[33]) == (0, VOID, VOID, 9, 10)
    assert set(range(40)) < set(idd)


def test_domains_take_over_each_others_classes():
    assert set(CITYSCAPES_TO_CAMVID.values()) == set(CAMVID)
    cut = in_classes_of(dense(CITYSCAPES), SYNTHIA_13)
    assert cut.classes == SYNTHIA_13
    assert row(cut) == [name if name in SYNTHIA_13 else None for name in CITYSCAPES]
    small = in_classes_of(dense(CITYSCAPES), CAMVID)
    assert row(small) == [CITYSCAPES_TO_CAMVID[name] for name in CITYSCAPES]
    wide = in_classes_of(dense((*CITYSCAPES, "tuk-tuk", "autorickshaw", "animal")), CAMVID)
    assert row(wide)[-3:] == ["car", "car", "pedestrian"]
    turned = in_classes_of(dense(("road", "car")), ("car", "road"))
    assert (turned.classes, row(turned)) == (("car", "road"), ["road", "car"])
    assert in_classes_of(Domain("loose", (), {}), CAMVID).classes == CAMVID
    with pytest.raises(BadDataError, match=r"two lacks 18 of the 19 classes \(sidewalk, building, .*\?classes="):
        in_classes_of(dense(("road", "cow"), "two"), CITYSCAPES)


def test_merging_drops_what_has_no_place():
    domain = merged(dense(("road", "lane", "cow")), {"road": "ground", "lane": "ground"}, ("sky", "ground"))
    assert row(domain) == ["ground", "ground", None]
    with pytest.raises(BadDataError, match="has no masks"):
        merged(Domain("plain", ("a", "b"), {}), {}, ("a", "b"))


def test_colours_and_pictures():
    assert colours_of(CAMVID)[CAMVID.index("road")] == (128, 64, 128)
    assert colours_of(["car", "truck"])[0] == (0, 0, 142)
    assert colours_of(["car", "pole"])[0] == (64, 0, 128)
    made_up = colours_of([f"thing {number}" for number in range(12)])
    assert len(set(made_up)) == 12
    masks = torch.tensor([[[0, 1], [255, 1]]], dtype=torch.uint8)
    picture = painted(masks, [(1, 2, 3), (4, 5, 6)])
    assert picture.shape == (1, 3, 2, 2)
    assert picture[0, :, 0, 0].tolist() == [1, 2, 3]
    assert picture[0, :, 1, 0].tolist() == [0, 0, 0]
    assert torch.equal(picture, painted(masks.long(), [(1, 2, 3), (4, 5, 6)]))
    laid = overlaid(torch.full((1, 3, 2, 2), 100, dtype=torch.uint8), masks, [(200, 100, 0), (0, 0, 0)], 0.5)
    assert laid[0, :, 0, 0].tolist() == [150, 100, 50]
    assert laid[0, :, 1, 0].tolist() == [100, 100, 100]
