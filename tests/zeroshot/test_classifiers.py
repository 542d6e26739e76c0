"""What holds for every method of the registry."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.base import ZeroShotClassifier
from zeroshot.world import World, world

MAKERS = {name: METHODS.resolve(name) for name in METHODS}
FEWER_STEPS = {
    "two-towers": {"rate": 0.01, "batch": 32},
    "devise": {"rate": 0.01, "batch": 32},
    "ale": {"rate": 0.01, "batch": 32},
    "sje": {"rate": 0.01, "batch": 32},
    "dem": {"hidden": 64, "rate": 0.01, "batch": 32},
    "cvae": {"hidden": 64, "latent": 8, "rate": 0.003, "batch": 32, "each": 50},
}
"""What makes the methods that take steps quick on a few hundred examples."""


def make(name: str, **arguments: object) -> ZeroShotClassifier:
    return MAKERS[name](**FEWER_STEPS.get(name, {}) | arguments)


@pytest.fixture(scope="module")
def small() -> World:
    return world(noise=0.2)


@pytest.fixture(scope="module")
def fitted(small: World) -> dict[str, ZeroShotClassifier]:
    return {name: make(name).fit(*small.training()) for name in MAKERS}


@pytest.mark.parametrize("name", MAKERS)
def test_it_learns_classes_of_which_it_saw_nothing(name: str, small: World, fitted: dict) -> None:
    asked = small.x[~small.seen]
    found = fitted[name].predict(asked, small.unseen)
    assert set(found) <= set(small.unseen)
    accuracy = (found == small.y[~small.seen]).mean()
    assert accuracy > 0.6, "chance is 0.25"
    every = (fitted[name].predict(small.x[small.seen]) == small.y[small.seen]).mean()
    assert every > 0.4, "chance is 1 in 15"


@pytest.mark.parametrize("name", MAKERS)
def test_the_contract(name: str, small: World) -> None:
    method = make(name)
    with pytest.raises(NotFittedError):
        method.predict(small.x)
    given = [array.copy() for array in small.training()]
    assert method.fit(*given) is method
    for before, after in zip(small.training(), given):
        np.testing.assert_array_equal(before, after)
    assert method.n_features_in_ == 24
    assert method.classes_.tolist() == list(range(15))
    assert method.seen_.tolist() == list(range(11))
    scores = method.decision_function(small.x)
    assert scores.shape == (len(small.x), 15)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(method.predict(small.x), scores.argmax(1))
    again = clone(method)
    assert again.get_params() == method.get_params()
    np.testing.assert_array_equal(again.fit(*given).decision_function(small.x), scores)


@pytest.mark.parametrize("name", MAKERS)
def test_scores_of_some_classes_are_columns_of_all(name: str, small: World, fitted: dict) -> None:
    some = [13, 2, 7]
    np.testing.assert_allclose(
        fitted[name].decision_function(small.x, some), fitted[name].decision_function(small.x)[:, some], atol=1e-9
    )
    assert set(fitted[name].predict(small.x, some)) <= set(some)


@pytest.mark.parametrize("name", MAKERS)
def test_an_examples_scores_do_not_depend_on_its_neighbours(name: str, small: World, fitted: dict) -> None:
    alone = np.vstack([fitted[name].decision_function(row[None]) for row in small.x[:5]])
    np.testing.assert_allclose(alone, fitted[name].decision_function(small.x)[:5], atol=1e-9)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "cvae"])
def test_numbering_the_classes_otherwise_only_permutes_the_scores(name: str, small: World, fitted: dict) -> None:
    """Unseen classes change places; the order of the seen ones decides in which order sums run and batches fall."""
    order = np.concatenate([np.arange(11), [14, 11, 13, 12]])
    x, y, table = small.training()
    permuted = make(name).fit(x, y, table[order]).decision_function(small.x)
    np.testing.assert_allclose(permuted, fitted[name].decision_function(small.x)[:, order], atol=1e-8)


@pytest.mark.parametrize("name", MAKERS)
def test_lengths_of_features_do_not_count_where_they_are_scaled_away(name: str, small: World, fitted: dict) -> None:
    scores = fitted[name].decision_function(small.x)
    louder = small.x * np.linspace(1, 9, len(small.x), dtype=np.float32)[:, None]
    np.testing.assert_allclose(fitted[name].decision_function(louder), scores, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_other_scalings_work(name: str, scaling: str, small: World) -> None:
    x, y, table = small.training()
    shorter = x.astype(np.float64) / np.sqrt(24)
    given = shorter.copy()
    method = make(name, scaling=scaling).fit(given, y, table)
    np.testing.assert_array_equal(given, shorter)
    assert (method.predict(shorter) == y).mean() > 0.3, "chance is 1 in 15"


@pytest.mark.parametrize("name", [name for name in MAKERS if "random_state" in MAKERS[name]().get_params()])
def test_the_seed_decides(name: str, small: World, fitted: dict) -> None:
    other = make(name, random_state=1).fit(*small.training()).decision_function(small.x)
    assert not np.allclose(other, fitted[name].decision_function(small.x))


@pytest.mark.parametrize("name", MAKERS)
def test_the_grid_gives_what_single_fits_give(name: str, small: World) -> None:
    method = make(name)
    assert set(method.GRID) <= set(method.get_params())
    grid = {argument: values[:2] for argument, values in method.GRID.items()}
    points = list(method.grid(*small.training(), small.x[:40], small.unseen, grid))
    assert len(points) == np.prod([len(values) for values in grid.values()])
    assert len({tuple(sorted(point.items())) for point, _ in points}) == len(points)
    for point, scores in points:
        single = clone(method).set_params(**point).fit(*small.training())
        np.testing.assert_allclose(scores, single.decision_function(small.x[:40], small.unseen), atol=1e-7)
    with pytest.raises(NotFittedError):
        method.predict(small.x)


@pytest.mark.parametrize("name", MAKERS)
def test_two_seen_classes_are_enough(name: str, small: World) -> None:
    two = small.y < 2
    method = make(name).fit(small.x[two], small.y[two], small.table)
    assert (method.predict(small.x[two], [0, 1]) == small.y[two]).mean() > 0.9


@pytest.mark.parametrize("name", MAKERS)
def test_it_says_where_it_comes_from(name: str) -> None:
    assert MAKERS[name].paper
    assert MAKERS[name].__doc__


@pytest.mark.parametrize("name", MAKERS)
def test_bad_features_are_refused(name: str, fitted: dict) -> None:
    with pytest.raises(BadDataError, match="features of width 5, where 24 were learned from"):
        fitted[name].predict(np.zeros((2, 5)))
    with pytest.raises(BadDataError, match=r"features must be finite; 1 are not, the first in row 1, column 3"):
        fitted[name].predict(np.where(np.arange(48).reshape(2, 24) == 27, np.nan, 1.0))


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'esszl'; did you mean 'eszsl'"):
        METHODS.resolve("esszl")
