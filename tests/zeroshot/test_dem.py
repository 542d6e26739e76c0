import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from landbridge.zeroshot.dem import DEM
from zeroshot.world import World, world


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def test_the_loss_by_loops(small: World) -> None:
    method = DEM(hidden=8, weight=0.3)
    method.rectified_ = True
    network = method._fresh(24, 6).double()
    x, y, table = small.training()
    expected = 0.3 * sum(float((layer.weight.detach() ** 2).sum()) for layer in (network[0], network[2]))
    for image, label in zip(x[::40], y[::40]):
        hidden = torch.relu(network[0](torch.from_numpy(table[label])))
        made = torch.relu(network[2](hidden)).detach().numpy()
        expected += float(((image - made) ** 2).sum()) / len(x[::40])
    told = method._loss(
        network, torch.from_numpy(x[::40]).double(), torch.from_numpy(y[::40]), torch.from_numpy(table[:11])
    )
    assert float(told) == pytest.approx(expected, rel=1e-6)


def test_scores_are_distances_to_what_the_class_should_look_like(small: World) -> None:
    fitted = DEM(hidden=16, epochs=3).fit(*small.training())
    made = fitted.network_(torch.from_numpy(small.table)).detach().numpy()
    unit = small.x / np.linalg.norm(small.x.astype(np.float64), axis=1, keepdims=True)
    expected = [[-np.linalg.norm(image - one) for one in made] for image in unit]
    np.testing.assert_allclose(fitted.decision_function(small.x), expected, atol=1e-7)


def test_a_linear_one_ends_at_the_regression_of_features_on_signatures(small: World) -> None:
    x, y, table = small.training()
    fitted = DEM(hidden=0, weight=0.0, rate=0.01, epochs=1500, batch=len(x)).fit(x, y, table)
    unit = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    exact = LinearRegression().fit(table[y], unit)
    made = fitted.network_(torch.from_numpy(table)).detach().numpy()
    np.testing.assert_allclose(made, exact.predict(table), atol=0.02)


def test_the_outer_rectifier_is_there_only_where_features_are_not_below_zero(small: World) -> None:
    x, y, table = small.training()
    assert not DEM(hidden=8, epochs=1).fit(x, y, table).rectified_
    positive = DEM(hidden=8, epochs=1).fit(np.abs(x), y, table)
    assert positive.rectified_
    assert float(positive.network_(torch.from_numpy(table)).min()) >= 0
