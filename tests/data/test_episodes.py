import pytest

from landbridge.core.errors import LandbridgeError
from landbridge.data.episodes import with_ways
from landbridge.data.registry import load_domain

DIGITS = load_domain("digits/handwritten")


def test_a_seed_draws_the_same_classes_again_and_seeds_differ() -> None:
    drawn = [with_ways(DIGITS, 3, seed).classes for seed in range(20)]
    assert drawn == [with_ways(DIGITS, 3, seed).classes for seed in range(20)]
    assert len(set(drawn)) > 4
    assert set().union(*drawn) == set(DIGITS.classes)
    assert all(len(set(classes)) == 3 for classes in drawn)


def test_examples_are_of_the_drawn_classes_alone() -> None:
    part = with_ways(DIGITS, 4, 0)
    positions = [DIGITS.classes.index(name) for name in part.classes]
    expected = sum(int((DIGITS.labelled().y == number).sum()) for number in positions)
    assert len(part.labelled()) == expected
    assert part.labelled().y.unique().tolist() == [0, 1, 2, 3]
    assert with_ways(DIGITS, None, 0) is DIGITS


@pytest.mark.parametrize("ways", [1, 11])
def test_ways_that_there_are_not(ways: int) -> None:
    with pytest.raises(LandbridgeError, match=f"--ways {ways}: digits/handwritten has 10 classes"):
        with_ways(DIGITS, ways, 0)
