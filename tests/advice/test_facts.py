"""What is measured before anything is learned."""

import numpy as np
import pytest

from landbridge.advice.facts import compare_classes, distances, yardstick
from landbridge.evaluation.domain_distance import frechet_distance, proxy_a_distance

RNG = np.random.default_rng(0)
HERE, THERE = RNG.normal(size=(200, 4)), RNG.normal([3, 0, 0, 0], size=(300, 4))


def test_distances_are_those_of_evaluation_on_sets_of_one_size() -> None:
    found = distances(HERE, THERE, seed=3)
    rng = np.random.default_rng(3)
    a, b = HERE[rng.permutation(200)[:200]], THERE[rng.permutation(300)[:200]]
    assert found.proxy_a == proxy_a_distance(a, b, 3)
    assert found.frechet == pytest.approx(frechet_distance(a, b))
    assert distances(HERE, THERE, most=50).frechet != pytest.approx(found.frechet)


def test_chance_makes_less_than_a_shift() -> None:
    chance, shift = yardstick(HERE, len(THERE)), distances(HERE, THERE)
    for name in ("proxy_a", "mmd", "frechet"):
        assert getattr(chance, name) < getattr(shift, name) / 3


@pytest.mark.parametrize(
    ("source", "target", "relation"),
    [
        (["cat", "dog"], ["dog", "cat"], "same"),
        (["cat", "dog", "cow"], ["Cow", "dog"], "within"),
        (["cat", "dog"], ["dog", "cow"], "partly"),
        (["cat", "dog"], ["dog", "cat", "cow"], "partly"),
        (["cat"], ["mug"], "none"),
        (["cat"], [], "unknown"),
        ([], ["cat"], "unknown"),
    ],
)
def test_classes(source: list[str], target: list[str], relation: str) -> None:
    assert compare_classes(source, target).relation == relation


def test_sides_are_not_mixed_up() -> None:
    found = compare_classes(["cat", "dog"], ["Dog", "cow"])
    assert (found.shared, found.only_source, found.only_target) == (("dog",), ("cat",), ("cow",))
    assert found.jaccard == pytest.approx(1 / 3)
