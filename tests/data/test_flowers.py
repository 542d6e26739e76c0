import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import flowers
from landbridge.data.domain import unseal
from landbridge.data.inventory import describe
from landbridge.data.registry import load_domain

Draw = Callable[..., Path]

KINDS = [77, 77, 1, 102, 1, 5]
"""Of images 1 to 6."""
IDS = {"trnid": [3, 1], "valid": [4], "tstid": [6, 2, 5]}


@pytest.fixture
def jpg(tmp_path: Path, draw: Draw) -> Path:
    """A data root with six flowers and no labels yet."""
    for number in range(1, 7):
        draw(tmp_path / "flowers102" / "jpg" / f"image_{number:05d}.jpg", (20 * number, 0, 0), (500, 600))
    return tmp_path


def published(root: Path) -> Path:
    """Labels as on Oxford's page."""
    folder = root / "flowers102"
    savemat(folder / "imagelabels.mat", {"labels": np.array([KINDS], dtype=np.uint8)})
    savemat(folder / "setid.mat", {name: np.array([ids], dtype=np.uint16) for name, ids in IDS.items()})
    return folder


def captioned(root: Path) -> Path:
    """Labels beside captions."""
    folder = root / "flowers102"
    rows = [
        {"image": f"jpg/image_{number:05d}.jpg", "class": kind, "captions": ["a flower"]}
        for number, kind in reversed(list(enumerate(KINDS, 1)))
    ]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    images = {"train": IDS["trnid"], "val": IDS["valid"], "test": IDS["tstid"]}
    (folder / "classes_splits.json").write_text(json.dumps({"train": [41], "official_images": images}))
    return folder


@pytest.mark.parametrize("layout", [published, captioned])
def test_both_layouts_give_oxfords_split(layout: Callable[[Path], Path], jpg: Path) -> None:
    layout(jpg)
    domain = load_domain("flowers102", jpg)
    assert len(domain.classes) == 102
    names = [domain.classes[label] for label in domain.labelled().y.tolist()]
    assert names == ["passion flower", "pink primrose", "blackberry lily"]  # images 1, 3 and 4
    assert unseal(domain.unlabelled("test")).tolist() == [76, 0, 4]
    assert [path.name for path in domain.splits["test"].x.paths] == [f"image_0000{n}.jpg" for n in (2, 5, 6)]
    assert describe("flowers102", jpg) == (True, {"train": 3, "test": 3}, "cut: 3 + 3 of 2,040 + 6,149 images")
    assert domain.headline == "mean_class_accuracy"


def test_small_copies_are_told(jpg: Path, draw: Draw) -> None:
    assert flowers._small(jpg / "flowers102" / "jpg") == ""
    draw(jpg / "flowers102" / "jpg" / "image_00001.jpg", size=(96, 64))
    assert flowers._small(jpg / "flowers102" / "jpg") == "small copies: 96x64, published with 500+"


def test_numbers_stand_in_for_names_that_the_library_lacks(jpg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import Flowers102

    published(jpg)
    monkeypatch.delattr(Flowers102, "classes")
    classes = load_domain("flowers102", jpg).classes
    assert (classes[0], classes[101]) == ("1", "102")


def test_what_is_missing_or_damaged_is_named(jpg: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"^flowers102: neither setid\.mat and imagelabels\.mat nor captions\.jsonl"
    ):
        load_domain("flowers102", jpg)
    folder = captioned(jpg)
    (folder / "classes_splits.json").write_text('{"train": [41]}')
    with pytest.raises(
        BadDataError, match=r"captions\.jsonl or classes_splits\.json beside it cannot be used .*official_images"
    ):
        load_domain("flowers102", jpg)
    published(jpg)
    savemat(folder / "imagelabels.mat", {"labels": np.array([[103] * 6])})
    with pytest.raises(BadDataError, match=r"imagelabels\.mat: kinds outside 1 to 102"):
        load_domain("flowers102", jpg)
    savemat(folder / "imagelabels.mat", {"labels": np.array([KINDS[:4]])})
    with pytest.raises(BadDataError, match=r"the split 'test' does not name images from 1 to 4"):
        load_domain("flowers102", jpg)
    (folder / "setid.mat").write_bytes(b"no Matlab file at all, but long enough for its header" * 10)
    with pytest.raises(BadDataError, match=r"setid\.mat is not the published Matlab file with 'trnid', or damaged"):
        load_domain("flowers102", jpg)
    published(jpg)
    (folder / "jpg" / "image_00001.jpg").unlink()
    with pytest.raises(MissingDataError, match=r"^flowers102: no image_00001\.jpg in .*: unpack 102flowers\.tgz there"):
        load_domain("flowers102", jpg)


@pytest.mark.data
def test_real_flowers(data_root: Path) -> None:
    domain = load_domain("flowers102", data_root)
    assert domain.labelled().y.bincount().tolist() == [20] * 102
    assert len(domain.unlabelled("test")) == 6_149


def test_colours_are_those_that_enough_captions_name(jpg: Path) -> None:
    """Three captions say that it is there, none that it is not; between that nobody judges."""
    folder = captioned(jpg)
    said = [
        ["a Red flower", "reddish petals", "dark crimson", "yellow centre", "no colour told", "it is covered in hairs"],
        ["violet", "purple", "lavender petals", "whites", "white", "white-tipped"],
    ]
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    for row in rows:
        number = int(row["image"][-9:-4])
        row["captions"] = said[number - 1] if number <= 2 else ["a flower"]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    domain = load_domain("flowers102/colours", jpg)
    assert domain.multi_label
    assert domain.headline == "mean_average_precision"
    first = dict(zip(domain.classes, domain.labelled().y[0].tolist()))  # image 1
    assert {name: value for name, value in first.items() if value != -1} == {"red": 1, "yellow": 0}
    labels = unseal(domain.unlabelled("test"))
    assert labels is not None
    second = dict(zip(domain.classes, labels[0].tolist()))  # image 2
    assert {name: value for name, value in second.items() if value != -1} == {"purple": 1, "white": 1}
    plain = load_domain("flowers102", jpg)
    assert [part.x.paths for part in domain.splits.values()] == [part.x.paths for part in plain.splits.values()]


def test_colours_need_captions(jpg: Path) -> None:
    folder = published(jpg)
    with pytest.raises(MissingDataError, match=r"flowers102/colours: no captions.jsonl in .*: it holds the captions"):
        load_domain("flowers102/colours", jpg)
    (folder / "captions.jsonl").write_text('{"image": "jpg/image_00001.jpg"}\n')
    with pytest.raises(BadDataError, match=r"captions.jsonl cannot be used .*: fetch it anew"):
        load_domain("flowers102/colours", jpg)
