import gzip

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import mnist
from landbridge.data.registry import load_domain


def test_packed_files(small_mnist):
    domain = mnist.load(None, small_mnist)
    train = domain.splits["train"]
    assert domain.classes == tuple("0123456789")
    assert domain.note == "cut: 12 + 6 of 60,000 + 10,000 images"
    assert (len(train), train.y.tolist()) == (12, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    images = train.x.read(torch.tensor([3, 11]))
    assert (images.dtype, tuple(images.shape), images[:, 0, 5, 5].tolist()) == (torch.uint8, (2, 1, 28, 28), [3, 11])


@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist", "mnist/raw"])
def test_unpacked_files_in_other_places(small_mnist, tmp_path, folder):
    for packed in (small_mnist / "mnist/MNIST/raw").iterdir():
        place = tmp_path / "other" / folder / packed.stem
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.decompress(packed.read_bytes()))
    domain = load_domain("mnist", tmp_path / "other")
    assert {name: len(part.x.read(torch.arange(6))) for name, part in domain.splits.items()} == {"train": 6, "test": 6}


def test_missing(tmp_path):
    with pytest.raises(MissingDataError, match=r"no mnist/MNIST/raw/train-labels-idx1-ubyte.*--download|images-idx3"):
        mnist.load(None, tmp_path)
    with pytest.raises(MissingDataError, match="set LANDBRIDGE_DATA"):
        mnist.load(None, None)


@pytest.mark.parametrize("harm", ["cut", "not gzip", "wrong magic", "short"])
def test_damaged(small_mnist, harm):
    path = small_mnist / "mnist/MNIST/raw/t10k-images-idx3-ubyte.gz"
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(
        {
            "cut": path.read_bytes()[:-20],
            "not gzip": b"<html>",
            "wrong magic": gzip.compress(b"\0\0\x09\x03" + content[4:]),
            "short": gzip.compress(content[:-1]),
        }[harm]
    )
    domain = mnist.load(None, small_mnist)  # reading is put off
    with pytest.raises(BadDataError, match=r"t10k-images.*fetch it anew"):
        domain.splits["test"].x.read(torch.tensor([0]))


def test_images_and_labels_that_do_not_belong_together(small_mnist, write_idx):
    write_idx(small_mnist / "mnist/MNIST/raw/t10k-labels-idx1-ubyte.gz", np.zeros(5, np.uint8))
    with pytest.raises(BadDataError, match="6 inputs were read where 5 labels"):
        mnist.load(None, small_mnist).splits["test"].x.read(torch.tensor([0]))


@pytest.mark.data
def test_the_real_set(data_root):
    domain = load_domain("mnist", data_root)
    assert domain.note == ""
    assert torch.bincount(domain.splits["test"].y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert domain.splits["train"].y[:5].tolist() == [5, 0, 4, 1, 9]
    means = [part.x.values.float().mean().item() / 255 for part in domain.splits.values()]
    assert means == pytest.approx([0.1307, 0.1325], abs=1e-4)
