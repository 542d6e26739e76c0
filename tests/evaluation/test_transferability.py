import inspect
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from landbridge.core.errors import BadDataError
from landbridge.evaluation.transferability import (
    SCORES,
    Score,
    h_score,
    knn_estimate,
    linear_probe_estimate,
    logme,
    regularised_h_score,
    transrate,
)

Examples = tuple[np.ndarray, np.ndarray]

SHAPES = [(30, 4), (12, 12), (10, 25)]
"""More examples than features, as many, and fewer."""


def clouds(n: int, width: int, seed: int, classes: int = 3) -> Examples:
    """Classes around their own means, features of very different scales that are not centred."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    x = rng.normal(size=(classes, width))[y] + rng.normal(size=(n, width))
    return x * np.exp(rng.normal(size=width)) + rng.normal(size=width), y


def turned(x: np.ndarray, seed: int) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1],) * 2))[0]
    done: np.ndarray = x @ turn
    return done


def covariances(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the features, and of the mean feature of each example's class; divided by n."""
    means = np.stack([x[y == label].mean(0) for label in y])
    return np.cov(x.T, bias=True), np.cov(means.T, bias=True)


def naive_h_score(x: np.ndarray, y: np.ndarray) -> float:
    whole, between = covariances(x, y)
    return float(np.trace(np.linalg.pinv(whole, rcond=1e-10, hermitian=True) @ between))


def naive_regularised_h_score(x: np.ndarray, y: np.ndarray) -> float:
    shrinkage = LedoitWolf().fit(x).shrinkage_
    whole, between = covariances(x, y)
    shrunk = (1 - shrinkage) * whole + shrinkage * np.trace(whole) / len(whole) * np.eye(len(whole))
    return float(np.trace(np.linalg.inv(shrunk) @ ((1 - shrinkage) * between)))


def evidence(x: np.ndarray, indicator: np.ndarray, alpha: float, beta: float) -> float:
    """Equation 2 of the paper."""
    n, width = x.shape
    a = alpha * np.eye(width) + beta * x.T @ x
    m = beta * np.linalg.solve(a, x.T @ indicator)
    return float(
        n / 2 * np.log(beta)
        + width / 2 * np.log(alpha)
        - n / 2 * np.log(2 * np.pi)
        - beta / 2 * np.square(x @ m - indicator).sum()
        - alpha / 2 * m @ m
        - np.linalg.slogdet(a)[1] / 2
    )


def naive_logme(x: np.ndarray, y: np.ndarray) -> float:
    """The Gaussian density of the labels, climbed blindly from several starts.

    The model integrated over its weights: labels are drawn from N(0, I / beta + F F^T / alpha).
    """
    tops = []
    for label in np.unique(y):
        indicator = (y == label).astype(float)

        def minus(logs: np.ndarray, indicator: np.ndarray = indicator) -> float:
            alpha, beta = np.exp(logs)
            covariance = np.eye(len(x)) / beta + x @ x.T / alpha
            mahalanobis = indicator @ np.linalg.solve(covariance, indicator)
            return float(np.linalg.slogdet(2 * np.pi * covariance)[1] + mahalanobis) / 2

        # Where features tell nothing alpha grows without end, where they tell all beta does.
        bounds, options = [(-12, 30), (-12, 30)], {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 3000}
        climbs = [
            minimize(minus, start, method="Nelder-Mead", bounds=bounds, options=options)
            for start in itertools.product((-5, 0, 5, 25), (1, 4, 25))
        ]
        tops.append(max(-climb.fun for climb in climbs))
    return float(np.mean(tops) / len(x))


def naive_transrate(x: np.ndarray, y: np.ndarray, epsilon: float = 1e-4) -> float:
    z = x - x.mean(0)
    z = z / np.sqrt(np.mean([row @ row for row in z]))

    def rate(some: np.ndarray) -> float:
        inside = np.eye(some.shape[1]) + some.T @ some / (len(some) * epsilon)
        return float(np.linalg.slogdet(inside)[1] / 2)

    return rate(z) - sum((y == label).mean() * rate(z[y == label]) for label in np.unique(y))


