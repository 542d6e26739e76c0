import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import mnist_m
from landbridge.data.images import ImageFiles
from landbridge.data.registry import load_domain


def test_blended_once_and_anew_when_the_inputs_change(small_mnist, draw, fresh_cache):
    photographs = small_mnist / "bsds500/BSR/BSDS500/data/images/train"
    draw(photographs / "1.png", (200, 100, 0), (40, 30))
    for _ in range(2):
        domain = mnist_m.load(None, small_mnist)
        assert not fresh_cache.exists() or len(list(fresh_cache.iterdir())) == 1  # counting blends nothing
        images = domain.splits["train"].x.read(torch.arange(12))
        assert tuple(images.shape) == (12, 3, 28, 28)
        # Each digit of the small MNIST is a flat square of its number.
        assert images[:, :, 9, 9].tolist() == [[200 - i, 100 - i, i] for i in range(12)]
    assert domain.note == "blended with our seed over 1 of the 200 photographs"
    assert torch.equal(domain.splits["train"].y[:10], torch.arange(10))
    draw(photographs / "1.png", (10, 10, 10), (40, 30))
    assert mnist_m.load(None, small_mnist).splits["train"].x.read(torch.tensor([0])).unique().tolist() == [10]


def test_what_is_missing(small_mnist, tmp_path, draw, fresh_cache):
    with pytest.raises(MissingDataError, match=r"no bsds500/BSR/BSDS500/data/images/train in .*unpack the published"):
        mnist_m.load(None, small_mnist)
    photographs = small_mnist / "bsds500/BSR/BSDS500/data/images/train"
    photographs.mkdir(parents=True)
    with pytest.raises(MissingDataError, match="no photographs in"):
        mnist_m.load(None, small_mnist)
    draw(tmp_path / "bsds500/images/train/1.png")
    with pytest.raises(MissingDataError, match="mnist: no mnist/MNIST/raw"):
        mnist_m.load(None, tmp_path)
    (photographs / "1.jpg").write_text("no image")
    with pytest.raises(BadDataError, match="a photograph cannot be read"):
        mnist_m.load(None, small_mnist).splits["train"].x.read(torch.tensor([0]))


def test_published_images(tmp_path, draw):
    folder = tmp_path / "mnist_m"
    for split, labels in (("train", [5, 0, 4]), ("test", [7, 2])):
        rows = []
        for number, label in enumerate(labels):
            draw(folder / f"mnist_m_{split}" / f"{number:08d}.png", (label, 0, 0), (32, 32))
            rows.append(f"{number:08d}.png {label}")
        (folder / f"mnist_m_{split}_labels.txt").write_text("\n".join(rows) + "\n")
    domain = mnist_m.load(None, tmp_path)
    train = domain.splits["train"]
    assert isinstance(train.x, ImageFiles)
    assert (domain.note, train.y.tolist(), train.x.read(torch.arange(3))[:, 0, 0, 0].tolist()) == (
        "as published",
        [5, 0, 4],
        [5, 0, 4],
    )
    (folder / "mnist_m_test_labels.txt").write_text("00000000.png 7\n00000001.png 77\n")
    with pytest.raises(BadDataError, match="1 lines without a digit"):
        mnist_m.load(None, tmp_path)
    (folder / "mnist_m_test_labels.txt").unlink()
    with pytest.raises(MissingDataError, match=r"no mnist_m_test_labels\.txt"):
        mnist_m.load(None, tmp_path)


@pytest.mark.data
def test_the_real_set(data_root, fresh_cache):
    domain = load_domain("mnist-m", data_root)
    plain = load_domain("mnist", data_root)
    for split, size in (("train", 60_000), ("test", 10_000)):
        images = domain.splits[split].x.values
        assert tuple(images.shape) == (size, 3, 28, 28)
        assert torch.equal(domain.splits[split].y, plain.splits[split].y)
    # Photographs are not grey, and a digit is where the three channels jump together.
    assert np.abs(np.diff(images.numpy().astype(int).mean(axis=(0, 2, 3)))).max() > 2
