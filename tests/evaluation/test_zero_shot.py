"""The measures of zero-shot learning against slow loops that do what the formulas say."""

import numpy as np
import pytest

from landbridge.evaluation.zero_shot import (
    Array,
    best_share,
    by_class,
    calibrated,
    class_averaged,
    harmonic_mean,
    hits,
    leads,
    seen_unseen_curve,
    standard_error,
)

SEEN = np.array([True, False, True, True, False])


@pytest.fixture(name="scored")
def _scored() -> tuple[Array, Array]:
    """Scores that favour the right class, and seen ones, as those of real methods do."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 200)
    scores = rng.normal(size=(200, 5)) + 1.5 * np.eye(5)[labels] + 0.7 * SEEN
    return scores, labels


def slow(scores: Array, labels: Array, gamma: float) -> tuple[float, float]:
    shares: dict[bool, list[float]] = {True: [], False: []}
    for c in range(scores.shape[1]):
        right = []
        for row, label in zip(scores, labels):
            if label == c:
                lowered = [s - gamma if SEEN[k] else s for k, s in enumerate(row)]
                right.append(int(np.argmax(lowered)) == c)
        shares[bool(SEEN[c])].append(sum(right) / len(right))
    return float(np.mean(shares[True])), float(np.mean(shares[False]))


@pytest.mark.parametrize("gamma", [-10.0, -0.3, 0.0, 0.4, 1.1, 2.5, 10.0])
def test_the_curve_is_the_accuracy_at_each_gamma(scored: tuple[Array, Array], gamma: float) -> None:
    scores, labels = scored
    curve = seen_unseen_curve(scores, labels, SEEN)
    np.testing.assert_allclose(curve.at(gamma), slow(scores, labels, gamma), atol=1e-12)
    called = calibrated(scores, SEEN, gamma).argmax(1) == labels
    np.testing.assert_allclose(class_averaged(called[SEEN[labels]], labels[SEEN[labels]]), curve.at(gamma)[0])


def test_best_share_is_that_of_a_search(scored: tuple[Array, Array]) -> None:
    scores, labels = scored
    parts = [(scores[rows], labels[rows]) for rows in (slice(0, 90), slice(90, 200))]
    curves = [seen_unseen_curve(s, y, SEEN) for s, y in parts]
    seen = [leads(s, SEEN)[SEEN[y]] for s, y in parts]

    def mean(share: float) -> float:
        each = [slow(s, y, float(np.quantile(lead, share))) for (s, y), lead in zip(parts, seen)]
        return float(np.mean([harmonic_mean(*both) for both in each]))

    assert mean(best_share(curves, seen)) == pytest.approx(max(mean(k / 100) for k in range(101)))


def test_the_share_does_not_hang_on_the_scale_of_scores(scored: tuple[Array, Array]) -> None:
    scores, labels = scored
    shares = [
        best_share([seen_unseen_curve(s, labels, SEEN)], [leads(s, SEEN)[SEEN[labels]]])
        for s in (scores, 40 * scores + 3 * SEEN)
    ]
    assert shares[0] == shares[1]
    assert 0 < shares[0] < 0.5


def test_area_is_that_of_many_gammas(scored: tuple[Array, Array]) -> None:
    scores, labels = scored
    curve = seen_unseen_curve(scores, labels, SEEN)
    s, u = np.array([slow(scores, labels, gamma) for gamma in np.linspace(-6, 8, 2000)]).T
    assert curve.area == pytest.approx(sum((s[1:] + s[:-1]) / 2 * np.diff(u)), abs=2e-3)
    assert curve.seen[-1] == pytest.approx(0)
    assert curve.unseen[0] == 0
    s, u = map(np.array, curve.thinned(20))
    assert len(s) == 20
    assert (np.diff(s) <= 1e-12).all()
    assert (np.diff(u) >= -1e-12).all()


def test_scores_that_know_everything_and_nothing() -> None:
    labels = np.repeat(np.arange(5), 3)
    assert seen_unseen_curve(np.eye(5)[labels], labels, SEEN).area == pytest.approx(1)
    flat = seen_unseen_curve(np.zeros((15, 5)), labels, SEEN)
    assert flat.seen.tolist() == pytest.approx([1 / 3, 0])
    assert flat.unseen.tolist() == pytest.approx([0, 1 / 2])
    assert flat.at(-1.0) == (pytest.approx(1 / 3), 0)


def test_one_side_alone_has_no_curve() -> None:
    with pytest.raises(ValueError, match="examples of seen classes and of unseen"):
        seen_unseen_curve(np.zeros((3, 5)), np.array([0, 2, 2]), SEEN)
    with pytest.raises(ValueError, match="columns"):
        leads(np.zeros((3, 5)), np.ones(5, bool))


def test_classes_count_alike() -> None:
    labels, right = np.array([0] * 98 + [1, 1]), np.array([True] * 98 + [False, False])
    assert right.mean() == 0.98
    assert class_averaged(right, labels) == 0.5
    assert by_class(right, labels) == {0: 1.0, 1: 0.0}


def test_standard_error_is_that_of_drawing_again() -> None:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 10, 80])
    chances = np.array([0.3, 0.8, 0.5])[labels]
    again = [class_averaged(rng.random(130) < chances, labels) for _ in range(3000)]
    errors = [standard_error(rng.random(130) < chances, labels) for _ in range(200)]
    assert np.mean(errors) == pytest.approx(np.std(again), rel=0.1)


def test_hits_are_among_the_best(scored: tuple[Array, Array]) -> None:
    scores, labels = scored
    classes = np.array([3, 9, 4, 7, 1])
    for k in (1, 2, 5, 9):
        slow = [classes[y] in sorted(classes, key=lambda c: -row[list(classes).index(c)])[:k]
                for row, y in zip(scores, labels)]  # fmt: skip
        assert hits(scores, classes[labels], classes, k).tolist() == slow
