from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data.domain import unseal
from landbridge.data.inventory import describe
from landbridge.data.registry import described_by, load_domain
from landbridge.data.signatures import load_signatures
from landbridge.data.zsl_splits import zero_shot

CLASSES = ("001.antelope", "002.grizzly+bear", "killer+whale", "beaver", "dalmatian")
LABELS = np.array([1, 2, 3, 4, 5] * 4)  # of images 1 to 20
ATTRIBUTES = np.random.default_rng(0).uniform(size=(7, 5))
FEATURES = np.arange(20.0) + 100 * np.arange(2048.0)[:, None]
"""Image i has i - 1 in its first row."""


def positions(*kinds: int, images: range = range(20)) -> NDArray[Any]:
    """Numbers from 1 of the images of these classes, as a column."""
    return np.array([i + 1 for i in images if LABELS[i] in kinds], dtype=np.uint16)[:, None]


def published(root: Path, folder: str = "AWA2", **changes: Any) -> Path:
    """The two files in the archive's format; classes 4 and 5 are unseen, class 3 is for validation."""
    place = root / "xlsa17" / "data" / folder
    place.mkdir(parents=True, exist_ok=True)
    splits = {
        "allclasses_names": np.array([[name] for name in CLASSES], dtype=object),
        "att": ATTRIBUTES / np.linalg.norm(ATTRIBUTES, axis=0),
        "original_att": ATTRIBUTES,
        "trainval_loc": positions(1, 2, 3, images=range(15)),
        "test_seen_loc": positions(1, 2, 3, images=range(15, 20)),
        "test_unseen_loc": positions(4, 5),
        "train_loc": positions(1, 2),  # as published, together with val_loc they hold test_seen_loc
        "val_loc": positions(3),
    }
    files = {"features": FEATURES, "labels": LABELS[:, None], "image_files": np.array([["a.jpg"]] * 20, dtype=object)}
    for name, content in (("att_splits.mat", splits), ("res101.mat", files)):
        savemat(place / name, {key: changes.get(key, value) for key, value in content.items()})
    return place


def test_features_and_splits_are_read(tmp_path: Path) -> None:
    published(tmp_path)
    domain, split = zero_shot(load_domain("xlsa17/awa2", tmp_path), tmp_path)
    assert domain.classes == CLASSES
    x, y = domain.unlabelled("all").read(), unseal(domain.unlabelled("all"))
    assert x.dtype == torch.float32
    images = {name: (1 + x[getattr(split, name), 0]).tolist() for name in ("trainval", "test_seen", "test_unseen")}
    assert images == {
        "trainval": [1, 2, 3, 6, 7, 8, 11, 12, 13],
        "test_seen": [16, 17, 18],
        "test_unseen": [4, 5, 9, 10, 14, 15, 19, 20],
    }
    assert y is not None
    assert y.tolist() == [LABELS[int(row) - 1] - 1 for row in (1 + x[:, 0]).tolist()]
    assert x[0].tolist() == FEATURES[:, 0].tolist()
    assert (split.seen.tolist(), split.unseen.tolist()) == ([0, 1, 2], [3, 4])
    assert (split.train_classes.tolist(), split.validation_classes.tolist()) == ([0, 1], [2])


def test_validation_never_sees_what_is_tested_on(tmp_path: Path) -> None:
    published(tmp_path)
    domain, split = zero_shot(load_domain("xlsa17/awa2", tmp_path), tmp_path)
    assert set(torch.cat([split.train, split.val]).tolist()) == set(split.trainval.tolist())
    assert (1 + domain.unlabelled("all").read()[split.val, 0]).tolist() == [3, 8, 13]


def test_signatures_are_those_of_the_file_by_name(tmp_path: Path) -> None:
    published(tmp_path)
    assert described_by("xlsa17/awa2") == "xlsa17/awa2"
    table = load_signatures("xlsa17/awa2", CLASSES[::-1], tmp_path)
    np.testing.assert_allclose(
        table.values.numpy(), (ATTRIBUTES / np.linalg.norm(ATTRIBUTES, axis=0)).T[::-1], rtol=1e-6
    )
    assert (table.kind, table.source) == ("attributes", "att of xlsa17/awa2")
    published(tmp_path, "FLO")
    assert load_signatures("xlsa17/flo", CLASSES, tmp_path).kind == "sentences"


def test_nothing_large_is_read_before_it_is_needed(tmp_path: Path) -> None:
    published(tmp_path, features=np.full((2048, 20), np.nan))
    assert describe("xlsa17/awa2", tmp_path).sizes == {"train": 9, "test": 11}
    with pytest.raises(BadDataError, match=r"'features' holds numbers that are not finite"):
        load_domain("xlsa17/awa2", tmp_path).labelled().read()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": LABELS[:, None] - 1}, r"res101\.mat: 'labels' outside 1 to 5"),
        ({"trainval_loc": np.array([[21]])}, r"att_splits\.mat: 'trainval_loc' names images outside 1 to 20"),
        ({"test_seen_loc": np.array([[0]])}, "'test_seen_loc' names images outside"),
        ({"val_loc": np.zeros((0, 0))}, "'val_loc' names images outside"),
        ({"features": FEATURES[:, :3]}, "'features' is 2048 x 3, where 20 labels want a column each"),
        ({"test_unseen_loc": positions(4, 5, 1)}, r"image 1 stands twice, in trainval_loc and test_unseen_loc"),
        ({"test_unseen_loc": positions(4, 5)[[0, 0]]}, "image 4 stands twice, in test_unseen_loc:"),
        (
            {
                "trainval_loc": positions(1, 2, 3, 4, images=range(4))[:3],
                "test_unseen_loc": positions(1, images=range(5, 9)),
            },
            "class '001.antelope' is unseen, but has training examples: a leak",
        ),
        (
            {"trainval_loc": positions(1, 2, images=range(15)), "val_loc": positions(2)},
            "class 'killer.whale' is tested on as a seen one, but has no training examples: hold it out",
        ),
        ({"val_loc": positions(4)}, "class 'beaver' is for validation, but not among the seen ones"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    published(tmp_path, **changes)
    with pytest.raises(BadDataError, match=message) as caught:
        zero_shot(load_domain("xlsa17/awa2", tmp_path), tmp_path)[0].labelled().read()
    assert "\n" not in str(caught.value)


def test_attributes_that_do_not_fit(tmp_path: Path) -> None:
    published(tmp_path, att=ATTRIBUTES[:, :4])
    with pytest.raises(BadDataError, match="5 classes x 7 columns, but 4 x 7"):
        load_signatures("xlsa17/awa2", CLASSES, tmp_path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"xlsa17/cub: no xlsa17/data/CUB in"):
        load_domain("xlsa17/cub", tmp_path)
    (published(tmp_path) / "res101.mat").unlink()
    with pytest.raises(MissingDataError, match=r"xlsa17/awa2: no res101\.mat in"):
        load_domain("xlsa17/awa2", tmp_path)
    with pytest.raises(UnknownNameError, match="write xlsa17/SET, not 'xlsa17/dogs'"):
        load_signatures("xlsa17/dogs", CLASSES, tmp_path)
    (published(tmp_path) / "att_splits.mat").write_bytes(b"none")
    with pytest.raises(BadDataError, match=r"att_splits\.mat is not the published Matlab file"):
        load_domain("xlsa17/awa2", tmp_path)
