"""Tasks as users write them, and the labels that they ask for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.tasks import Asked, _by_group, draw, task_domain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist", ("mnist", "mnist", "class")),
        ("style=pacs/style", ("style", "pacs/style", "class")),
        ("speaker=fsdd:group", ("speaker", "fsdd", "group")),
        ("pacs/photo?without=dog", ("pacs-photo", "pacs/photo?without=dog", "class")),
        ("a=pacs/photo?classes=dog,horse:class", ("a", "pacs/photo?classes=dog,horse", "class")),
        ("ages=./my data/faces.npz:number", ("ages", "./my data/faces.npz", "number")),
        ("./my data/faces.npz:number", ("my-data-faces-npz", "./my data/faces.npz", "number")),
    ],
)
def test_a_task_is_a_name_a_domain_and_a_label(text: str, expected: tuple[str, str, str]) -> None:
    assert tuple(Asked.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fsdd:grup", "task 'fsdd:grup': unknown label 'grup'; did you mean 'group'?"),
        ("mnist:zzz", "task 'mnist:zzz': unknown label 'zzz'; say class, group, number"),
        ("a b=mnist", "task 'a b=mnist': write NAME=DOMAIN[:LABEL], the name of letters, digits, - and _"),
        ("a=", "task 'a=': write NAME=DOMAIN[:LABEL]"),
    ],
)
def test_a_task_that_cannot_be_read_gets_one_line(text: str, message: str) -> None:
    with pytest.raises(LandbridgeError) as raised:
        Asked.parse(text)
    assert str(raised.value).startswith(message)


def grouped() -> Domain:
    x, y = torch.arange(8.0)[:, None], torch.arange(8) % 2
    group = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    splits = {
        "train": Examples(Arrays(x[:6]), y[:6], group[:6]),
        "test": Examples(Arrays(x[6:]), y[6:], group[6:]),
    }
    return Domain("said", ("no", "yes"), splits, headline="mean_class_accuracy", groups=("ann", "bob", "cy"))


def test_groups_become_classes_and_split_nothing_any_more() -> None:
    domain = _by_group(grouped())
    assert domain.name == "said:group"
    assert domain.classes == ("ann", "bob", "cy")
    assert domain.headline == "accuracy"
    assert domain.labelled().y.tolist() == [0, 0, 1, 1, 2, 2]
    assert domain.labelled().group is None
    shown, held = domain.draw(1, 0)
    assert sorted(shown.y.tolist()) == [0, 1, 2]
    assert len(held) == 2


def test_groups_without_names_are_numbered() -> None:
    plain = grouped()
    assert _by_group(Domain("said", plain.classes, plain.splits)).classes == ("0", "1", "2")


def test_labels_that_are_not_there_get_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", x=np.zeros((6, 2), np.float32), y=np.array(["cat", "dog"] * 3))
    plain = str(tmp_path / "plain.npz")
    with pytest.raises(BadDataError, match=r"has no groups to make classes of: leave out ':group'"):
        task_domain(Asked("a", plain, "group"))
    with pytest.raises(BadDataError, match=r"plain.npz: 'y' must be numbers to predict, \[N\] or \[N, K\]"):
        task_domain(Asked("a", plain, "number"))
    with pytest.raises(UnknownNameError, match=r"unknown domain 'digit/printed'; did you mean 'digits/printed'"):
        task_domain(Asked("a", "digit/printed", "class"))


def test_classes_called_by_numbers_are_numbers_to_predict() -> None:
    domain = task_domain(Asked("value", "digits/handwritten", "number"))
    whole = task_domain(Asked("digit", "digits/handwritten", "class"))
    assert domain.name == "digits/handwritten:number"
    assert torch.equal(domain.labelled().y, whole.labelled().y[:, None].float())


def test_classes_that_are_no_numbers_cannot_be_predicted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label,split\n1.png,cat,train\n2.png,dog,train\n3.png,cat,test\n")
    for number in (1, 2, 3):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(BadDataError, match=r"are not numbers: leave out ':number'"):
        task_domain(Asked("a", str(tmp_path / "a.csv"), "number"))


def numbers(test: bool = True) -> Domain:
    part = Examples(Arrays(torch.arange(9.0)[:, None]), torch.arange(9.0)[:, None])
    return Domain("sizes", ("size",), {"train": part, **({"test": part} if test else {})})


def test_shots_of_a_task_without_classes_count_examples_in_all() -> None:
    shown, held = draw(numbers(), 4, 0)
    assert len(shown) == 4
    assert (held.split, len(held), held.shown) == ("test", 9, False)
    assert not torch.equal(shown.index, draw(numbers(), 4, 1)[0].index)


def test_without_a_test_split_the_rest_is_tested_on() -> None:
    shown, held = draw(numbers(test=False), 4, 0)
    assert sorted([*shown.index.tolist(), *held.index.tolist()]) == list(range(9))
    assert not held.shown


@pytest.mark.parametrize(("shots", "test"), [(0, True), (10, True), (9, False)])
def test_more_labels_than_there_are_get_one_line(shots: int, test: bool) -> None:
    with pytest.raises(BadDataError, match=rf"{shots} labelled examples asked for, but sizes has 9 to train on"):
        draw(numbers(test), shots, 0)


def test_all_labels_are_shown_where_no_number_is_named() -> None:
    shown, held = draw(numbers(), None, 0)
    assert (len(shown), held.split) == (9, "test")
