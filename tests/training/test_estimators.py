import numpy as np
import pytest

from landbridge.adaptation import METHODS
from landbridge.data.domain import Domain
from landbridge.evaluation.metrics import evaluate
from landbridge.training.estimators import AlignedSVM, EstimatorMethod, reverse_accuracy
from methods_suite import Bench


class Plain(AlignedSVM):
    def _maps(self, source: np.ndarray, target: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(source.shape[1]), np.eye(source.shape[1])


def line(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(count) % 2
    return np.random.default_rng(0).normal(size=(count, 2)) * 0.3 + 4 * y[:, None], y


def test_labels_survive_the_way_there_and_back_where_domains_agree() -> None:
    x, y = line()
    assert reverse_accuracy(Plain(), x, y, x * 5 - 3) == 1.0


def test_labels_are_lost_where_the_target_says_nothing() -> None:
    x, y = line()
    target = np.random.default_rng(1).normal(size=(40, 2)) @ [[1.0, -1.0], [0.0, 0.0]]
    assert reverse_accuracy(Plain(), x, y, target) < 0.9


def test_one_class_for_all_is_worth_nothing() -> None:
    class Collapsed(Plain):
        def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
            return np.zeros(len(X), int)

    x, y = line()
    assert reverse_accuracy(Collapsed(), x, y, x) == 0.0


def test_the_estimator_itself_stays_as_it_is() -> None:
    x, y = line()
    estimator = Plain()
    reverse_accuracy(estimator, x, y, x)
    assert not hasattr(estimator, "svm_")


def test_what_a_subclass_must_say() -> None:
    with pytest.raises(TypeError, match="AlignedSVM must define `_maps`"):
        AlignedSVM().fit(*line())
    with pytest.raises(TypeError, match="EstimatorMethod must define `estimator`"):
        EstimatorMethod.estimator(object.__new__(EstimatorMethod))


@pytest.mark.parametrize("name", ["source-only", "svm"])
def test_features_that_are_given_need_no_backbone_to_train(name: str, toy_source: Domain, toy_target: Domain) -> None:
    bench = Bench(toy_source, toy_target, backbone="identity?inputs=2")
    method = bench.train(name, METHODS.resolve(name), steps=1)
    assert evaluate(method.model(), toy_target.unlabelled("test")).examples == 300
