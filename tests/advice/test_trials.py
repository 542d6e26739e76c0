"""Estimates from given labels and from agreement, and the budget."""

from collections.abc import Callable

import numpy as np
import pytest

from landbridge.advice import trials as under_test
from landbridge.advice.facts import Classes, Distances, Facts
from landbridge.advice.material import Gathered
from landbridge.advice.strategies import STRATEGIES, VOTERS, Material, Scorer
from landbridge.advice.trials import Trial, entropy, on_shots, run, without_labels

NEAR = Distances(0.0, 0.0, 0.0, 0.0)


def said(name: str, predicted: list[int], shots: float | None = None) -> Trial:
    return Trial(name, lambda x, _: x, np.array(predicted), None, shots, 0.0)


def gathered(shots: int) -> Gathered:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 3)) + 4 * y[:, None]
    material = Material(x, y, x + 1, x[: 2 * shots] + 1, y[: 2 * shots], 2)
    facts = Facts(True, shots, Classes("same"), NEAR, NEAR, 60, 60)
    return Gathered(facts, ("a", "b"), material, x[:20], y[:20], {})


def test_agreement_by_hand() -> None:
    tried = {"a": said("a", [0, 0, 1, 1]), "b": said("b", [0, 1, 1, 1]), "c": said("c", [0, 0, 1, 0])}
    found = without_labels(tried, np.array([0, 1]), 2)
    assert found["a"].value == pytest.approx((3 / 4 + 3 / 4) / 2)
    quarter = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)
    assert found["b"].value == pytest.approx((3 / 4 + 2 / 4) / 2 * quarter)


def test_collapse_is_not_rewarded() -> None:
    tried = {"a": said("a", [0] * 10), "b": said("b", [0] * 10), "c": said("c", [0, 1] * 5)}
    found = without_labels(tried, np.array([0, 1]), 2)
    assert found["a"].value == found["b"].value == 0 < found["c"].value


def test_variety_beyond_the_sources_is_not_rewarded() -> None:
    tried = {name: said(name, [0, 1, 2, 3]) for name in "abc"}
    assert without_labels(tried, np.array([0, 0, 1]), 4)["a"].value == 1.0


def test_two_cannot_agree() -> None:
    tried = {"a": said("a", [0, 1]), "b": said("b", [0, 1])}
    assert without_labels(tried, np.array([0, 1]), 2) == {}


def test_entropy() -> None:
    assert entropy(np.array([2, 2]), 3) == 0.0
    assert entropy(np.arange(5), 5) == pytest.approx(np.log(5))


def test_estimates_from_shots() -> None:
    found = on_shots({"a": said("a", [0], 0.75), "b": said("b", [0])}, 20)
    assert set(found) == {"a"}
    assert found["a"].value == 0.75
    assert found["a"].error == pytest.approx(np.sqrt(16 / 22 * 6 / 22 / 22))
    assert on_shots({"a": said("a", [0], 1.0)}, 4)["a"].error > 0


def test_what_is_measured_on_shots() -> None:
    tried = run(["together", "shots-prototype", "source-svm"], gathered(4), 100)
    assert list(tried) == ["together", "shots-prototype", "source-svm"]
    assert all(trial.shots_accuracy is not None and trial.shots_accuracy > 0.8 for trial in tried.values())
    assert tried["source-svm"].source_accuracy == 1.0
    assert tried["shots-prototype"].source_accuracy is None


def test_shots_are_left_out_where_they_are_judged() -> None:
    """Labels drawn by lot: a rule judged on what it learned from would look right."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 200)), np.arange(40) % 2
    facts = Facts(True, 20, Classes("same"), NEAR, NEAR, 40, 40)
    material = Material(x, y, x, x, rng.permutation(y), 2)
    tried = run(["shots-svm", "together"], Gathered(facts, ("a", "b"), material, x, y, {}), 100)
    assert tried["shots-svm"].shots_accuracy is not None
    assert tried["shots-svm"].shots_accuracy < 0.75


def test_one_shot_cannot_be_left_out() -> None:
    tried = run(["shots-prototype", "source-svm"], gathered(1), 100)
    assert tried["shots-prototype"].shots_accuracy is None
    assert tried["source-svm"].shots_accuracy is not None


def test_no_voter_is_learned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(name: str) -> Callable[[Material], Scorer]:
        learn = STRATEGIES[name]
        return lambda given: (counted.append(name), learn(given))[1]

    for name in VOTERS:
        monkeypatch.setitem(STRATEGIES, name, counting(name))  # type: ignore[call-overload]
    together = run([*VOTERS, "vote"], gathered(0), 100)
    assert counted == list(VOTERS)
    alone = run(["vote"], gathered(0), 100)
    assert counted == [*VOTERS, *VOTERS]
    np.testing.assert_array_equal(together["vote"].predicted, alone["vote"].predicted)


def test_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(under_test.time, "perf_counter", lambda: float(next(clock)))
    names = ["source-svm", "source-prototype", "source-knn"]
    heard: list[str] = []
    assert list(run(names, gathered(0), 1e-9, told=heard.append)) == heard == ["source-svm"]
    assert list(run(names, gathered(0), 45)) == names[:2]
    assert list(run(names, gathered(0), 1e9)) == names