def naive_knn(x: np.ndarray, y: np.ndarray, neighbours: int = 1) -> float:
    right = 0
    for i in range(len(x)):
        others = sorted((np.linalg.norm(x[i] - x[j]), y[j]) for j in range(len(x)) if j != i)
        votes = [label for _, label in others[:neighbours]]
        most = max(votes.count(label) for label in votes)
        right += next(label for label in votes if votes.count(label) == most) == y[i]
    return right / len(x)


NAIVE: dict[str, Callable[..., float]] = {
    "logme": naive_logme,
    "h-score": naive_h_score,
    "regularised-h-score": naive_regularised_h_score,
    "transrate": naive_transrate,
    "knn": naive_knn,
}


@pytest.mark.parametrize(("n", "width"), SHAPES)
@pytest.mark.parametrize("name", NAIVE)
def test_equals_the_naive_form(name: str, n: int, width: int) -> None:
    for seed in range(3):
        x, y = clouds(n, width, seed)
        assert SCORES[name](x, y) == pytest.approx(NAIVE[name](x, y), rel=1e-6), seed


@pytest.mark.parametrize("neighbours", [2, 3, 5])
def test_more_neighbours_vote(neighbours: int) -> None:
    x, y = clouds(40, 3, 0)
    assert knn_estimate(x, y, neighbours) == naive_knn(x, y, neighbours)


def test_of_classes_with_equal_votes_the_nearer_one_wins() -> None:
    x, y = np.array([[0.0], [1.0], [2.5], [10.0], [12.0]]), np.array(["a", "a", "b", "b", "b"])
    assert knn_estimate(x, y, 2) == naive_knn(x, y, 2) == 0.8


def test_more_neighbours_than_there_are() -> None:
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1])
    assert knn_estimate(x, y, 99) == knn_estimate(x, y, 2)


@pytest.mark.parametrize(("n", "width"), [*SHAPES, (60, 40)])
@pytest.mark.parametrize("folds", [2, 5])
def test_the_linear_probe_equals_that_of_scikit_learn(n: int, width: int, folds: int) -> None:
    """Their ridge classifier, refitted fold by fold, with the same penalties."""
    x, y = clouds(n, width, 1, classes=2)
    cuts = list(StratifiedKFold(folds).split(x, y))
    predicted = np.empty(n, dtype=int)
    for fit, held in cuts:
        theirs = make_pipeline(StandardScaler(), RidgeClassifierCV(len(fit) * np.logspace(-4, 2, 7)))
        predicted[held] = theirs.fit(x[fit], y[fit]).predict(x[held])
    assert linear_probe_estimate(x, y, folds) == (predicted == y).mean()


def test_the_linear_probe_of_several_classes() -> None:
    x, y = clouds(90, 6, 0, classes=4)
    penalties = 72 * np.logspace(-4, 2, 7)
    theirs = make_pipeline(StandardScaler(), RidgeClassifierCV(penalties))
    assert linear_probe_estimate(x, y) == pytest.approx((cross_val_predict(theirs, x, y) == y).mean(), abs=0.012)


def test_a_class_that_a_fold_lacks() -> None:
    x, y = clouds(20, 2, 0, classes=2)
    x[0], y[0] = 50.0, 7
    assert 0.0 <= linear_probe_estimate(x, y) <= 0.95


LAWS = st.tuples(st.sampled_from(SHAPES), st.integers(0, 99))


@pytest.mark.parametrize("name", SCORES)
@given(LAWS)
def test_names_of_classes_and_order_of_examples_do_not_matter(name: str, law: tuple[tuple[int, int], int]) -> None:
    (n, width), seed = law
    x, y = clouds(n, width, seed)
    renamed = np.array(["cat", "ant", "bee"])[y]
    assert SCORES[name](x, renamed) == pytest.approx(SCORES[name](x, y), rel=1e-9)
    if name != "linear-probe":  # whose folds follow the order
        order = np.random.default_rng(seed).permutation(n)
        assert SCORES[name](x[order], y[order]) == pytest.approx(SCORES[name](x, y), rel=1e-7)


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"linear-probe"}))
@given(LAWS)
def test_turning_and_multiplying_features_does_not_matter(name: str, law: tuple[tuple[int, int], int]) -> None:
    (n, width), seed = law
    x, y = clouds(n, width, seed)
    assert SCORES[name](100 * turned(x, seed), y) == pytest.approx(SCORES[name](x, y), rel=1e-6)


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"logme"}))
@given(LAWS)
def test_moving_features_does_not_matter(name: str, law: tuple[tuple[int, int], int]) -> None:
    (n, width), seed = law
    x, y = clouds(n, width, seed)
    assert SCORES[name](x + 7, y) == pytest.approx(SCORES[name](x, y), rel=1e-6)


