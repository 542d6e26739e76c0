import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from landbridge.zeroshot import logistic as module
from landbridge.zeroshot.logistic import logistic, softmax_regression


def examples(count: int = 200, width: int = 12, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Features of length 1, most of which all examples share, as those of networks are."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % classes
    x = 2 + rng.normal(size=(classes, width))[y] + rng.normal(size=(count, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True), y


@pytest.fixture
def to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENOUGH", 1e-13)
    monkeypatch.setattr(module, "MOST", 20_000)


@pytest.mark.usefixtures("to_the_end")
@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_logistic_ends_where_scikit_learn_does(penalty: float) -> None:
    x, y = examples()
    targets = np.random.default_rng(1).integers(0, 2, size=(5, 4)).astype(float)[y]
    weights, biases = logistic(x, targets, penalty)
    for target, weight, bias in zip(targets.T, weights, biases):
        exact = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(x, target)
        np.testing.assert_allclose(expit(x @ weight + bias), exact.predict_proba(x)[:, 1], atol=1e-4)


@pytest.mark.usefixtures("to_the_end")
@pytest.mark.parametrize("penalty", [1.0, 0.01])
@pytest.mark.parametrize("classes", [2, 5])
def test_softmax_ends_where_scikit_learn_does(classes: int, penalty: float) -> None:
    x, y = examples(classes=classes)
    weights, biases = softmax_regression(x, y, penalty)
    assert weights.shape == (classes, 12)
    # scikit-learn gives two classes one weight, w = w_2 - w_1; with w_2 = -w_1, |w|^2 is 2 (|w_1|^2 + |w_2|^2).
    exact = LogisticRegression(C=(2 if classes == 2 else 1) / penalty, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(softmax(x @ weights.T + biases, axis=1), exact.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("penalty", [1.0, 0.1, 0.01])
def test_it_stops_in_time_and_near_the_end(penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = examples()

    def loss() -> float:
        weights, biases = softmax_regression(x, y, penalty)
        told = softmax(x @ weights.T + biases, axis=1)[np.arange(len(y)), y]
        return float((-np.log(told).sum() + penalty * (weights**2).sum() / 2) / len(y))

    default = loss()
    monkeypatch.setattr(module, "MOST", 100)
    assert loss() == default, "stopped within 100 steps"
    monkeypatch.setattr(module, "MOST", 20_000)
    monkeypatch.setattr(module, "ENOUGH", 1e-13)
    assert 0 <= default - loss() < 1e-3


def test_attributes_do_not_depend_on_each_other() -> None:
    x, y = examples()
    targets = np.random.default_rng(1).integers(0, 2, size=(5, 4)).astype(float)[y]
    together, alone = logistic(x, targets, 0.1), logistic(x, targets[:, 2:3], 0.1)
    np.testing.assert_allclose(x @ together[0][2] + together[1][2], x @ alone[0][0] + alone[1][0], atol=0.05)
