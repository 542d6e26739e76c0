import urllib.error

import pytest
from torchvision import datasets

from landbridge.core.errors import MissingDataError
from landbridge.data import downloads


@pytest.fixture
def fetched(small_mnist, monkeypatch):
    """torchvision's MNIST, that copies the small one instead of fetching."""
    calls = []

    def fake(root, download=False):
        import shutil

        assert download
        calls.append(root)
        shutil.copytree(small_mnist / "mnist/MNIST", f"{root}/MNIST")

    monkeypatch.setattr(datasets, "MNIST", fake)
    return calls


def test_moved_into_place_once(tmp_path, fetched):
    root = tmp_path / "new"
    assert downloads.download("mnist", root) == root / "mnist"
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.gz"))
    assert len(names) == 4
    assert names[0] == "mnist/MNIST/raw/t10k-images-idx3-ubyte.gz"
    assert [path.name for path in (root / "mnist").iterdir()] == ["MNIST"]  # nothing temporary is left
    downloads.mnist(root)
    assert len(fetched) == 1


def test_what_else_lies_there_stays(tmp_path, fetched):
    note = tmp_path / "new/mnist/MNIST/notes.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    downloads.mnist(tmp_path / "new")
    assert note.read_text() == "mine"


def test_no_network(tmp_path, monkeypatch):
    def fails(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(datasets, "SVHN", fails)
    monkeypatch.setattr(datasets, "USPS", fails)
    for fetch in (downloads.svhn, downloads.usps):
        with pytest.raises(MissingDataError, match=r"could not be downloaded .*no route to host.*try again"):
            fetch(tmp_path)
    assert [path.name for path in (tmp_path / "svhn").iterdir()] == []


def test_what_cannot_be_fetched(tmp_path):
    with pytest.raises(MissingDataError, match="only mnist, usps, svhn"):
        downloads.download("pacs/photo", tmp_path)
    with pytest.raises(MissingDataError, match="pass --data-root DIR or set LANDBRIDGE_DATA"):
        downloads.download("usps/random", None)
