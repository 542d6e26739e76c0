import numpy as np
import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.label_maps import VOID
from landbridge.data.registry import load_domain
from landbridge.data.scene_classes import CITYSCAPES, SYNTHIA_13, SYNTHIA_16
from rgb16 import write_rgb16


@pytest.fixture
def gta5(tmp_path, image):
    for number in range(1, 6):
        image(tmp_path / f"gta5/images/{number:05d}.png")
        place = tmp_path / f"gta5/labels/{number:05d}.png"
        place.parent.mkdir(exist_ok=True)
        palette = Image.fromarray(np.array([[7, 26, 0, 34 - 1], [7] * 4], np.uint8), "P")
        palette.putpalette([number % 256 for number in range(768)])
        palette.save(place)
    return tmp_path


def test_gta5_is_all_train(gta5):
    domain = load_domain("gta5", gta5)
    assert list(domain.splits) == ["train"]
    assert domain.classes == CITYSCAPES
    assert domain.labelled().y.read(torch.tensor([4]))[0, 0].tolist() == [0, 13, VOID, 18]
    assert domain.note == "19 classes (Cityscapes); cut: 5 of 24,966 images"
    assert domain.groups == ()
    assert domain.labelled().group is None


def test_gta5_as_published(gta5):
    from scipy.io import savemat

    with pytest.raises(MissingDataError, match=r"no split.mat in"):
        load_domain("gta5/split", gta5)
    savemat(gta5 / "gta5/split.mat", {"trainIds": np.array([[1], [3], [9]]), "valIds": [[2]], "testIds": [[4], [5]]})
    domain = load_domain("gta5/split", gta5)
    assert [path.stem for path in domain.splits["train"].x.paths] == ["00001", "00003"]
    assert [path.stem for path in domain.splits["test"].y.paths] == ["00004", "00005"]
    savemat(gta5 / "gta5/split.mat", {"trainIds": [[9]], "testIds": [[4]]})
    with pytest.raises(BadDataError, match="none of the 12,403 images of 'train' is in"):
        load_domain("gta5/split", gta5)


def test_gta5_with_parts_missing(gta5):
    (gta5 / "gta5/images/00002.png").unlink()
    (gta5 / "gta5/images/00004.png").unlink()
    with pytest.raises(BadDataError, match=r"gta5: 2 of 5 labels have no image \(first: .*labels.00002.png\)"):
        load_domain("gta5", gta5)
    for path in (gta5 / "gta5/labels").iterdir():
        path.unlink()
    with pytest.raises(MissingDataError, match=r"gta5: no images in .*labels"):
        load_domain("gta5", gta5)


def test_synthia(tmp_path, image):
    for number in range(2):
        image(tmp_path / f"synthia/RGB/{number:07d}.png")
        ids = np.array([[3, 21, 0, 22], [1, 7, 19, 12]])
        write_rgb16(tmp_path / f"synthia/GT/LABELS/{number:07d}.png", np.stack([ids, ids * 0 + 500, ids * 0], -1))
    whole, part = load_domain("synthia", tmp_path), load_domain("synthia/13", tmp_path)
    names = ["road", "wall", None, None, "sky", "pole", "bus", "motorcycle"]
    for domain, classes in ((whole, SYNTHIA_16), (part, SYNTHIA_13)):
        assert domain.classes == classes
        expected = [classes.index(name) if name in classes else VOID for name in names]
        assert domain.labelled().y.read(torch.tensor([1])).flatten().tolist() == expected
        assert domain.prepared((2, 4)).skipped == ()
        assert domain.note.startswith(f"{len(classes)} classes (SYNTHIA)")
