import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Domain, unseal
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures
from landbridge.data.zsl_splits import zero_shot

KINDS = [1 + number % 6 for number in range(24)]
"""Of images 1 to 24: kinds 1 to 6, of which 5 and 6 are unseen, and 3 and 4 for validation."""

SEEN_TESTED = [1, 2, 3, 4]


def numbers(*kinds: int) -> list[int]:
    """The images of these kinds, not ascending."""
    return [number for number in range(24, 0, -1) if KINDS[number - 1] in kinds]


@pytest.fixture
def root(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    folder = tmp_path / "flowers102"
    for number in range(1, 25):
        draw(folder / "jpg" / f"image_{number:05d}.jpg", (10 * number, 0, 0))
    rows = [{"image": f"image_{n:05d}.jpg", "class": kind, "captions": ["a"]} for n, kind in enumerate(KINDS, 1)]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    official = {"train": numbers(1, 4), "val": numbers(2, 5), "test": numbers(3, 6)}
    (folder / "classes_splits.json").write_text(json.dumps({"official_images": official}))
    published(tmp_path)
    return tmp_path


def published(root: Path, **changes: Any) -> None:
    content = {
        "labels": np.array(KINDS),
        "class_sentences": np.random.default_rng(0).normal(size=(102, 8)).astype(np.float32),
        "trainval_images": np.array([n for n in numbers(1, 2, 3, 4) if n not in SEEN_TESTED]),
        "test_seen_images": np.array(SEEN_TESTED),
        "test_unseen_images": np.array(numbers(5, 6)),
        "train_images": np.array(numbers(1, 2)),
        "val_images": np.array(numbers(3, 4)),
    }
    np.savez(root / "flowers102" / "zsl_flo.npz", **(content | changes))


def images(domain: Domain, positions: torch.Tensor) -> set[int]:
    """The numbers of the images at these positions."""
    paths = [path for split in ("train", "test") for path in domain.splits[split].x.paths]
    return {int(paths[position].stem[-5:]) for position in positions.tolist()}


def test_the_split_counts_the_images_of_the_domain(root: Path) -> None:
    domain, split = zero_shot(load_domain("flowers102", root), root)
    parts = {name: images(domain, getattr(split, name)) for name in ("trainval", "test_seen", "test_unseen", "val")}
    assert parts["test_seen"] == {1, 2, 3, 4}
    assert parts["test_unseen"] == set(numbers(5, 6))
    assert parts["trainval"] == set(numbers(1, 2, 3, 4)) - {1, 2, 3, 4}
    labels = unseal(domain.unlabelled("all"))
    assert labels is not None
    order = [int(p.stem[-5:]) for s in ("train", "test") for p in domain.splits[s].x.paths]
    assert labels.tolist() == [KINDS[number - 1] - 1 for number in order]
    assert split.unseen.tolist() == [4, 5]
    assert split.validation_classes.tolist() == [2, 3]


def test_images_to_test_on_take_no_part_in_validation(root: Path) -> None:
    domain, split = zero_shot(load_domain("flowers102", root), root)
    assert images(domain, split.val) == set(numbers(3, 4)) - set(SEEN_TESTED)
    assert not images(domain, torch.cat([split.train, split.val])) & set(SEEN_TESTED)


def test_sentences_by_the_names_of_the_kinds(root: Path) -> None:
    classes = load_domain("flowers102", root).classes
    table = load_signatures("flowers-sentences", classes[1::-1], root)
    whole = np.load(root / "flowers102" / "zsl_flo.npz")["class_sentences"]
    assert table.kind == "sentences"
    assert table.values.tolist() == whole[[1, 0]].tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.array(KINDS[::-1])}, "image 1 has another kind than in flowers102"),
        ({"labels": np.array(KINDS[:20])}, "image 22 has another kind"),
        ({"val_images": np.array([25])}, "'val_images' names image 25, which flowers102 lacks"),
        ({"test_seen_images": np.array([5])}, "image 5 stands twice, in test_seen_images and test_unseen_images"),
        ({"test_unseen_images": np.array([*numbers(5, 6)[:4], 13])}, "image 13 stands twice, in trainval_images"),
        (
            {"val_images": np.array(numbers(5))},
            "class 'english marigold' is for validation, but not",
        ),
        ({"class_sentences": np.zeros((3, 8), np.float32)}, "no row for each of 102 kinds"),
    ],
)
def test_files_that_do_not_fit(root: Path, changes: dict[str, Any], message: str) -> None:
    published(root, **changes)
    with pytest.raises(BadDataError, match=message) as caught:
        zero_shot(load_domain("flowers102", root), root)
        load_signatures("flowers-sentences", load_domain("flowers102", root).classes, root)
    assert "\n" not in str(caught.value)


def test_other_classes_and_damaged_files(root: Path) -> None:
    with pytest.raises(BadDataError, match="may have several labels: zero-shot learning takes flowers102"):
        zero_shot(load_domain("flowers102/colours", root), root)
    path = root / "flowers102" / "zsl_flo.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadDataError, match=r"zsl_flo\.npz cannot be used"):
        zero_shot(load_domain("flowers102", root), root)
    path.unlink()
    with pytest.raises(MissingDataError, match=r"no flowers102/zsl_flo\.npz in"):
        zero_shot(load_domain("flowers102", root), root)


@pytest.mark.data
def test_the_real_split(data_root: Path) -> None:
    domain, split = zero_shot(load_domain("flowers102", data_root), data_root)
    sizes = [
        len(getattr(split, n)) for n in ("seen", "unseen", "validation_classes", "trainval", "test_seen", "test_unseen")
    ]
    assert sizes == [82, 20, 20, 5631, 1403, 1155]
    table = load_signatures("flowers-sentences", domain.classes, data_root)
    assert table.values.shape == (102, 1024)
