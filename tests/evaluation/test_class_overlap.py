import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.evaluation.class_overlap import ClassOverlap, class_overlap

NAMES = st.lists(st.sampled_from(["cat", "Cat", "desk lamp", "desk_lamp", "mug", "-", "0", "a/b"]), max_size=6)


def test_the_same_classes_spelt_otherwise() -> None:
    overlap = class_overlap(["Back_Pack", "desk-lamp", "mug"], ["MUG", "backpack", "Desk Lamp"])
    assert overlap == ClassOverlap(("Back_Pack", "desk-lamp", "mug"), (), (), 1.0)


def test_some_are_shared() -> None:
    assert class_overlap(["cat", "dog"], ["dog", "cow", "horse"]) == ClassOverlap(
        ("dog",), ("cat",), ("cow", "horse"), 0.25
    )


@pytest.mark.parametrize(
    ("first", "second", "jaccard"), [([], [], 0.0), (["cat"], [], 0.0), ([], ["cat"], 0.0), (["cat"], ["cat"], 1.0)]
)
def test_empty_lists(first: list[str], second: list[str], jaccard: float) -> None:
    assert class_overlap(first, second).jaccard == jaccard


def test_of_several_spellings_the_first_counts() -> None:
    assert class_overlap(["desk lamp", "desk_lamp"], ["DeskLamp"]) == ClassOverlap(("desk lamp",), (), (), 1.0)


def test_names_of_separators_alone_stay_apart() -> None:
    assert class_overlap(["-", "_"], ["-"]) == ClassOverlap(("-",), ("_",), (), 0.5)


def test_letters_of_other_scripts() -> None:
    assert class_overlap(["STRASSE", "Кошка"], ["straße", "кошка"]).jaccard == 1.0


@given(NAMES, NAMES)
def test_laws(first: list[str], second: list[str]) -> None:
    here, there = class_overlap(first, second), class_overlap(second, first)
    assert here.jaccard == there.jaccard
    assert len(here.shared) == len(there.shared)
    assert here.only_first == there.only_second
    assert set(here.shared) | set(here.only_first) <= set(first)
    assert 0.0 <= here.jaccard <= 1.0
    assert class_overlap(first, first).jaccard == (1.0 if first else 0.0)
