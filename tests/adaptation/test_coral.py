from typing import Any

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power
from sklearn.model_selection import cross_val_score
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.adaptation.coral import CorrelationAlignment


@parametrize_with_checks([CorrelationAlignment()])
def test_it_is_an_estimator_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clouds(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two correlated features with the classes around a circle, two that say nothing; the target sheared and moved."""
    rng = np.random.default_rng(seed)
    y = np.arange(60 * classes) % classes
    x = rng.normal(size=(len(y), 4))
    x[:, :2] += 4 * np.stack([np.cos(2 * np.pi * y / classes), np.sin(2 * np.pi * y / classes)], 1)
    shear = np.eye(4)
    shear[0, 1], shear[2, 1] = 1.5, 1.0
    return x, y, (x + rng.normal(size=x.shape) * 0.1) @ shear * 3 + 6


def naive(x: np.ndarray, target: np.ndarray, regularisation: float) -> np.ndarray:
    """Algorithm 1 of the paper, written out with general powers of matrices."""
    source, target = ((z - z.mean(0)) / z.std(0) for z in (x, target))
    covariances = [np.cov(z, rowvar=False) + regularisation * np.eye(z.shape[1]) for z in (source, target)]
    whitened = source @ fractional_matrix_power(covariances[0], -0.5)
    coloured: np.ndarray = whitened @ fractional_matrix_power(covariances[1], 0.5)
    return coloured


@pytest.mark.parametrize("regularisation", [0.01, 1.0, 10.0])
def test_equals_the_algorithm_of_the_paper(regularisation: float) -> None:
    x, y, target = clouds(3)
    fitted = CorrelationAlignment(regularisation, C=0.1).fit(x, y, target=target)
    expected = naive(x, target, regularisation)
    np.testing.assert_allclose(fitted.transform(x), expected, atol=1e-9)
    standardised = (target - target.mean(0)) / target.std(0)
    np.testing.assert_allclose(fitted.transform(target, "target"), standardised, atol=1e-12)
    svm = LinearSVC(C=0.1, random_state=0).fit(expected, y)
    np.testing.assert_array_equal(fitted.predict(target), svm.predict(standardised))


def test_the_source_gets_the_covariance_of_the_target() -> None:
    x, y, target = clouds(3)
    fitted = CorrelationAlignment(1e-9).fit(x, y, target=target)
    here, there = (np.cov(fitted.transform(*args).T) for args in ((x,), (target, "target")))
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_without_a_target_nothing_is_aligned() -> None:
    x, y, _ = clouds(3)
    fitted = CorrelationAlignment().fit(x, y)
    standardised = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(fitted.transform(x), standardised, atol=1e-12)
    assert fitted.score(x, y) > 0.95


@pytest.mark.parametrize("classes", [2, 5])
def test_the_linear_head_is_the_whole_rule(classes: int) -> None:
    x, y, target = clouds(classes)
    fitted = CorrelationAlignment().fit(x, y, target=target)
    weight, bias = fitted.linear_head()
    assert weight.shape == (classes, 4)
    np.testing.assert_array_equal((target @ weight.T + bias).argmax(1), fitted.predict(target))


def test_it_helps_where_the_target_is_sheared() -> None:
    x, y, target = clouds(4)
    plain, aligned = CorrelationAlignment().fit(x, y), CorrelationAlignment().fit(x, y, target=target)
    assert aligned.score(target, y) > plain.score(target, y) + 0.1


def test_c_is_chosen_on_the_source_unless_given() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 40))
    x[:, 0] += 2 * y
    chosen = CorrelationAlignment().fit(x, y, target=x[::2])
    mapped = chosen.transform(x)
    scores = {
        c: cross_val_score(LinearSVC(C=c, random_state=0), mapped, y, cv=2).mean() for c in 10.0 ** np.arange(-4, 1)
    }
    assert min(scores.values()) < scores[chosen.C_] == max(scores.values())
    assert CorrelationAlignment(C=0.5).fit(x, y).C_ == 0.5


def test_a_class_of_one_example_cannot_choose() -> None:
    x, y, _ = clouds(2)
    y[0] = 2
    assert CorrelationAlignment().fit(x, y).C_ == 1.0


@pytest.mark.parametrize(
    ("options", "target", "message"),
    [
        ({}, np.zeros((9, 5)), "the source has 4 features, the target 5"),
        ({}, np.zeros((1, 4)), "minimum of 2 is required"),
        ({"regularisation": 0.0}, np.zeros((9, 4)), "regularisation of CORAL must be above 0, not 0.0"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], target: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorrelationAlignment(**options).fit(*clouds(2)[:2], target=target)
