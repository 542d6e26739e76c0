import numpy as np
import pytest
import torch
from scipy.io import savemat

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import svhn


@pytest.fixture
def root(tmp_path):
    (tmp_path / "svhn").mkdir()
    for split, count in (("train", 7), ("test", 4)):
        images = np.zeros((32, 32, 3, count), np.uint8)
        images[2, 5, 1, :] = np.arange(count) + 100
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)
        labels[0] = 10
        savemat(tmp_path / "svhn" / f"{split}_32x32.mat", {"X": images, "y": labels[:, None]}, do_compression=True)
    return tmp_path


def test_torchvision_layout(root):
    domain = svhn.load(None, root)
    train = domain.splits["train"]
    assert train.y.tolist() == [0, 2, 3, 4, 5, 6, 7]
    images = train.x.read(torch.tensor([1, 6]))
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (2, 3, 32, 32))
    assert images[:, 1, 2, 5].tolist() == [101, 106]
    assert images.sum() == 207
    assert (domain.backbone, domain.note) == ("ganin-svhn", "cut: 7 + 4 of 73,257 + 26,032 images")


def test_missing_and_damaged(root):
    path = root / "svhn/test_32x32.mat"
    whole = path.read_bytes()
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(BadDataError, match=r"test_32x32\.mat is not the published Matlab file with 'y', or damaged"):
        svhn.load(None, root)
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(BadDataError, match="fetch it anew"):
        svhn.load(None, root).splits["test"].x.read(torch.tensor([0]))
    savemat(path, {"X": np.zeros((3, 3)), "y": np.ones((2, 1))})
    with pytest.raises(BadDataError, match="'X' is float64"):
        svhn.load(None, root).splits["test"].x.read(torch.tensor([0]))
    savemat(path, {"X": np.zeros((3, 3)), "y": np.full((2, 1), 11)})
    with pytest.raises(BadDataError, match="labels outside 1 to 10"):
        svhn.load(None, root)
    path.unlink()
    with pytest.raises(MissingDataError, match=r"no svhn/test_32x32\.mat in .*--download"):
        svhn.load(None, root)
