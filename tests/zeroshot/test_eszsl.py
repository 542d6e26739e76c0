import numpy as np
import pytest
from scipy.optimize import minimize

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.eszsl import ESZSL
from zeroshot.world import World, world


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def by_the_letter(small: World, alpha: float, gamma: float) -> np.ndarray:
    """V as the paper writes it: examples in columns, Y of 1 and -1, two inverses."""
    x = small.x[small.seen].astype(np.float64)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).T
    s = small.table[:11].T
    y = np.where(small.y[small.seen][:, None] == np.arange(11), 1.0, -1.0)
    left = np.linalg.inv(x @ x.T + alpha * np.eye(len(x)))
    return left @ x @ y @ s.T @ np.linalg.inv(s @ s.T + gamma * np.eye(len(s)))


@pytest.mark.parametrize(("alpha", "gamma"), [(1.0, 0.1), (1e-3, 1e-3), (100.0, 10.0)])
def test_it_is_the_closed_form_of_the_paper(small: World, alpha: float, gamma: float) -> None:
    fitted = ESZSL(alpha, gamma).fit(*small.training())
    np.testing.assert_allclose(fitted.weights_, by_the_letter(small, alpha, gamma), rtol=1e-6, atol=1e-9)


def test_the_whole_grid_is_that_of_separate_solves(small: World) -> None:
    points = list(ESZSL().grid(*small.training(), small.x, [3, 14]))
    assert len(points) == 49
    unit = small.x / np.linalg.norm(small.x.astype(np.float64), axis=1, keepdims=True)
    for point, scores in points:
        expected = unit @ by_the_letter(small, **point) @ small.table[[3, 14]].T
        np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-8)


def test_the_closed_form_minimises_what_it_says() -> None:
    rng = np.random.default_rng(0)
    x, y, table, alpha, gamma = rng.normal(size=(12, 3)), np.arange(12) % 3, rng.normal(size=(4, 2)), 0.5, 0.2
    targets = np.where(y[:, None] == np.arange(3), 1.0, -1.0)

    def objective(flat: np.ndarray) -> float:
        v = flat.reshape(3, 2)
        misfit = ((x @ v @ table[:3].T - targets) ** 2).sum()
        return float(
            misfit
            + alpha * ((v @ table[:3].T) ** 2).sum()
            + gamma * ((x @ v) ** 2).sum()
            + alpha * gamma * (v**2).sum()
        )

    best = minimize(objective, np.zeros(6), tol=1e-12)
    fitted = ESZSL(alpha, gamma, scaling="none").fit(x, y, table)
    np.testing.assert_allclose(fitted.weights_.ravel(), best.x, atol=1e-4)


def test_a_grid_over_other_arguments_too(small: World) -> None:
    grid = {"alpha": (1.0, 2.0), "gamma": (0.1,), "scaling": ("length", "none")}
    points = list(ESZSL().grid(*small.training(), small.x[:5], grid=grid))
    assert [(point["scaling"], point["alpha"]) for point, _ in points] == [
        ("length", 1.0), ("length", 2.0), ("none", 1.0), ("none", 2.0),
    ]  # fmt: skip
    for point, scores in points:
        expected = ESZSL(**point).fit(*small.training()).decision_function(small.x[:5])
        np.testing.assert_allclose(scores, expected, rtol=1e-7, atol=1e-9)


def test_larger_penalties_give_smaller_scores(small: World) -> None:
    sizes = {
        (point["alpha"], point["gamma"]): np.abs(scores).max()
        for point, scores in ESZSL().grid(*small.training(), small.x)
    }
    assert sizes[1000.0, 1000.0] < sizes[1.0, 1.0] < sizes[0.001, 0.001]


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"gamma": -1.0}])
def test_penalties_are_above_zero(small: World, wrong: dict) -> None:
    (name,) = wrong
    with pytest.raises(BadDataError, match=f"{name} must be above 0, not {wrong[name]:g}"):
        ESZSL(**wrong).fit(*small.training())
    with pytest.raises(BadDataError, match=f"{name} must be above 0, not {wrong[name]:g}"):
        next(ESZSL().grid(*small.training(), small.x, grid={name: tuple(wrong.values())}))
