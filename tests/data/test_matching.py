import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain, Examples, unseal
from landbridge.data.images import Arrays
from landbridge.data.matching import match_classes, match_label_sets


def domain(name: str, *classes: str) -> Domain:
    """One training example a class; its input is the class's first letter."""
    x = torch.tensor([[float(ord(c[0]))] for c in classes])
    return Domain(name, classes, {"train": Examples(Arrays(x), torch.arange(len(classes)))})


def named(matched: Domain) -> dict[str, str]:
    """What each example is called, by its first letter."""
    labels = unseal(matched.unlabelled())
    letters = [chr(int(x)) for x in matched.unlabelled().read().flatten()]
    return {letter: matched.classes[label] for letter, label in zip(letters, labels.tolist())}


def test_closed_is_the_same_classes_and_says_what_else_there_is() -> None:
    source, target = match_label_sets(domain("s", "ant", "bee"), domain("t", "bee", "ant"))
    assert source.classes == target.classes == ("ant", "bee")
    with pytest.raises(BadDataError, match=r"only in t: cow; rename .* --label-sets partial or open .* --unlabelled"):
        match_label_sets(domain("s", "ant", "bee"), domain("t", "bee", "ant", "cow"))
    with pytest.raises(BadDataError, match=r"only in s: bee; take another$"):
        match_classes(domain("s", "ant", "bee"), domain("t", "ant"), "take another")


def test_a_partial_target_keeps_the_numbers_of_the_source() -> None:
    source, target = match_label_sets(domain("s", "ant", "bee", "cow"), domain("t", "cow", "ant"), "partial")
    assert source.classes == target.classes == ("ant", "bee", "cow")
    assert named(target) == {"c": "cow", "a": "ant"}
    with pytest.raises(
        BadDataError, match=r"^a partial target has no .* own, but only in t: dog; say --label-sets open$"
    ):
        match_label_sets(domain("s", "ant", "bee"), domain("t", "ant", "dog"), "partial")


def test_all_other_classes_of_an_open_target_are_unknown() -> None:
    source, target = match_label_sets(domain("s", "bee", "ant"), domain("t", "cow", "ant", "dog", "bee"), "open")
    assert source.classes == target.classes == ("bee", "ant", "unknown")
    assert named(source) == {"b": "bee", "a": "ant"}
    assert named(target) == {"c": "unknown", "a": "ant", "d": "unknown", "b": "bee"}
    with pytest.raises(BadDataError, match=r"only in s: cow; leave them out of the source with s\?without="):
        match_label_sets(domain("s", "ant", "cow"), domain("t", "ant", "bee"), "open")
    with pytest.raises(BadDataError, match=r"^s has a class 'unknown', which .* rename it$"):
        match_label_sets(domain("s", "ant", "unknown"), domain("t", "ant", "bee"), "open")


@pytest.mark.parametrize("label_sets", ["closed", "partial", "open"])
def test_a_target_without_labels_takes_the_classes_of_the_source(label_sets: str) -> None:
    anything = Domain("t", (), {"train": Examples(Arrays(torch.zeros(2, 1)))})
    source, target = match_label_sets(domain("s", "ant", "bee"), anything, label_sets)
    assert source.classes == target.classes
    assert source.classes[:2] == ("ant", "bee")
    assert not target.unlabelled().has_labels


def test_another_setting_is_refused() -> None:
    with pytest.raises(LandbridgeError, match=r"^--label-sets is closed, partial or open, not 'opened'$"):
        match_label_sets(domain("s", "ant"), domain("t", "ant"), "opened")
