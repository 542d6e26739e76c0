import bz2

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import usps
from landbridge.data.registry import load_domain


def lines(count, start=0):
    """Digits 0, 1, ...: a stroke at pixel 17 + digit (row 1), -1 elsewhere; one pixel left out, hence 0."""
    for number in range(start, start + count):
        digit = number % 10
        pixels = [f"{i}:{1 if i == 17 + digit else -1}" for i in range(1, 257) if i != 256]
        yield f"{digit + 1} {' '.join(pixels)} "


@pytest.fixture
def root(tmp_path, fresh_cache):
    folder = tmp_path / "root" / "usps"
    folder.mkdir(parents=True)
    (folder / "usps.bz2").write_bytes(bz2.compress("\n".join(lines(20)).encode()))
    (folder / "usps.t.bz2").write_bytes(bz2.compress(("\n".join(lines(10)) + "\n").encode()))
    return folder.parent


def test_libsvm_files(root, fresh_cache):
    for _ in range(2):  # parsed, then from the cache
        domain = usps.load("official", root)
        train = domain.splits["train"]
        assert train.y.tolist() == [*range(10), *range(10)]
        images = train.x.read(torch.arange(20))
        assert (images.dtype, tuple(images.shape)) == (torch.uint8, (20, 1, 16, 16))
        assert images[3, 0, 1, 3] == 255
        assert images[3, 0, 0, 0] == 0
        assert images[3, 0, 15, 15] == 128
    assert domain.note == "cut: 20 + 10 of 7,291 + 2,007 images"
    assert len(list(fresh_cache.iterdir())) == 2


def test_the_random_split_is_seeded_and_whole(root):
    one, two = (usps.load("random", root) for _ in range(2))
    assert [len(part) for part in one.splits.values()] == [24, 6]
    assert torch.equal(one.splits["test"].y, two.splits["test"].y)
    together = torch.cat([part.y for part in one.splits.values()])
    assert torch.bincount(together).tolist() == [3] * 10


@pytest.mark.parametrize(
    "content", [b"not bz2", bz2.compress(b"1 1:0 999:1\n"), bz2.compress(b"a b c"), bz2.compress(b"")]
)
def test_damaged(root, content):
    (root / "usps/usps.bz2").write_bytes(content)
    with pytest.raises(BadDataError, match=r"usps\.bz2.*fetch it anew"):
        usps.load("official", root)


def test_missing(tmp_path):
    with pytest.raises(MissingDataError, match=r"no usps/usps\.bz2 in .*--download"):
        usps.load("official", tmp_path)


@pytest.mark.data
def test_the_real_set(data_root, fresh_cache):
    domain = load_domain("usps", data_root)
    assert domain.note == ""
    assert torch.bincount(domain.splits["test"].y).tolist() == [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]
    x = domain.splits["train"].x.values
    assert (int(x.min()), int(x.max())) == (0, 255)
    random = load_domain("usps/random", data_root)
    assert [len(part) for part in random.splits.values()] == [7_438, 1_860]
    assert np.isclose(random.splits["test"].x.values.float().mean().item(), x.float().mean().item(), atol=3)
