from pathlib import Path

import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, SealedLabelsError
from landbridge.data.domain import Domain, Examples, match_classes, unseal
from landbridge.data.images import Arrays, ImageFiles


def numbers(count: int = 30, *, group: bool = False) -> Domain:
    y = torch.arange(count) % 3
    groups = torch.arange(count) // 5 if group else None
    examples = Examples(Arrays(torch.arange(count, dtype=torch.float32)[:, None]), y, groups)
    return Domain("numbers", ("a", "b", "c"), {"train": examples, "test": examples})


def test_sealed_labels_raise_wherever_they_are_reached_for() -> None:
    domain = numbers()
    for view in (
        domain.unlabelled(),
        domain.unlabelled("test"),
        domain.unlabelled("all"),
        domain.unlabelled().subset(torch.arange(3)),
    ):
        with pytest.raises(SealedLabelsError, match="training and selection must do without"):
            _ = view.y
    assert len(unseal(domain.unlabelled("all"))) == 60


def test_shots_grow_and_are_counted() -> None:
    domain = numbers()
    two, three = domain.labelled(2, seed=4), domain.labelled(3, seed=4)
    assert set(two.index.tolist()) < set(three.index.tolist())
    assert two.y.bincount().tolist() == [2, 2, 2]
    assert domain.labelled(2, seed=5).index.tolist() != two.index.tolist()
    with pytest.raises(BadDataError, match="11 shots asked for, but class 'a' of numbers has 10"):
        domain.labelled(11)


def test_validation_cuts_whole_groups() -> None:
    rest, held = numbers(group=True).validation(0.34, seed=1)
    assert not set(rest.group.tolist()) & set(held.group.tolist())
    assert len(rest) + len(held) == 30
    assert len(held) == 10
    alone_rest, alone_held = numbers().validation(0.1)
    assert (len(alone_rest), len(alone_held)) == (27, 3)


def test_classes_are_matched_by_name_and_numbers_follow() -> None:
    source = Domain("s", ("c", "a", "b"), {})
    matched = match_classes(source, numbers())
    names = [matched.classes[i] for i in matched.labelled().y.tolist()]
    assert names[:3] == ["a", "b", "c"]
    with pytest.raises(BadDataError, match=r"only in s: d; only in numbers: c"):
        match_classes(Domain("s", ("a", "b", "d"), {}), numbers())


def test_a_target_without_classes_takes_the_sources() -> None:
    anything = Domain("t", (), {"train": Examples(Arrays(torch.zeros(3, 1)))})
    matched = match_classes(numbers(), anything)
    assert matched.classes == ("a", "b", "c")
    assert unseal(matched.unlabelled()) is None


def test_unknown_split_and_lengths_that_differ() -> None:
    with pytest.raises(BadDataError, match="numbers has no 'validate' examples; it has: train, test"):
        numbers().unlabelled("validate")
    with pytest.raises(BadDataError, match="3 inputs but 2 values of 'y'"):
        Examples(Arrays(torch.zeros(3, 1)), torch.zeros(2))


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(200):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (10 + number % 3, 12), (number, 0, 0)).save(paths[-1])
    return paths


def pictures(paths: list[Path]) -> Domain:
    return Domain("pictures", ("a", "b"), {"train": Examples(ImageFiles(paths), torch.arange(len(paths)) % 2)})


@pytest.mark.parametrize("memory", [2**30, 0])
def test_unreadable_images_are_counted_named_and_skipped(photographs: list[Path], memory: int) -> None:
    photographs[7].write_text("I am no picture")
    ready = pictures(photographs).prepared((8, 8), memory=memory)
    assert ready.skipped == (str(photographs[7]),)
    view = ready.labelled()
    assert len(view) == 199
    assert view.y[7] == 0
    assert int(view.read(torch.tensor([7]), (8, 8))[0, 0, 0, 0]) == 8
    assert isinstance(ready.splits["train"].x, Arrays if memory else ImageFiles)


def test_too_many_unreadable_images_are_an_error(photographs: list[Path]) -> None:
    for path in photographs[:3]:
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"broken")
    with pytest.raises(BadDataError, match=r"3 of 200 images of pictures cannot be read .*--unreadable"):
        pictures(photographs).prepared((8, 8))
    assert len(pictures(photographs).prepared((8, 8), tolerance=0.02).skipped) == 3


def test_files_read_by_workers_equal_files_in_memory(photographs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from landbridge.data import batches
    from landbridge.nn.preprocessing import Preprocessing

    preprocessing = Preprocessing((8, 8))
    view = pictures(photographs).labelled()
    inside = list(batches.Batches(view, preprocessing, 16, 0).from_step(3, 6))
    monkeypatch.setattr(batches, "IN_MEMORY", 0)
    outside = list(batches.Batches(view, preprocessing, 16, 0).from_step(3, 6))
    for one, other in zip(inside, outside):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.y, other.y)
        assert torch.equal(one.index, other.index)
    photographs[5].unlink()
    with pytest.raises(BadDataError, match=r"cannot read the image .*5\.png"):
        list(batches.Batches(view, preprocessing, 16, 0).from_step(0, 13))


def test_transparency_is_laid_on_white_and_sizes_must_agree(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("L", (5, 4), 7).save(tmp_path / "grey.png")
    files = ImageFiles([tmp_path / "clear.png", tmp_path / "grey.png"])
    assert files.read(torch.tensor([0])).unique().tolist() == [255]
    with pytest.raises(BadDataError, match="differ in size"):
        files.read(torch.tensor([0, 1]))
