from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from landbridge import show
from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import unseal
from landbridge.data.inventory import describe
from landbridge.data.registry import load_domain
from landbridge.data.voc import CLASSES

Draw = Callable[..., Path]

PRESENT = {"trainval": {"000005": "chair", "000007": "car", "000009": "horse person"}, "test": {"000001": "dog person"}}
DIFFICULT = {"000009": "car"}


@pytest.fixture
def archive(tmp_path: Path, draw: Draw) -> Path:
    """The folder VOC2007 of a tiny copy: three images to train on, one to test."""
    folder = tmp_path / "VOCdevkit" / "VOC2007"
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for part, images in PRESENT.items():
        for place, image in enumerate(images):
            draw(folder / "JPEGImages" / f"{image}.jpg", (50 * place, 0, 0), size=(8 + place, 6))
        for name in CLASSES:
            lines = []
            for image, there in images.items():
                label = 1 if name in there.split() else 0 if name == DIFFICULT.get(image) else -1
                lines.append(f"{image} {label:2d}\n")  # as published: one space before -1, two before 1
            (folder / "ImageSets" / "Main" / f"{name}_{part}.txt").write_text("".join(lines))
    return folder


def test_labels_are_columns(archive: Path, tmp_path: Path) -> None:
    domain = load_domain("voc2007", tmp_path)
    assert (len(domain.classes), domain.multi_label, domain.headline) == (20, True, "mean_average_precision")
    y = domain.labelled().y
    expected = torch.full((3, 20), -1)
    for row, name, value in ((0, "chair", 1), (1, "car", 1), (2, "horse", 1), (2, "person", 1), (2, "car", 0)):
        expected[row, CLASSES.index(name)] = value
    assert y.dtype == torch.int64
    assert torch.equal(y, expected)
    assert [CLASSES[c] for c in (unseal(domain.unlabelled("test"))[0] == 1).nonzero().flatten()] == ["dog", "person"]
    assert describe("voc2007", tmp_path) == (True, {"train": 3, "test": 1}, "cut: 3 + 1 of 5,011 + 4,952 images")
    assert domain.labelled().read(torch.tensor([1]), (4, 4))[0, 0].float().mean() == pytest.approx(50, abs=3)
    horses = load_domain("voc2007?classes=person,horse", tmp_path).labelled()
    assert (horses.classes, horses.y.tolist()) == (("horse", "person"), [[-1, -1], [-1, -1], [1, 1]])


@pytest.mark.parametrize("place", ["voc2007/VOCdevkit/VOC2007", "VOC2007", "voc2007"])
def test_other_usual_places(place: str, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / place).parent.mkdir(parents=True)
    archive.rename(tmp_path / "other" / place)
    assert describe("voc2007", tmp_path / "other").sizes == {"train": 3, "test": 1}


def test_a_contact_sheet_shows_an_image_under_each_of_its_classes(archive: Path, tmp_path: Path) -> None:
    from PIL import Image

    sheet = show("voc2007", out=str(tmp_path / "sheet.png"), data_root=str(tmp_path))
    rows = sheet.stat().st_size and Image.open(sheet).size[1]
    alone = show("voc2007?classes=chair", out=str(tmp_path / "chair.png"), data_root=str(tmp_path))
    height = Image.open(alone).size[1]
    four = show("voc2007?classes=chair,car,horse,person", out=str(tmp_path / "four.png"), data_root=str(tmp_path))
    assert rows == Image.open(four).size[1] > height


def test_what_is_missing_or_damaged_is_named(archive: Path, tmp_path: Path) -> None:
    lists = archive / "ImageSets" / "Main"
    with pytest.raises(MissingDataError, match=r"^voc2007: no VOCdevkit/VOC2007 in .* 4 other usual names"):
        load_domain("voc2007", archive)
    kept = (lists / "cow_trainval.txt").read_text()
    (lists / "cow_trainval.txt").write_text(kept.replace("000007 -1", "000007 yes"))
    with pytest.raises(
        BadDataError, match=r"cow_trainval\.txt, line 2: expected 'IMAGE 1', 0 or -1, found '000007 yes'"
    ):
        load_domain("voc2007", tmp_path)
    (lists / "cow_trainval.txt").write_text(kept.replace("000007", "000008"))
    with pytest.raises(BadDataError, match=r"cow_trainval\.txt names other images than the list of aeroplane"):
        load_domain("voc2007", tmp_path)
    (lists / "cow_trainval.txt").write_text(kept)
    (archive / "JPEGImages" / "000001.jpg").unlink()
    with pytest.raises(MissingDataError, match="the lists of 'test' name 000001, but there is no such file in"):
        load_domain("voc2007", tmp_path)
    (lists / "aeroplane_test.txt").unlink()
    with pytest.raises(
        MissingDataError, match=r"^voc2007: no aeroplane_test\.txt in .*: unpack the archive of test there$"
    ):
        load_domain("voc2007", tmp_path)
