"""Each branch of the advice, from facts alone."""

from dataclasses import replace

import pytest

from landbridge.advice.facts import Classes, Distances, Facts
from landbridge.advice.rules import (
    CELLS,
    NEAR,
    SHOT_RULES,
    SOURCE_RULES,
    Estimate,
    nameable,
    outlook,
    ranked,
    similar,
    suggestions,
)

FAR, CLOSE = Distances(1.9, 0.3, 10.0, 1.0), Distances(0.2, 0.01, 1.0, 0.1)
SAME, OTHER = Classes("same", ("cat", "dog")), Classes("none", (), ("cat",), ("mug",))
PARTLY = Classes("partly", ("cat",), ("dog",), ("cow", "mug"))
BASE = Facts(True, 0, SAME, FAR, CLOSE, 100, 100)


def applying(facts: Facts) -> list[str]:
    return [each.name for each in suggestions(facts) if each.applies]


def test_the_map_has_four_cells() -> None:
    assert set(CELLS) == {(a, b) for a in (True, False) for b in (True, False)}
    assert [CELLS[cell][0] for cell in CELLS if not cell[0]] == ["not covered"] * 2


def test_the_border_between_near_and_far() -> None:
    assert similar(replace(BASE, distances=replace(FAR, proxy_a=NEAR)))
    assert not similar(replace(BASE, distances=replace(FAR, proxy_a=NEAR + 0.01)))


@pytest.mark.parametrize("relation", ["same", "within", "unknown", "partly", "none"])
def test_which_classes_the_source_can_name(relation: str) -> None:
    assert nameable(Classes(relation)) == (relation in ("same", "within", "unknown"))


@pytest.mark.parametrize(
    ("facts", "word", "part"),
    [
        (replace(BASE, source_labelled=False), "not covered", "label some"),
        (replace(BASE, source_labelled=False, shots=2), "not covered", "the target alone"),
        (replace(BASE, distances=CLOSE), "easy", "should hold"),
        (BASE, "hard", "adapt to what the target looks like"),
        (replace(BASE, shots=2), "hard", "labels judge"),
        (replace(BASE, classes=OTHER, shots=2, distances=CLOSE), "easy", "teach the new classes"),
        (replace(BASE, classes=OTHER, shots=2), "hard", "only the target's labels count"),
        (replace(BASE, classes=PARTLY), "hard", "no word"),
        (replace(BASE, classes=OTHER, distances=CLOSE), "hard", "no label teaches them"),
    ],
)
def test_what_follows(facts: Facts, word: str, part: str) -> None:
    found = outlook(facts)
    assert found.word == word
    assert part in found.text


def test_which_strategies_apply() -> None:
    assert applying(BASE) == list(SOURCE_RULES)
    assert applying(replace(BASE, shots=1)) == [*SHOT_RULES, *SOURCE_RULES]
    assert applying(replace(BASE, classes=OTHER)) == []
    assert applying(replace(BASE, classes=PARTLY, shots=3)) == ["shots-svm", "shots-prototype"]
    assert applying(replace(BASE, source_labelled=False)) == []
    assert applying(replace(BASE, source_labelled=False, shots=3)) == ["shots-svm", "shots-prototype"]


def test_near_domains_are_first_left_as_they_are() -> None:
    order = applying(replace(BASE, distances=CLOSE))
    assert order[:3] == ["source-svm", "source-prototype", "source-knn"]
    assert sorted(order) == sorted(SOURCE_RULES)


def test_reasons_against() -> None:
    def why(facts: Facts) -> str:
        return next(each.why for each in suggestions(facts) if each.name == "sa")

    assert why(replace(BASE, source_labelled=False)) == "the source has no labels"
    assert why(replace(BASE, classes=OTHER)) == "no class of the target is known to the source"
    assert why(replace(BASE, classes=PARTLY)) == "the source has no word for cow, mug"
    assert all(each.why for facts in (BASE, replace(BASE, shots=1)) for each in suggestions(facts))


def test_ranking() -> None:
    trust = ["a", "b", "c", "d"]
    assert ranked({}, trust) == []
    clear = {"a": Estimate(0.5, 0.01), "b": Estimate(0.9, 0.01), "c": Estimate(0.7, 0.01)}
    assert ranked(clear, trust) == ["b", "c", "a"]
    level = {"c": Estimate(0.90, 0.02), "b": Estimate(0.88, 0.5), "d": Estimate(0.87, 0.5), "a": Estimate(0.1, 0.01)}
    assert ranked(level, trust) == ["b", "c", "d", "a"]
