import sys

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.adaptation import METHODS
from landbridge.adaptation.ot import OptimalTransport, gaussian_map
from landbridge.core.errors import LandbridgeError
from landbridge.data.domain import Domain
from landbridge.training.estimators import reverse_accuracy
from methods_suite import Bench

KINDS = ("sinkhorn-lpl1", "sinkhorn", "emd", "linear")


@parametrize_with_checks([OptimalTransport()])
def test_it_is_an_estimator_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clouds(seed: int = 0, turn: float = 0.6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three classes around a circle, and the same turned, stretched and moved."""
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    x = rng.normal(size=(60, 2)) * 0.5 + 3 * np.stack([np.cos(2.1 * y), np.sin(2.1 * y)], 1)
    other = rng.normal(size=(60, 2)) * 0.5 + 3 * np.stack([np.cos(2.1 * y + turn), np.sin(2.1 * y + turn)], 1)
    return x, y, other * 3 + 7


def standardised(x: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (x - x.mean(0)) / x.std(0)
    return scaled


def costs(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    here, there = standardised(x), standardised(target)
    squared = ((here[:, None] - there[None]) ** 2).sum(-1)
    scaled: np.ndarray = squared / np.median(squared)
    return scaled


@pytest.mark.parametrize("kind", KINDS)
def test_it_helps_where_the_target_is_turned(kind: str) -> None:
    x, y, target = clouds()
    plain, carried = OptimalTransport(kind).fit(x, y), OptimalTransport(kind).fit(x, y, target=target)
    assert carried.score(target, y) > plain.score(target, y) + 0.05
    assert carried.score(target, y) > 0.95


def test_the_exact_plan_pairs_examples_at_the_least_cost() -> None:
    x, y, target = clouds()
    fitted = OptimalTransport("emd").fit(x, y, target=target)
    rows, columns = linear_sum_assignment(costs(x, target))
    np.testing.assert_allclose(fitted.transform(x)[rows], standardised(target)[columns], atol=1e-9)


@pytest.mark.parametrize("regularisation", [0.05, 0.3, 5.0])
def test_the_entropic_plan_is_the_fixed_point_of_scaling(regularisation: float) -> None:
    x, y, target = clouds()
    fitted = OptimalTransport("sinkhorn", regularisation).fit(x, y, target=target)
    kernel, v = np.exp(-costs(x, target) / regularisation), np.ones(60)
    for _ in range(5000):
        u = 1 / (kernel @ v)
        v = 1 / (kernel.T @ u)
    plan = u[:, None] * kernel * v
    expected = plan @ standardised(target) / plan.sum(1, keepdims=True)
    np.testing.assert_allclose(fitted.transform(x), expected, atol=1e-4)


def test_classes_keep_apart_what_entropy_alone_mixes() -> None:
    """With weight on the classes, the examples of a class land closer together than those of others."""

    def mixing(weight: float) -> float:
        x, y, target = clouds()
        carried = OptimalTransport(regularisation=0.5, class_regularisation=weight).fit(x, y, target=target)
        places = carried.transform(x)
        centres = np.stack([places[y == c].mean(0) for c in range(3)])
        return float(((places - centres[y]) ** 2).sum() / ((centres - centres.mean(0)) ** 2).sum())

    x, y, target = clouds()
    none = OptimalTransport(regularisation=0.5, class_regularisation=0.0).fit(x, y, target=target)
    plain = OptimalTransport("sinkhorn", 0.5).fit(x, y, target=target)
    np.testing.assert_allclose(none.transform(x), plain.transform(x), atol=1e-6)
    assert mixing(1.0) < 0.8 * mixing(0.0)


def test_the_linear_map_is_the_one_between_normal_distributions() -> None:
    x, y, target = clouds()
    fitted = OptimalTransport("linear", 0.5).fit(x, y, target=target)
    here, there = (np.cov(standardised(z).T, bias=True) + 0.5 * np.eye(2) for z in (x, target))
    root = np.real(sqrtm(here))
    inverse = np.linalg.inv(root)
    expected = inverse @ np.real(sqrtm(root @ there @ root)) @ inverse
    np.testing.assert_allclose(gaussian_map(standardised(x), standardised(target), 0.5), expected, atol=1e-9)
    np.testing.assert_allclose(fitted.transform(x), standardised(x) @ expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_linear_head_is_the_whole_rule_and_the_target_stays(kind: str) -> None:
    x, y, target = clouds()
    fitted = OptimalTransport(kind, 0.1).fit(x, y, target=target)
    weight, bias = fitted.linear_head()
    np.testing.assert_array_equal((target @ weight.T + bias).argmax(1), fitted.predict(target))
    np.testing.assert_allclose(fitted.transform(target, "target"), standardised(target), atol=1e-9)


def test_without_a_target_nothing_is_carried() -> None:
    x, y, _ = clouds()
    np.testing.assert_allclose(OptimalTransport().fit(x, y).transform(x), standardised(x), atol=1e-12)


def test_a_plan_of_some_examples_moves_the_others_like_their_neighbours() -> None:
    x, y, target = clouds()
    fitted = OptimalTransport("emd", most=20).fit(x, y, target=target)
    assert fitted.landmarks_.shape == (20, 2)
    here, carried = standardised(x), fitted.transform(x)
    nearest = ((here[:, None] - fitted.landmarks_[None]) ** 2).sum(-1).argmin(1)
    np.testing.assert_allclose(carried - here, fitted.moves_[nearest], atol=1e-12)
    assert fitted.score(target, y) > 0.9


def test_no_row_of_a_plan_vanishes_far_from_the_target() -> None:
    """Where exp(-cost / regularisation) is zero in floating point, examples still go somewhere in the target."""
    x, y, target = clouds()
    x[0] = [80.0, 80.0]
    fitted = OptimalTransport("sinkhorn", 0.001).fit(x, y, target=target)
    assert np.abs(fitted.transform(x)).max() <= np.abs(standardised(target)).max() + 1e-6


def test_reverse_validation_chooses_the_regularisation() -> None:
    x, y, target = clouds(turn=0.9)
    chosen = OptimalTransport("sinkhorn").fit(x, y, target=target).regularisation_
    here, there = standardised(x), standardised(target)
    tried = {r: reverse_accuracy(OptimalTransport("sinkhorn", r), here, y, there) for r in (0.03, 0.1, 0.3, 1.0)}
    assert tried[chosen] == max(tried.values())


def test_a_kind_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="the kind of transport is one of sinkhorn-lpl1, sinkhorn, emd, linear, not"):
        OptimalTransport("exact").fit(*clouds()[:2], target=clouds()[2])  # type: ignore[arg-type]


def test_examples_that_are_all_the_same() -> None:
    x, y = np.zeros((6, 2)), np.arange(6) % 2
    assert np.isfinite(OptimalTransport(regularisation=0.1).fit(x, y, target=x[:4]).transform(x)).all()


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch, toy_source: Domain, toy_target: Domain) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    wanted = r"optimal transport needs POT: pip install 'landbridge\[transport\]'"
    with pytest.raises(LandbridgeError, match=wanted):
        OptimalTransport().fit(*clouds()[:2], target=clouds()[2])
    with pytest.raises(LandbridgeError, match=wanted):  # before the source is trained on
        Bench(toy_source, toy_target).method("ot", METHODS.resolve("ot"))
