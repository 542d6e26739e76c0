from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landbridge.core.errors import BadDataError, SealedLabelsError, UnknownNameError
from landbridge.data.domain import Domain, Examples, unseal
from landbridge.data.folders import split_by_hash
from landbridge.data.images import Arrays, ImageFiles
from landbridge.data.matching import match_classes


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


def undivided(count: int = 30, *, group: bool = False, test_shots: int | None = None) -> Domain:
    """Everything is `train`, as in Caltech-101."""
    whole = numbers(count, group=group)
    return replace(whole, splits={"train": whole.splits["train"]}, test_shots=test_shots)


@given(st.integers(1, 9), st.integers(0, 2**40), st.sampled_from([None, 1, 4, 50]))
def test_a_draw_parts_what_has_no_test_split(shots: int, seed: int, test_shots: int | None) -> None:
    domain = undivided(test_shots=test_shots)
    shown, test = domain.draw(shots, seed)
    assert torch.equal(shown.index, domain.labelled(shots, seed).index)
    assert torch.equal(shown.y, shown.index % 3)
    assert not set(shown.index.tolist()) & set(test.index.tolist())
    assert unseal(test).bincount().tolist() == [min(10 - shots, test_shots or 10)] * 3
    again = domain.draw(shots, seed)[1]
    assert torch.equal(test.index, again.index)
    with pytest.raises(SealedLabelsError):
        _ = test.y


def test_draws_by_different_seeds_test_on_different_examples() -> None:
    tested = {tuple(undivided(test_shots=4).draw(2, seed)[1].index.tolist()) for seed in range(5)}
    assert len(tested) > 1


def test_a_draw_leaves_a_test_split_whole() -> None:
    domain = numbers()
    shown, test = domain.draw(2, seed=7)
    assert torch.equal(shown.index, domain.labelled(2, seed=7).index)
    assert (test.split, len(test), test.shown) == ("test", 30, False)
    assert len(domain.draw(None, seed=7)[0]) == 30


def test_a_draw_tests_on_no_group_that_it_trains_on() -> None:
    shown, test = undivided(60, group=True).draw(2, seed=3)
    assert len(test)
    assert not set(shown.group.tolist()) & set(test.group.tolist())


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        (11, "^11 shots asked for, but class 'a' of numbers has 10$"),
        (10, "^10 shots asked for, but class 'a' of numbers has 10: none would be left to test on$"),
        (0, "^shots must be at least 1 a class, not 0$"),
        (None, "^numbers has no test split: say with --shots how many examples a class to train on"),
    ],
)
def test_a_draw_that_cannot_be(shots: int | None, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        undivided().draw(shots, 0)


def test_some_classes_only() -> None:
    some = numbers().only(["c", "a"])
    assert some.classes == ("a", "c")
    assert torch.equal(some.labelled().read().flatten().long() % 3, torch.tensor([0, 2])[some.labelled().y])
    assert numbers(group=True).without(["b"]).labelled().group.tolist() == [n // 5 for n in range(30) if n % 3 != 1]
    assert len(numbers().without(["b"]).unlabelled("all")) == 40
    assert undivided(test_shots=2).without(["b"]).draw(1, 0)[1].index.shape == (4,)


def test_classes_that_cannot_be_chosen() -> None:
    domain = numbers()
    with pytest.raises(UnknownNameError, match=r"^numbers has no class 'dog'; it has: a, b, c$"):
        domain.only(["dog"])
    with pytest.raises(BadDataError, match=r"^no class of numbers is left: keep at least one$"):
        domain.without(["a", "b", "c"])
    lacking = replace(
        domain, splits={**domain.splits, "test": Examples(Arrays(torch.zeros(2, 1)), torch.tensor([0, 1]))}
    )
    with pytest.raises(BadDataError, match=r"^no 'test' example of numbers is of the classes kept: keep others too$"):
        lacking.only(["c"])
    unknown = replace(domain, splits={"train": Examples(Arrays(torch.zeros(2, 1)))})
    with pytest.raises(BadDataError, match=r"^numbers \(train\) has no labels to choose classes by$"):
        unknown.only(["a"])


def several() -> Domain:
    """Four examples, each with several labels."""
    y = torch.tensor([[1, -1, 1], [-1, 1, 0], [-1, -1, -1], [1, 1, -1]])
    part = Examples(Arrays(torch.arange(4.0)[:, None]), y, torch.tensor([0, 0, 1, 1]))
    return Domain("several", ("a", "b", "c"), {"train": part, "test": part}, headline="mean_average_precision")


def test_several_labels_an_example() -> None:
    domain = several()
    assert domain.multi_label
    assert not numbers().multi_label
    y = domain.labelled().y
    assert y.shape == (4, 3)
    assert torch.equal(domain.labelled().subset(torch.tensor([3, 1])).y, y[[3, 1]])
    assert unseal(domain.unlabelled("all")).shape == (8, 3)
    turned = domain.with_classes(("c", "a", "b"))
    assert torch.equal(turned.labelled().y, y[:, [2, 0, 1]])
    assert torch.equal(turned.with_classes(("a", "b", "c")).labelled().y, y)
    assert torch.equal(domain.without(["b"]).labelled().y, y[:, [0, 2]])
    rest, held = domain.validation(0.5)
    assert (rest.y.shape, held.y.shape) == ((2, 3), (2, 3))
    shown, test = domain.draw(None, 0)
    assert (shown.shown, test.shown) == (True, False)


def test_several_labels_in_files(photographs: list[Path]) -> None:
    photographs[7].write_text("I am no picture")
    y = torch.randint(-1, 2, (200, 3), generator=torch.Generator().manual_seed(0))
    parts = split_by_hash(Examples(ImageFiles(photographs), y), [path.name for path in photographs])
    assert (len(parts["train"]), len(parts["test"])) == (160, 40)
    ready = Domain("several", ("a", "b", "c"), parts).prepared((8, 8))
    for part in ready.splits.values():
        place = part.x.read(torch.arange(len(part)))[:, 0, 0, 0].long()
        assert torch.equal(part.y, y[place])
    assert sum(map(len, ready.splits.values())) == 199


def test_what_several_labels_make_impossible() -> None:
    with pytest.raises(BadDataError, match=r"^an example of several may have several labels: leave out --shots"):
        several().labelled(1)
    for pair in ((several(), numbers()), (numbers(), several())):
        with pytest.raises(BadDataError, match=r"^an example of several may have several labels, but .* one class an"):
            match_classes(*pair)
