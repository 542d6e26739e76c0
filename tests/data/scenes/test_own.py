import numpy as np
import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.label_maps import VOID
from landbridge.data.registry import load_domain
from landbridge.data.scenes.own import is_scenes, read_class_list

ROAD, CAR, SKY = (128, 64, 128), (0, 0, 142), (70, 130, 180)
LIST = "name,red,green,blue\nroad,128,64,128\ncar,0,0,142\nvoid,0,0,0\nsky,70,130,180\n"


@pytest.fixture
def folder(tmp_path, image):
    place = tmp_path / "mine"
    for number in range(10):
        image(place / f"images/{number}.jpg")
    (place / "classes.csv").write_text(LIST)
    return place


def masks_of(domain):
    return torch.cat([part.y.read(torch.arange(len(part))) for part in domain.splits.values()])


def test_labels_by_ids(folder, label):
    for number in range(10):
        label(folder / f"labels/{number}.png", [0, 1, 2, 3, 255])
    domain = load_domain(folder)
    assert domain.classes == ("road", "car", "sky")
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 8, "test": 2}
    assert masks_of(domain)[0, 0].tolist() == [0, 1, VOID, 2]
    assert domain.colours == {"road": ROAD, "car": CAR, "sky": SKY}
    assert domain.note == "3 classes"
    assert sorted(load_domain(folder).splits["test"].x.paths) == sorted(domain.splits["test"].x.paths)


def test_labels_by_colours(folder, label):
    for number in range(10):
        label(folder / f"masks/{number}.png", [ROAD, CAR, (0, 0, 0), SKY])
    assert masks_of(load_domain(folder))[3, 0].tolist() == [0, 1, VOID, 2]
    label(folder / "masks/9.png", [ROAD, CAR, (9, 9, 9), (9, 9, 8)])
    with pytest.raises(
        BadDataError, match=r"9.png: 6 of 8 pixels have colours that classes.csv lacks: \(9, 9, 8\) \(5"
    ):
        masks_of(load_domain(folder))


@pytest.mark.parametrize("agrees", [True, False])
def test_palettes_by_their_colours_or_numbers(folder, agrees):
    (folder / "labels").mkdir()
    shown = [SKY, ROAD] if agrees else [(1, 1, 1), (2, 2, 2)]
    for number in range(10):
        palette = Image.fromarray(np.array([[0, 1, 1, 0], [1] * 4], np.uint8), "P")
        palette.putpalette([value for colour in shown for value in colour])
        palette.save(folder / f"labels/{number}.png")
    assert masks_of(load_domain(folder))[0, 0].tolist() == ([2, 0, 0, 2] if agrees else [0, 1, 1, 0])


def test_published_splits_and_groups(tmp_path, image, label):
    place = tmp_path / "split"
    for split, drives in (("train", ("a", "b")), ("test", ("c",))):
        for drive in drives:
            image(place / split / "images" / drive / "1.png")
            label(place / split / "annotations" / drive / "1.png", [1])
    (place / "classes.csv").write_text("id,name,colour\n1,road,#804080\n5,car,#00008e\n")
    domain = load_domain(place)
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 2, "test": 1}
    assert domain.groups == ("a", "b", "c")
    assert masks_of(domain).unique().tolist() == [0]
    assert domain.colours == {"road": ROAD, "car": CAR}
    label(place / "train/annotations/a/1.png", [0, 1])
    with pytest.raises(BadDataError, match=r"1 of 8 pixels have label ids that classes.csv lacks: 0 \(1 pixel\)"):
        masks_of(load_domain(place))


def test_images_alone(folder, label):
    label(folder / "labels/0.png")
    domain = load_domain(folder, unlabelled=True)
    assert domain.classes == ()
    assert not domain.dense
    assert sum(map(len, domain.splits.values())) == 10


def test_what_is_no_scene_stays_what_it_was(tmp_path, image):
    for name in ("images", "others"):
        image(tmp_path / "plain" / name / "1.png")
        image(tmp_path / "plain" / name / "2.png")
    assert not is_scenes(tmp_path / "plain")
    assert load_domain(tmp_path / "plain").classes == ("images", "others")


def test_what_is_missing_is_named(folder, label, tmp_path):
    with pytest.raises(MissingDataError, match=r"no label files in .*labels: give each .* --unlabelled"):
        load_domain(folder)
    for number in range(9):
        label(folder / f"labels/{number}.png")
    with pytest.raises(BadDataError, match=r"1 of 10 images has no label \(.*9.jpg\)"):
        load_domain(folder)
    label(folder / "labels/9.png")
    label(folder / "labels/10.png")
    with pytest.raises(BadDataError, match=r"1 of 11 labels has no image \(.*10.png\)"):
        load_domain(folder)
    (folder / "classes.csv").unlink()
    with pytest.raises(MissingDataError, match=r"no classes.csv in .*mine: list the classes there"):
        load_domain(folder)
    (tmp_path / "empty/images").mkdir(parents=True)
    (tmp_path / "empty/labels").mkdir()
    with pytest.raises(MissingDataError, match=r"no images in .*images"):
        load_domain(tmp_path / "empty")


def test_labels_that_cannot_be_used(folder, label, image):
    image(folder / "labels/0.jpg")
    with pytest.raises(BadDataError, match="JPEG file, which changes colours"):
        load_domain(folder)
    (folder / "labels/0.jpg").unlink()
    label(folder / "labels/0.png", [ROAD])
    (folder / "classes.csv").write_text("name\nroad\ncar\n")
    with pytest.raises(BadDataError, match=r"is an RGB mask, but classes.csv has no colours"):
        load_domain(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("road,car\n", "needs a first line with the column 'name'"),
        ("", "needs a first line"),
        ("name\nroad\n", "names 1 classes: 2 to 254"),
        ("name\nroad\nroad\n", "line 3: the class 'road' is named twice"),
        ("name,id\nroad,1\ncar,1\n", "line 3: the id 1 is given twice"),
        ("name,id\nroad,one\n", "line 2: the id 'one' is no whole number from 0 to 65,535"),
        ("name,r,g,b\nroad,1,2,256\n", "line 2: the b '256' is no whole number from 0 to 255"),
        ("name,colour\nroad,#80408\n", "line 2: the colour '#80408' is not of the form #804080"),
        ("name,colour\nroad,#804080\ncar,804080\n", r"line 3: the colour \(128, 64, 128\) is given twice"),
        ("name,colour\nroad,#804080\ncar,\n", "'car' has no colour, others do"),
        ("name,colour\n,#804080\ncar,\n", "line 2: a class without a name"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(BadDataError, match=message) as caught:
        read_class_list(tmp_path / "classes.csv")
    assert "\n" not in str(caught.value)