@given(LAWS)
def test_any_linear_map_leaves_the_h_score(law: tuple[tuple[int, int], int]) -> None:
    (n, width), seed = law
    x, y = clouds(n, width, seed)
    stretch = np.diag(np.exp(np.random.default_rng(seed).uniform(-1, 1, width)))
    assert h_score(x @ stretch, y) == pytest.approx(h_score(x, y), rel=1e-6)


@given(LAWS)
def test_ranges(law: tuple[tuple[int, int], int]) -> None:
    (n, width), seed = law
    x, y = clouds(n, width, seed)
    plain, regularised = h_score(x, y), regularised_h_score(x, y)
    assert 0 <= regularised <= plain <= min(width, 2) + 1e-9
    assert transrate(x, y) >= -1e-9


@given(st.integers(0, 99))
def test_no_evidence_beats_the_largest(seed: int) -> None:
    x, y = clouds(15, 4, seed, classes=2)
    rng = np.random.default_rng(seed)
    for alpha, beta in np.exp(rng.uniform(-6, 6, size=(20, 2))):
        mean = np.mean([evidence(x, (y == label).astype(float), alpha, beta) for label in (0, 1)])
        assert logme(x, y) >= mean / len(x) - 1e-9


@pytest.mark.parametrize("name", SCORES)
def test_better_features_score_higher(name: str) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    noise = rng.normal(size=(200, 10))
    good, bad = (noise + strength * np.eye(10)[y] for strength in (4.0, 1.0))
    assert SCORES[name](good, y) > SCORES[name](bad, y) > SCORES[name](noise, y)


@pytest.mark.parametrize("name", SCORES)
def test_useless_and_perfect_features_have_a_score(name: str) -> None:
    y = np.arange(20) % 2
    constant = SCORES[name](np.full((20, 5), 0.1), y)
    perfect = SCORES[name](np.eye(2)[y] + 0.1, y)
    assert np.isfinite(constant)
    assert np.isfinite(perfect)
    assert constant < perfect or name == "transrate"  # to which classes opposite each other look like one
    if "h-score" in name:
        assert constant == 0.0
    if name in ("knn", "linear-probe"):
        assert perfect == 1.0


@pytest.mark.parametrize("name", SCORES)
def test_single_precision_will_do(name: str) -> None:
    x, y = clouds(60, 8, 0)
    assert SCORES[name](x.astype(np.float32), y) == pytest.approx(SCORES[name](x, y), rel=1e-3)


BAD = [
    (np.zeros((4, 2, 2)), np.arange(4), r"features must be \[n, D\], one row an example, not \[4, 2, 2\]"),
    (np.zeros((4, 2)), np.arange(3), r"one label an example, not labels \[3\] for 4 examples"),
    (np.zeros((4, 2)), np.eye(4), r"one label an example, not labels \[4, 4\] for 4 examples"),
    (np.full((4, 2), np.nan), np.arange(4), "some features are not finite numbers"),
    (np.zeros((4, 2)), np.ones(4), "all 4 examples are of one class"),
    (np.zeros((0, 2)), np.ones(0), "all 0 examples are of one class"),
]


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize(("x", "y", "message"), BAD, ids=[message[:20] for *_, message in BAD])
def test_bad_input(score: Score, x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        score(x, y)


def test_a_probe_needs_two_examples_of_a_class() -> None:
    with pytest.raises(BadDataError, match="no class has two examples"):
        linear_probe_estimate(np.eye(3), np.arange(3))


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_it_says_what_it_predicts_and_when_it_misleads(score: Score) -> None:
    text = inspect.getdoc(score) or ""
    assert "predicts" in text
    assert "misleads" in text
