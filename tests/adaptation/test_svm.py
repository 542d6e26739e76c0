import numpy as np
import pytest
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.adaptation.svm import StandardisedSVM


@parametrize_with_checks([StandardisedSVM(), StandardisedSVM("source")])
def test_it_is_an_estimator_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def points(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 4)) + 3 * np.eye(4)[y]
    return x, y, (rng.normal(size=(90, 4)) + 3 * np.eye(4)[y]) * [1, 4, 1, 1] + [9, 0, 0, 0]


@pytest.mark.parametrize("scale", ["apart", "source"])
def test_is_a_linear_svm_on_standardised_features(scale: str) -> None:
    x, y, target = points()
    fitted = StandardisedSVM(scale, C=0.1).fit(x, y, target=target)
    by = target if scale == "apart" else x
    svm = LinearSVC(C=0.1, random_state=0).fit((x - x.mean(0)) / x.std(0), y)
    np.testing.assert_array_equal(fitted.predict(target), svm.predict((target - by.mean(0)) / by.std(0)))


def test_the_scale_of_each_domain_is_a_little_adaptation() -> None:
    x, y, target = points()
    apart, source = (StandardisedSVM(scale).fit(x, y, target=target).score(target, y) for scale in ("apart", "source"))
    assert apart > source + 0.2


def test_the_linear_head_is_the_whole_rule() -> None:
    x, y, target = points()
    fitted = StandardisedSVM("source").fit(x, y, target=target)
    weight, bias = fitted.linear_head()
    np.testing.assert_array_equal((target @ weight.T + bias).argmax(1), fitted.predict(target))
