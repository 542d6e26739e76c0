import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.data import own
from landbridge.data.own_arrays import read_npz
from landbridge.data.registry import load_domain

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3)).astype(np.uint8)
VECTORS = np.random.default_rng(0).normal(size=(20, 4))
LABELS = np.arange(20) % 2


@pytest.fixture
def save(tmp_path):
    def one(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return tmp_path / "own.npz"

    return one


def test_images(save):
    domain = load_domain(save(x=IMAGES, y=LABELS))
    assert (domain.classes, [len(part) for part in domain.splits.values()]) == (("0", "1"), [16, 4])
    assert torch.bincount(domain.splits["test"].y).tolist() == [2, 2]
    images = domain.splits["train"].x.read(torch.tensor([0]))
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (1, 3, 6, 5))
    grey = own.load(save(x=IMAGES[..., 0], y=LABELS, x_test=IMAGES[:3, ..., 0], y_test=LABELS[:3]))
    assert tuple(grey.splits["test"].x.read(torch.arange(3)).shape) == (3, 1, 6, 5)
    assert np.array_equal(grey.splits["test"].x.values[:, 0].numpy(), IMAGES[:3, ..., 0])


def test_vectors_words_names_and_groups(save):
    domain = own.load(save(x=VECTORS, y=np.array(["dog", "cat"] * 10), group=np.arange(20) // 4))
    assert domain.classes == ("cat", "dog")
    assert domain.splits["train"].x.values.dtype == torch.float32
    assert not set(domain.splits["train"].group.tolist()) & set(domain.splits["test"].group.tolist())
    named = own.load(
        save(x=VECTORS.astype(np.float16), y=LABELS.astype(float), classes=np.array(["no", "yes", "maybe"]))
    )
    assert named.classes == ("no", "yes", "maybe")
    numbered = own.load(save(x=VECTORS, y=LABELS * 90 + 9))
    assert numbered.classes == ("9", "99")


def test_without_labels(save):
    for arrays in ({"x": IMAGES}, {"x": IMAGES, "y": LABELS}):
        domain = own.load(save(**arrays), unlabelled=True)
        assert (domain.classes, domain.splits["train"].y, len(domain.splits["test"])) == ((), None, 4)
    with pytest.raises(BadDataError, match="has no labels 'y'; if there are none, pass --unlabelled"):
        own.load(save(x=IMAGES))


def broken(row, value):
    vectors = VECTORS.copy()
    vectors[row:, 1] = value
    return vectors


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": broken(17, np.nan), "y": LABELS}, r"3 of 20 rows of 'x' hold NaN or infinity \(first: row 17\)"),
        ({"x": broken(19, -np.inf), "y": LABELS}, r"1 of 20 rows .*\(first: row 19\)"),
        ({"x": broken(19, 1e300), "y": LABELS}, r"1 of 20 rows"),
        ({"images": IMAGES}, "has no array 'x'; its arrays are: images"),
        ({"x": IMAGES.astype(float), "y": LABELS}, "'x' has the type float64 and the shape .*images are uint8"),
        ({"x": IMAGES.transpose(0, 3, 1, 2), "y": LABELS}, r"looks like \[N, C, H, W\].*transpose"),
        ({"x": IMAGES[..., :2], "y": LABELS}, r"has the shape \(20, 6, 5, 2\)"),
        ({"x": np.zeros(20), "y": LABELS}, r"has the shape \(20,\)"),
        ({"x": np.array(["a"] * 20)[:, None], "y": LABELS}, "has the shape"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "'x' is empty"),
        ({"x": IMAGES, "y": LABELS[:7]}, "20 in 'x', 7 in 'y'"),
        ({"x": IMAGES, "y": LABELS[:, None]}, r"'y' must be whole numbers or words.*shape \(20, 1\)"),
        ({"x": IMAGES, "y": LABELS + 0.5}, "its type is float64"),
        ({"x": IMAGES, "y": LABELS * 0}, r"one class only \('0'\)"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES}, "'x_test' without 'y_test'"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES[:, :3], "y_test": LABELS}, "differ in shape"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS + 1}, "'y_test' has the label '2'"),
        ({"x": IMAGES, "y": LABELS, "classes": np.array(["a"])}, "whole numbers from 0 to 0, as 'classes' says"),
        ({"x": IMAGES, "y": LABELS, "group": np.zeros(3, int)}, "20 in 'x', 3 in 'group'"),
    ],
)
def test_what_can_be_wrong(save, arrays, message):
    with pytest.raises(BadDataError, match=message) as error:
        own.load(save(**arrays))
    assert "\n" not in str(error.value)


class Trap:
    """Runs code when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_objects_are_refused_and_never_unpickled(save):
    for name in ("x", "y", "classes"):
        arrays = {
            "x": IMAGES,
            "y": LABELS,
            "classes": np.array(["a", "b"]),
            name: np.array([Trap(), None], dtype=object),
        }
        with pytest.raises(BadDataError, match=f"'{name}' is an array of Python objects, which could run code"):
            own.load(save(**arrays))


def test_damaged_files(tmp_path, save):
    (tmp_path / "a.npz").write_bytes(b"PK rubbish")
    with pytest.raises(BadDataError, match="not an npz file, or damaged"):
        own.load(tmp_path / "a.npz")
    path = save(x=IMAGES, y=LABELS)
    content = bytearray(path.read_bytes())
    content[300:340] = b"\0" * 40
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="is damaged"):
        own.load(path)


def test_numbers_to_predict(save):
    y = np.linspace(-1, 1, 20)
    names, splits = read_npz(save(x=VECTORS, y=y), numbers=True)
    assert names == ("y",)
    assert {split: tuple(part.y.shape) for split, part in splits.items()} == {"train": (16, 1), "test": (4, 1)}
    assert splits["train"].y.dtype == torch.float32
    assert np.isin(splits["train"].y.numpy().ravel(), y.astype(np.float32)).all()
    two = np.stack([y, np.arange(20)], 1)
    names, splits = read_npz(
        save(x=VECTORS, y=two, x_test=VECTORS[:3], y_test=two[:3], classes=np.array(["a", "b"])), numbers=True
    )
    assert names == ("a", "b")
    assert np.allclose(splits["test"].y.numpy(), two[:3])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.array(["a", "b"] * 10)}, r"'y' must be numbers to predict, \[N\] or \[N, K\], but its type is <U1"),
        ({"y": np.where(np.arange(20) == 3, np.nan, 1.0)}, "'y' holds NaN or infinity: remove or repair those rows"),
        ({"y": np.zeros(20), "classes": np.array(["a", "b"])}, "'classes' names 2 numbers, but 'y' has 1 an example"),
        ({"y": np.zeros(19)}, "20 in 'x', 19 in 'y'"),
        (
            {"y": np.zeros((20, 2)), "x_test": VECTORS, "y_test": np.zeros(20)},
            "'y' and 'y_test' differ in how many numbers an example has",
        ),
    ],
)
def test_numbers_that_cannot_be_used(save, arrays, message):
    with pytest.raises(BadDataError, match=message):
        read_npz(save(x=VECTORS, **arrays), numbers=True)


def test_where_classes_are_asked_for_numbers_are_refused(save):
    with pytest.raises(BadDataError, match=r"numbers to predict are a task of landbridge multitask"):
        load_domain(save(x=VECTORS, y=np.linspace(0, 1, 20)))
