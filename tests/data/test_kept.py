import numpy as np
import pytest
import torch

from landbridge.core.errors import LandbridgeWarning
from landbridge.data.kept import content_key, kept


def never():
    raise AssertionError("computed again")


def test_computed_once_and_writable(fresh_cache):
    first = kept("toy", "v1", lambda: np.arange(6, dtype=np.uint8).reshape(2, 3))
    second = kept("toy", "v1", never)
    assert torch.equal(first, second)
    second[0, 0] = 9
    assert kept("toy", "v1", never)[0, 0] == 0  # what one does to it stays with them
    assert [path.name for path in fresh_cache.iterdir()] == ["toy-v1.npy"]


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_file_is_made_anew(fresh_cache, damage):
    kept("toy", "v1", lambda: np.ones((4, 5), np.uint8))
    path = fresh_cache / "toy-v1.npy"
    path.write_bytes(path.read_bytes()[:-3] if damage is None else damage)
    assert kept("toy", "v1", lambda: np.full((4, 5), 7, np.uint8)).unique().tolist() == [7]
    assert kept("toy", "v1", never).unique().tolist() == [7]


def test_without_room_the_work_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "file"))
    with pytest.warns(LandbridgeWarning, match="set LANDBRIDGE_CACHE to a folder with room"):
        assert kept("toy", "v1", lambda: np.ones(3, np.uint8)).tolist() == [1, 1, 1]


def test_a_full_disk_while_writing(fresh_cache, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.warns(LandbridgeWarning, match="No space left on device"):
        assert kept("toy", "v1", lambda: np.ones(3, np.uint8)).tolist() == [1, 1, 1]
    assert list(fresh_cache.iterdir()) == []


def test_the_key_follows_the_content(tmp_path):
    file = tmp_path / "a"
    file.write_text("one")
    before = content_key([file], 1)
    assert content_key([file], 1) == before
    assert content_key([file], 2) != before
    file.write_text("two")
    assert content_key([file], 1) != before
