from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, SealedLabelsError, UnknownNameError
from landbridge.data.domain import Domain, Examples, unseal
from landbridge.data.images import Arrays
from landbridge.data.registry import load_domain
from landbridge.data.zsl_splits import check_apart, held_out_names, hold_out, split_of, zero_shot

CLASSES = tuple("abcdefgh")
POSITIONS = ("trainval", "test_seen", "test_unseen", "train", "val")


def examples(each: int, start: int) -> Examples:
    """Example i holds the number start + i."""
    y = torch.arange(len(CLASSES)).repeat(each)
    return Examples(Arrays(start + torch.arange(len(y), dtype=torch.float32)[:, None]), y)


def toy(name: str = "toy", *, test: bool = True, start: int = 0) -> Domain:
    splits = {"train": examples(10, start)} | ({"test": examples(3, start + 1000)} if test else {})
    return Domain(name, CLASSES, splits)


def content(domain: Domain, positions: Tensor) -> tuple[set[float], set[int]]:
    """What stands at these positions of the whole domain: numbers and classes."""
    view = domain.unlabelled("all").subset(positions)
    labels = unseal(view)
    assert labels is not None
    return set(view.read().flatten().tolist()), set(labels.tolist())


def test_held_out_classes_are_nowhere_in_training_and_all_of_them_is_tested_on() -> None:
    domain, split = hold_out(toy(), ["c", "g"])
    assert split.unseen.tolist() == [2, 6]
    assert split.seen.tolist() == [0, 1, 3, 4, 5, 7]
    parts = {name: content(domain, getattr(split, name)) for name in POSITIONS}
    assert parts["trainval"][1] == {0, 1, 3, 4, 5, 7} == parts["test_seen"][1]
    assert parts["test_unseen"][1] == {2, 6}
    assert len(parts["trainval"][0]) == 60
    assert len(parts["test_seen"][0]) == 18
    assert all(number >= 1000 for number in parts["test_seen"][0])
    assert len(parts["test_unseen"][0]) == 26  # of train and test
    assert parts["train"][0] | parts["val"][0] == parts["trainval"][0]
    assert parts["train"][1] == set(split.train_classes.tolist())
    assert parts["val"][1] == set(split.validation_classes.tolist())
    assert not parts["train"][1] & parts["val"][1]


def test_training_labels_are_shown_and_those_to_test_on_sealed() -> None:
    domain, split = hold_out(toy(), ["c", "g"])
    assert len(domain.labelled()) == len(split.trainval)
    assert len(domain.unlabelled("test")) == len(split.test_seen) + len(split.test_unseen)
    with pytest.raises(SealedLabelsError):
        _ = domain.unlabelled("test").y


def test_without_a_test_split_a_fifth_of_each_seen_class_is_drawn_by_the_seed() -> None:
    first, split = hold_out(toy(test=False), ["c", "g"])
    assert (len(split.trainval), len(split.test_seen), len(split.test_unseen)) == (48, 12, 20)
    again, _ = hold_out(toy(test=False), ["c", "g"])
    other, _ = hold_out(toy(test=False), ["c", "g"], seed=1)
    assert torch.equal(first.labelled().read(), again.labelled().read())
    assert not torch.equal(first.labelled().read(), other.labelled().read())


@pytest.mark.parametrize("test", [True, False])
def test_another_domain_to_test_on(test: bool) -> None:
    there = toy("there", test=test, start=5000).with_classes(tuple(reversed(CLASSES)))
    domain, split = hold_out(toy(), ["c", "g"], target=there)
    assert domain.name == "toy -> there"
    assert domain.classes == CLASSES
    assert max(content(domain, split.trainval)[0]) < 1000
    numbers, classes = content(domain, split.test_unseen)
    assert min(numbers) >= 5000
    assert classes == {2, 6}
    assert len(split.test_seen) == (18 if test else 60)
    assert content(domain, split.test_seen)[1] == set(split.seen.tolist())


def test_validation_classes_do_not_depend_on_the_order_of_the_classes() -> None:
    shuffled = toy().with_classes(tuple("hbdfaceg"))
    names = []
    for domain in (toy(), shuffled):
        laid_out, split = hold_out(domain, ["c", "g"])
        names.append({laid_out.classes[number] for number in split.validation_classes})
    assert names[0] == names[1]
    assert len(names[0]) == 2


def test_a_fifth_by_name_where_nothing_is_named() -> None:
    domain, split = zero_shot(toy())
    assert [domain.classes[number] for number in split.unseen] == held_out_names(CLASSES)
    assert len(split.unseen) == 2
    assert split.source == "held out by name"


def test_a_domain_with_unseen_classes_of_its_own() -> None:
    from landbridge.data import shapes

    domain, split = zero_shot(load_domain("shapes"))
    assert {domain.classes[number] for number in split.unseen} == set(shapes.unseen(None))
    _, other = zero_shot(load_domain("shapes"), unseen=["large plain red circle"])
    assert len(other.unseen) == 1


def test_splits_that_cannot_be() -> None:
    with pytest.raises(UnknownNameError, match=r"toy has no class 'k'"):
        hold_out(toy(), ["k"])
    with pytest.raises(BadDataError, match="3 seen classes of toy are too few: keep at least four"):
        hold_out(toy(), list("abcde"))
    plain = toy()
    with pytest.raises(BadDataError, match="toy has nothing to train on, or toy nothing to test on"):
        hold_out(replace(plain, splits={"test": plain.splits["test"]}), ["a"])
    nameless = replace(plain, splits={"train": Examples(plain.splits["train"].x)})
    with pytest.raises(BadDataError, match="toy has no labels of one class an example"):
        hold_out(nameless, ["a"])
    with pytest.raises(BadDataError, match=r"a zero-shot split without unseen \(made\): name others"):
        split_of(toy(), 24, torch.tensor([1]), "made")


def test_a_leak_is_refused() -> None:
    domain, split = hold_out(toy(), ["c", "g"])
    seen = len(split.test_seen)
    for count, validation, message in (
        (seen - 1, [0], r"toy \(made\): class '.' is unseen, but has training examples: a leak"),
        (seen + 1, [0], r"class 'c' is tested on as a seen one, but has no training examples: hold it out"),
        (seen, [2], r"class 'c' is for validation, but not among the seen ones"),
    ):
        with pytest.raises(BadDataError, match=message):
            split_of(domain, count, torch.tensor(validation), "made")
    with pytest.raises(BadDataError, match="without train classes"):
        split_of(domain, seen, split.seen, "made")


def test_an_example_in_two_parts_of_a_file() -> None:
    parts = {"one": torch.tensor([3, 4]), "two": torch.tensor([5, 6])}
    check_apart(Path("made.mat"), parts)
    with pytest.raises(BadDataError, match=r"made\.mat: image 4 stands twice, in one and two: fetch the file anew"):
        check_apart(Path("made.mat"), parts | {"two": torch.tensor([4])})


def test_the_published_split_is_for_the_whole_set(jpg_less: Domain) -> None:
    with pytest.raises(BadDataError, match="the published split of flowers102 is for all of it: name classes to hold"):
        zero_shot(jpg_less, target=toy())


@pytest.fixture
def jpg_less() -> Domain:
    return replace(toy(), name="flowers102")
