import numpy as np
import pytest
from scipy.linalg import solve_sylvester

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.sae import SAE
from zeroshot.world import World, world


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def by_scipy(small: World, weight: float) -> np.ndarray:
    x = small.x[small.seen].astype(np.float64)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).T
    s = small.table[small.y[small.seen]].T
    return solve_sylvester(s @ s.T, weight * x @ x.T, (1 + weight) * s @ x.T)


@pytest.mark.parametrize("weight", [1e-3, 1.0, 500.0])
def test_it_solves_the_sylvester_equation(small: World, weight: float) -> None:
    fitted = SAE(weight).fit(*small.training())
    np.testing.assert_allclose(fitted.weights_, by_scipy(small, weight), rtol=1e-7, atol=1e-9)


def test_all_weights_from_one_decomposition(small: World) -> None:
    points = list(SAE().grid(*small.training(), small.x))
    assert len(points) == 20
    unit = small.x / np.linalg.norm(small.x.astype(np.float64), axis=1, keepdims=True)
    for point, scores in points:
        w = by_scipy(small, point["weight"])
        if point["direction"] == "to-signatures":
            a, b = unit @ w.T, small.table
        else:
            a, b = unit, small.table @ w
        lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        np.testing.assert_allclose(scores, a @ b.T / lengths, atol=1e-7)


def test_the_solution_has_no_gradient_left() -> None:
    rng = np.random.default_rng(0)
    x, y, table, weight = rng.normal(size=(12, 3)), np.arange(12) % 3, rng.normal(size=(4, 2)), 0.7
    s = table[y]

    def objective(w: np.ndarray) -> float:
        return float(((x - s @ w) ** 2).sum() + weight * ((x @ w.T - s) ** 2).sum())

    w, step = SAE(weight, scaling="none").fit(x, y, table).weights_, 1e-5
    for move in np.eye(w.size).reshape(-1, *w.shape) * step:
        assert abs(objective(w + move) - objective(w - move)) / (2 * step) < 1e-5


def test_features_and_signatures_that_depend_on_each_other_do_no_harm() -> None:
    """Both matrices are singular: fewer examples than features, fewer seen classes than attributes."""
    small = world(each=1)
    wider = np.hstack([small.table, small.table[:, :3] * 2])
    x, s = small.x[:5].astype(np.float64), wider[:5]
    for weight in (1e-5, 1.0, 1e4):
        w = SAE(weight, scaling="none").fit(x, small.y[:5], wider).weights_
        assert np.abs(w).max() < 100
        np.testing.assert_allclose(s.T @ s @ w + weight * w @ x.T @ x, (1 + weight) * s.T @ x, atol=1e-7 * (1 + weight))


def test_arguments() -> None:
    small = world(each=2)
    with pytest.raises(BadDataError, match="weight must be above 0, not 0"):
        SAE(0.0).fit(*small.training())
    with pytest.raises(BadDataError, match="direction is one of to-signatures, to-features, not 'both'"):
        SAE(direction="both").fit(*small.training()).predict(small.x)
