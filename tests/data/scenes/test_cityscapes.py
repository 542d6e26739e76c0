import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, SealedLabelsError
from landbridge.data.inventory import describe
from landbridge.data.label_maps import VOID
from landbridge.data.registry import load_domain
from landbridge.data.scene_classes import CITYSCAPES, SYNTHIA_13, SYNTHIA_16


def first_pixels(domain, split="train", count=3):
    examples = domain.splits[split]
    return examples.y.read(torch.tensor([0]))[0].flatten()[:count].tolist()


@pytest.fixture
def cityscapes(tmp_path, image, label):
    folder = tmp_path / "cityscapes"
    for split, city, frame in (("train", "aachen", 0), ("train", "ulm", 0), ("train", "ulm", 1), ("val", "lindau", 0)):
        stem = f"{split}/{city}/{city}_{frame:06d}_000019"
        image(folder / "leftImg8bit" / f"{stem}_leftImg8bit.png")
        label(folder / "gtFine" / f"{stem}_gtFine_labelIds.png", [7, 22, 0, 29])
        label(folder / "gtFine" / f"{stem}_gtFine_instanceIds.png", [7])
        label(folder / "gtFine" / f"{stem}_gtFine_color.png", [(1, 2, 3)])
    image(folder / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png")
    return tmp_path


def test_cityscapes(cityscapes):
    domain = load_domain("cityscapes", cityscapes)
    assert domain.classes == CITYSCAPES
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 3, "test": 1}
    assert domain.groups == ("aachen", "lindau", "ulm")
    assert domain.group_kind == "city"
    assert domain.splits["train"].group.tolist() == [0, 2, 2]
    assert first_pixels(domain, count=4) == [0, 9, VOID, VOID]
    assert domain.note.startswith(
        "19 classes (Cityscapes); cut: 3 + 1 of 2,975 + 500 images; test is the published val"
    )


def test_protocols_of_synthia_have_their_names_in_the_note(cityscapes):
    for variant, classes in (("16", SYNTHIA_16), ("13", SYNTHIA_13)):
        domain = load_domain(f"cityscapes/{variant}", cityscapes)
        assert domain.classes == classes
        assert first_pixels(domain) == [0, VOID, VOID]
        assert domain.note.startswith(f"{variant} classes (SYNTHIA)")


def test_train_ids_serve_where_label_ids_are_not_there(cityscapes, label):
    for path in list((cityscapes / "cityscapes/gtFine").rglob("*_labelIds.png")):
        path.unlink()
        label(path.with_name(path.name.replace("labelIds", "labelTrainIds")), [18, 9, 255])
    assert first_pixels(load_domain("cityscapes", cityscapes)) == [18, 9, VOID]
    assert first_pixels(load_domain("cityscapes/16", cityscapes)) == [15, VOID, VOID]


def test_missing_parts_are_named(cityscapes):
    one = next((cityscapes / "cityscapes/gtFine/train").rglob("*ulm_000001*_labelIds.png"))
    one.unlink()
    with pytest.raises(BadDataError, match=r"1 of 3 images has no label .*ulm_000001_000019_leftImg8bit.png"):
        load_domain("cityscapes", cityscapes)
    for path in (cityscapes / "cityscapes/gtFine/train").rglob("*_labelIds.png"):
        path.unlink()
    found = describe("cityscapes", cityscapes)
    assert not found.found
    assert "no *_gtFine_labelIds.png in" in found.reason
    with pytest.raises(MissingDataError, match=r"no cityscapes in .* \(nor under 2 other usual names"):
        load_domain("cityscapes", cityscapes / "cityscapes")


@pytest.mark.parametrize(
    ("ending", "ids", "expected"),
    [
        ("csTrainIds", [0, 9, 255], [0, 9, VOID]),
        ("csIds", [7, 21, 255], [0, 8, VOID]),
        ("ids", [0, 5, 11], [0, 9, VOID]),
    ],
)
def test_idd(tmp_path, image, label, ending, ids, expected):
    folder = tmp_path / "idd"
    for split, drive, suffix in (("train", "0", "png"), ("train", "201", "jpg"), ("val", "119", "png")):
        image(folder / f"leftImg8bit/{split}/{drive}/024703_leftImg8bit.{suffix}")
        label(folder / f"gtFine/{split}/{drive}/024703_gtFine_label{ending}.png", ids)
    domain = load_domain("idd", tmp_path)
    assert domain.classes == CITYSCAPES
    assert domain.groups == ("0", "119", "201")
    assert first_pixels(domain) == expected
    assert "2 + 1 images" in domain.note
    (folder / f"gtFine/val/119/024703_gtFine_label{ending}.png").unlink()
    with pytest.raises(MissingDataError, match="make them of the polygons with the tools of the set"):
        load_domain("idd", tmp_path)


def test_acdc(tmp_path, image, label):
    for condition, split, ids in (("night", "train", [7, 8]), ("night", "val", [7, 8]), ("fog", "train", [1, 0])):
        image(tmp_path / f"acdc/rgb_anon/{condition}/{split}/GOPR0351/GOPR0351_frame_000159_rgb_anon.png")
        label(tmp_path / f"acdc/gt/{condition}/{split}/GOPR0351/GOPR0351_frame_000159_gt_labelIds.png", ids)
    domain = load_domain("acdc/night", tmp_path)
    assert first_pixels(domain) == [0, 1, 1]
    assert domain.groups == ("GOPR0351",)
    assert "cut: 1 + 1 of 400 + 106 images" in domain.note
    with pytest.raises(MissingDataError, match=r"acdc/fog: no \*_rgb_anon.png in .*val"):
        load_domain("acdc/fog", tmp_path)


def test_dark_zurich_has_labels_to_test_with_alone(tmp_path, image, label):
    folder = tmp_path / "dark-zurich"
    for number in range(3):
        image(folder / f"rgb_anon/train/night/GOPR0351/GOPR0351_frame_{number:06d}_rgb_anon.png")
    image(folder / "rgb_anon/val/night/GOPR0356/GOPR0356_frame_000321_rgb_anon.png")
    label(folder / "gt/val/night/GOPR0356/GOPR0356_frame_000321_gt_labelTrainIds.png", [10, 255])
    domain = load_domain("dark-zurich", tmp_path)
    assert domain.dense
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 3, "test": 1}
    assert first_pixels(domain, "test") == [10, VOID, VOID]
    assert not domain.unlabelled().has_labels
    with pytest.raises(BadDataError, match="has no labels"):
        _ = domain.labelled().y
    with pytest.raises(SealedLabelsError):
        _ = domain.unlabelled("test").y
    assert load_domain("dark-zurich?without=sky", tmp_path).classes == tuple(c for c in CITYSCAPES if c != "sky")
