from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data.inventory import describe
from landbridge.data.office_caltech import CLASSES, DOMAINS
from landbridge.data.registry import entry_of, load_domain, names


def written(root: Path, **changes: np.ndarray | None) -> Path:
    """A small file in the layout of the real one."""
    rng = np.random.default_rng(0)
    arrays = {
        "surf_amazon_x": rng.integers(0, 9, (50, 6), dtype=np.uint8),
        "surf_amazon_y": (np.arange(50) % 10 + 1).astype(np.uint8),
        "GoogleNet1024_dslr_x": rng.random((30, 4), dtype=np.float32),
        "GoogleNet1024_dslr_y": (np.arange(30) % 10 + 1).astype(np.uint8),
    } | changes
    (root / "office_caltech10").mkdir(exist_ok=True)
    kept = {name: array for name, array in arrays.items() if array is not None}
    np.savez(root / "office_caltech10/features.npz", **kept)
    return root


def test_histograms_sum_to_one(tmp_path: Path) -> None:
    histograms = np.zeros((50, 6), np.uint8)
    histograms[1:, 2], histograms[1:, 5] = 30, 10
    domain = load_domain("office-caltech10/surf/amazon", written(tmp_path, surf_amazon_x=histograms))
    x = domain.unlabelled("all").read()
    assert x.dtype == torch.float32
    assert sorted(x.sum(1).tolist()) == [0.0] + [1.0] * 49, "a picture without a single word stays at zero"
    assert x[x.sum(1) > 0][0].tolist() == [0, 0, 0.75, 0, 0, 0.25]


def test_other_features_stay_as_they_are(tmp_path: Path) -> None:
    domain = load_domain("office-caltech10/googlenet/dslr", written(tmp_path))
    with np.load(tmp_path / "office_caltech10/features.npz") as file:
        whole = file["GoogleNet1024_dslr_x"]
    x = domain.unlabelled("all").read().numpy()
    np.testing.assert_array_equal(x[np.lexsort(x.T)], whole[np.lexsort(whole.T)])
    assert domain.backbone == "identity?inputs=4"


def test_classes_and_splits(tmp_path: Path) -> None:
    domain = load_domain("office-caltech10/surf/amazon", written(tmp_path))
    assert domain.classes == CLASSES
    assert len(CLASSES) == 10
    assert domain.splits["train"].y.bincount().tolist() == [4] * 10
    assert domain.splits["test"].y.bincount().tolist() == [1] * 10
    again = load_domain("office-caltech10/surf/amazon", tmp_path)
    assert again.digest() == domain.digest()


def test_names_with_two_slashes(tmp_path: Path) -> None:
    known = [name for name in names() if name.startswith("office-caltech10")]
    assert known == [f"office-caltech10/{kind}/{domain}" for kind, some in DOMAINS.items() for domain in some]
    assert entry_of("office-caltech10/surf/amazon?without=mug") is not None
    assert describe("office-caltech10/surf/amazon", written(tmp_path)).sizes == {"train": 40, "test": 10}
    kept = load_domain("office-caltech10/surf/amazon?classes=mug,bike", tmp_path)
    assert kept.classes == ("bike", "mug")


@pytest.mark.parametrize("name", ["office-caltech10", "office-caltech10/surf", "office-caltech10/googlenet/caltech10"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown domain '{name}'"):
        load_domain(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surf_amazon_y": None}, "has no array 'surf_amazon_y'"),
        ({"surf_amazon_y": np.arange(50)}, r"labels \[N\] from 1 to 10, not \(50, 6\)"),
        ({"surf_amazon_y": np.ones(49)}, r"and \(49,\)"),
        ({"surf_amazon_x": np.ones(50)}, r"must be features \[N, D\]"),
        ({"surf_amazon_x": np.array([None] * 50)}, "cannot be read"),
    ],
)
def test_damaged_files(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        load_domain("office-caltech10/surf/amazon", written(tmp_path, **changes))


def test_no_file_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no office_caltech10/features\.npz"):
        load_domain("office-caltech10/surf/amazon", tmp_path)
    written(tmp_path)
    (tmp_path / "office_caltech10/features.npz").write_bytes(b"nothing")
    with pytest.raises(BadDataError, match="is not an npz file"):
        load_domain("office-caltech10/surf/amazon", tmp_path)


@pytest.mark.data
def test_the_real_sizes(data_root: Path) -> None:
    sizes = {}
    for kind, some in DOMAINS.items():
        for name in some:
            domain = load_domain(f"office-caltech10/{kind}/{name}", data_root)
            sizes[kind, name] = len(domain.unlabelled("all")), domain.backbone
    counts = {"amazon": 958, "caltech10": 1123, "dslr": 157, "webcam": 295}
    assert sizes == {
        (kind, name): (counts[name], f"identity?inputs={800 if kind == 'surf' else 1024}")
        for kind, some in DOMAINS.items()
        for name in some
    }
