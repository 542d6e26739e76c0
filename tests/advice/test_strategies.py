"""Strategies on two clouds that moved apart."""

import numpy as np
import pytest

from landbridge.adaptation.svm import StandardisedSVM
from landbridge.advice.strategies import LINEAR, NEVER, STRATEGIES, VOTERS, Material, Scorer, linear, vote

RNG = np.random.default_rng(0)
Y = np.arange(150) % 3
CENTRES = np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [0, 0, 4.0, 0]])
SOURCE = RNG.normal(size=(150, 4)) + CENTRES[Y]
TARGET = 2 * (RNG.normal(size=(150, 4)) + CENTRES[Y]) + [5, -3, 0, 8]
GIVEN = Material(SOURCE, Y, TARGET[30:], TARGET[:12], Y[:12], 3)


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_tells_the_classes_of_its_side_apart(name: str) -> None:
    scorer = STRATEGIES[name](GIVEN)
    scores = scorer(TARGET[30:], "target")
    assert scores.shape == (120, 3)
    aligned = name not in ("source-svm", "source-prototype", "source-knn")
    if aligned:
        assert (scores.argmax(1) == Y[30:]).mean() > 0.9
    if not name.startswith("shots"):
        assert (scorer(SOURCE, "source").argmax(1) == Y).mean() > 0.9


@pytest.mark.parametrize("name", LINEAR)
def test_linear_rules_are_their_weights(name: str) -> None:
    scorer = STRATEGIES[name](GIVEN)
    weights, biases = linear(scorer, 4, rows=3)
    np.testing.assert_allclose(TARGET @ weights.T + biases, scorer(TARGET, "target"), atol=1e-9)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_class_without_examples_is_never_said(name: str) -> None:
    seen, shown = Y != 2, Y[:12] != 2
    given = Material(SOURCE[seen], Y[seen], TARGET, TARGET[:12][shown], Y[:12][shown], 3)
    scores = STRATEGIES[name](given)(TARGET, "target")
    assert scores.shape == (150, 3)
    assert (scores[:, 2] == NEVER).all()


def test_shots_weigh_as_much_as_the_source() -> None:
    """Two shots against 100 source examples of the contrary: together they stand half and half, not 1 to 50."""
    x = np.linspace(-1, 1, 100)[:, None]
    y = (x[:, 0] > 0).astype(np.int64)
    turned = Material(x, y, x, np.array([[-1.0], [1.0]] * 2), np.array([1, 0] * 2), 2)
    contrary = STRATEGIES["together"](turned)(np.array([[1.0]]), "target")[0]
    agreeing = STRATEGIES["source-svm"](turned)(np.array([[1.0]]), "target")[0]
    assert agreeing[1] > 0 > agreeing[0]
    assert abs(contrary[1]) < agreeing[1] / 2


def test_vote_by_hand() -> None:
    """Two classes on a line; what a rule adds to all classes alike, and the unit of its scores, count for nothing."""
    target = np.array([[-3.0], [1.0], [2.0]])
    given = Material(target, np.array([0, 1, 1]), target, target[:0], np.empty(0, int), 2)

    def rule(slope: float, bias: float, more: float = 0.0) -> Scorer:
        return lambda x, _: more + np.stack([np.zeros(len(x)), slope * x[:, 0] + bias], 1)

    rules = {name: rule(slope, 1.0) for name, slope in zip(VOTERS, (1.0, 2.0, -0.5))}
    halves = [np.array([slope * x + 1.0 for x in target[:, 0]]) / 2 for slope in (1.0, 2.0, -0.5)]
    expected = np.mean([half / np.sqrt(np.mean(half**2)) for half in halves], axis=0)
    found = vote(given, rules)(target, "target")
    np.testing.assert_allclose(found, np.stack([-expected, expected], 1))

    rules[VOTERS[1]] = rule(200.0, 100.0, more=7.0)
    np.testing.assert_allclose(vote(given, rules)(target, "target"), found)


def test_a_vote_of_what_was_learned_is_the_same() -> None:
    learned = {name: STRATEGIES[name](GIVEN) for name in VOTERS[:2]}
    np.testing.assert_array_equal(vote(GIVEN, learned)(TARGET, "target"), STRATEGIES["vote"](GIVEN)(TARGET, "target"))


def test_a_voter_that_is_sure_of_nothing_is_harmless() -> None:
    learned = {name: STRATEGIES[name](GIVEN) for name in VOTERS} | {"sa": lambda x, _: np.zeros((len(x), 3))}
    scores = vote(GIVEN, learned)(TARGET, "target")
    assert np.isfinite(scores).all()
    assert (scores.argmax(1) == Y).mean() > 0.9


def test_standardised_undoes_a_shift_and_a_scale() -> None:
    fitted = StandardisedSVM().fit(SOURCE, Y, target=3 * SOURCE - 7)
    assert fitted.predict(3 * SOURCE - 7).tolist() == fitted.svm_.predict(fitted.transform(SOURCE)).tolist()
