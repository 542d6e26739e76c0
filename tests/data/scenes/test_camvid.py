import os
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, SealedLabelsError
from landbridge.data.inventory import describe
from landbridge.data.label_maps import VOID
from landbridge.data.registry import load_domain
from landbridge.data.scene_classes import CAMVID


@pytest.fixture
def root(tmp_path, image, label):
    files = {
        "train": ["0001TP_006690", "0001TP_006720", "0006R0_f00930", "0016E5_00390"],
        "val": ["0016E5_07959"],
        "test": ["0001TP_008550", "Seq05VD_f00000", "Seq05VD_f00030"],
    }
    for part, names in files.items():
        for name in names:
            image(tmp_path / "camvid" / part / f"{name}.png")
            label(tmp_path / "camvid" / f"{part}annot" / f"{name}.png", [0, 10, 11])
    return tmp_path


def test_day_and_dusk(root):
    day, dusk = load_domain("camvid/day", root), load_domain("camvid/dusk", root)
    assert {split: len(part) for split, part in day.splits.items()} == {"train": 3, "test": 2}
    assert {split: len(part) for split, part in dusk.splits.items()} == {"train": 2, "test": 1}
    assert day.groups == ("0006R0", "0016E5", "Seq05VD")
    assert day.splits["train"].group.tolist() == [0, 1, 1]
    assert dusk.groups == ("0001TP",)
    assert day.classes == dusk.classes == CAMVID
    assert (day.headline, day.dense) == ("miou", True)
    assert day.note == "11 classes (CamVid); cut: 3 + 2 of 406 + 171 images"
    masks = day.labelled().y.read(torch.tensor([0]))
    assert masks[0].tolist() == [[0, 10, VOID, VOID], [VOID] * 4]
    with pytest.raises(SealedLabelsError):
        _ = dusk.unlabelled().y
    assert load_domain("camvid/day?without=bicyclist", root).labelled().y.read(torch.tensor([0]))[0, 0, 1] == VOID
    assert len(load_domain("camvid/day?group=0016E5", root).splits["train"]) == 2


def test_listing_reads_nothing(root):
    for path in (root / "camvid").rglob("*.png"):
        path.write_bytes(b"")
    assert describe("camvid/dusk", root).sizes == {"train": 2, "test": 1}


def test_what_is_missing_is_named(root, tmp_path):
    (root / "camvid" / "trainannot" / "0006R0_f00930.png").unlink()
    with pytest.raises(BadDataError, match=r"camvid/day: 1 of 4 images has no label \(.*train.0006R0_f00930.png\)"):
        load_domain("camvid/day", root)
    (root / "camvid" / "valannot" / "0016E5_07959.png").rename(root / "camvid" / "valannot" / "x.png")
    (root / "camvid" / "val" / "0016E5_07959.png").unlink()
    (root / "camvid" / "train" / "0006R0_f00930.png").unlink()
    with pytest.raises(BadDataError, match=r"1 of 1 labels has no image \(.*valannot.x.png\)"):
        load_domain("camvid/day", root)
    (root / "camvid" / "valannot" / "x.png").unlink()
    (root / "camvid" / "valannot").rmdir()
    with pytest.raises(MissingDataError, match="no valannot/ in"):
        load_domain("camvid/day", root)
    with pytest.raises(MissingDataError, match="no camvid in"):
        load_domain("camvid/day", tmp_path / "camvid")


@pytest.mark.data
def test_the_real_set():
    root = os.environ.get("LANDBRIDGE_DATA", "")
    if not Path(root, "camvid").is_dir():
        pytest.skip("no camvid under LANDBRIDGE_DATA")
    day, dusk = load_domain("camvid/day", root), load_domain("camvid/dusk", root)
    assert {split: len(part) for split, part in day.splits.items()} == {"train": 406, "test": 171}
    assert {split: len(part) for split, part in dusk.splits.items()} == {"train": 62, "test": 62}
    assert day.note == dusk.note == "11 classes (CamVid)"
    ready = dusk.prepared((180, 240))
    assert ready.skipped == ()
    masks = ready.labelled().y.read(torch.arange(62))
    assert masks.shape == (62, 180, 240)
    assert set(masks.unique().tolist()) <= {*range(11), VOID}
    brightness = [part.prepared((90, 120)).unlabelled().read().float().mean() for part in (day, dusk)]
    assert brightness[0] > 1.5 * brightness[1]
    rest, held = day.validation()
    assert 0 < len(held) < len(rest)
