import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from landbridge.probing.softmax import SoftmaxRegression
from landbridge.probing.svm import LinearSVM


def examples(classes: int, width: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(count) % classes
    return rng.normal(size=(count, width)) * 3 + 5 + 2 * rng.normal(size=(classes, width))[y], y


def scaled(x: np.ndarray) -> np.ndarray:
    """As `standard` says; lengths are about 1."""
    z = (x - x.mean(0)) / x.std(0) / np.sqrt(x.shape[1])
    assert np.linalg.norm(z, axis=1).mean() == pytest.approx(1, abs=0.2)
    return z


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("width", [7, 200])
def test_the_svm_minimises_what_it_says(classes: int, width: int) -> None:
    x, y = examples(classes, width)
    found, z = LinearSVM(0.5, "standard").fit(x, y), scaled(x)

    def loss(parameters: np.ndarray, sign: np.ndarray) -> float:
        margins = np.maximum(0, 1 - sign * (z @ parameters[:-1] + parameters[-1]))
        return float(parameters @ parameters / 2 + 0.5 * (margins**2).sum())

    for code in range(classes):
        sign = np.where(y == code, 1, -1)
        ours = np.append(found.weights_[code], found.biases_[code])
        best = minimize(loss, np.zeros(width + 1), (sign,)).fun
        assert loss(ours, sign) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("width", [7, 200])
def test_softmax_minimises_what_it_says(classes: int, width: int) -> None:
    x, y = examples(classes, width)
    found, z = SoftmaxRegression(2.0, "standard").fit(x, y), scaled(x)
    exact = LogisticRegression(C=2.0, tol=1e-8, max_iter=10_000).fit(z, y)
    scores = found.scores(x)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, exact.predict_proba(z), atol=5e-3)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_short_cut_for_wide_features_changes_nothing(classes: int) -> None:
    x, y = examples(classes, width=150)
    unseen, _ = examples(classes, width=150, count=80)
    scale = scaled(x)
    long_way = LinearSVC(C=1.0, dual=True, tol=1e-6, max_iter=100_000).fit(scale, y)
    expected = long_way.decision_function((unseen - x.mean(0)) / x.std(0) / np.sqrt(150))
    found = LinearSVM(1.0, "standard").fit(x, y).decision_function(unseen)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_units_of_a_feature_do_not_count() -> None:
    x, y = examples(3, 7)
    units = np.array([1e-3, 1, 1e4, 1, 1, 7, 1])
    for make in (LinearSVM, SoftmaxRegression):
        np.testing.assert_allclose(
            make(1.0, "standard").fit(x * units, y).scores(x * units),
            make(1.0, "standard").fit(x, y).scores(x),
            atol=1e-6,
        )


def test_a_feature_that_never_changes_does_no_harm() -> None:
    x, y = examples(3, 100)
    x[:, :90] = 4.0
    assert np.isfinite(LinearSVM(1.0, "standard").fit(x, y).scores(x)).all()


def test_lengths_of_examples_do_not_count_where_they_are_scaled_away() -> None:
    x, y = examples(3, 7)
    louder = x * np.linspace(1, 9, len(x))[:, None]
    for make in (LinearSVM, SoftmaxRegression):
        rules = [make(1.0, "length").fit(z, y) for z in (x, louder)]
        np.testing.assert_allclose(rules[0].scores(x), rules[1].scores(louder), atol=1e-6)
        assert np.linalg.norm(rules[0]._scaled(x), axis=1) == pytest.approx(1)


@pytest.mark.parametrize("make", [LinearSVM, SoftmaxRegression])
def test_the_better_scaling_is_chosen(make: type[LinearSVM]) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    loud = np.stack([rng.normal(size=80) * 100, y - 0.5 + rng.normal(size=80) * 0.1], 1) + 50
    assert make().fit(loud, y).settings_["scaling"] == "standard"
    angle = y * 0.3 + rng.normal(size=80) * 0.05
    far = np.stack([np.cos(angle), np.sin(angle)], 1) * 10 ** rng.uniform(-3, 3, size=(80, 1))
    assert make().fit(far, y).settings_["scaling"] == "length"


def test_unknown_scaling() -> None:
    with pytest.raises(ValueError, match="the scaling is one of standard, length, not 'l2'"):
        LinearSVM(1.0, "l2").fit(*examples(2, 3))
