import pytest
import torch

from landbridge.core.errors import UnknownNameError
from landbridge.data import digits
from landbridge.data.registry import load_domain


def never(*_args):
    raise AssertionError("drawn again")


def test_printed_is_seeded_and_kept(fresh_cache, monkeypatch):
    domain = load_domain("digits/printed")
    assert [len(part) for part in domain.splits.values()] == [10_000, 2_000]
    assert not fresh_cache.exists()  # counting draws nothing
    test = domain.splits["test"]
    images = test.x.read(torch.arange(2_000))
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (2_000, 3, 28, 28))
    assert torch.bincount(test.y).tolist() == [200] * 10
    assert images.float().std() > 50
    monkeypatch.setattr(digits, "render", never)
    assert torch.equal(digits.load("printed", None).splits["test"].x.read(torch.arange(2_000)), images)
    monkeypatch.undo()
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(fresh_cache / "other"))
    assert torch.equal(digits.load("printed", None).splits["test"].x.read(torch.arange(2_000)), images)


def test_handwritten_is_stratified_and_whole():
    domain = load_domain("digits/handwritten")
    train, test = domain.splits["train"], domain.splits["test"]
    assert (len(train), len(test)) == (1_297, 500)
    assert torch.bincount(test.y).tolist() == [50] * 10
    assert tuple(train.x.values.shape) == (1_297, 1, 28, 28)
    assert train.x.values.amax() == 255
    assert train.x.values[:, :, [0, -1]].max() < 64  # a margin, as MNIST's digits have
    assert torch.equal(digits.load("handwritten", None).splits["test"].x.values, test.x.values)
    rows = {image.numpy().tobytes() for image in train.x.values}
    assert not any(image.numpy().tobytes() in rows for image in test.x.values)


def test_photo_is_the_handwritten_over_photographs():
    domain, plain = load_domain("digits/photo"), load_domain("digits/handwritten")
    train, test = domain.splits["train"], domain.splits["test"]
    assert (len(train), len(test)) == (4 * 1_297, 4 * 500)
    for split in ("train", "test"):
        assert torch.equal(domain.splits[split].y, plain.splits[split].y[domain.splits[split].group])
    assert torch.equal(digits.load("photo", None).splits["train"].x.values, train.x.values)
    ink = plain.splits["test"].x.values[test.group].expand(-1, 3, -1, -1).short()
    # |photograph - ink| undone both ways: where the ink is black, the photograph; where it is white, its negative.
    below = test.x.values.short()[ink == 0].float().mean()
    above = 255 - test.x.values.short()[ink == 255].float().mean()
    assert abs(below - above) < 15


def test_digits_look_alike_across_the_three_only_by_shape():
    assert {load_domain(f"digits/{name}").classes for name in ("printed", "handwritten", "photo")} == {
        tuple("0123456789")
    }


def test_unknown_variant():
    with pytest.raises(UnknownNameError, match="known: printed, handwritten, photo"):
        digits.load("painted", None)
