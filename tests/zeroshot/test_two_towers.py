import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.two_towers import TwoTowers
from zeroshot.world import World, world

ARGUMENTS = {"rate": 0.01, "batch": 32, "hidden": 64, "width": 16}


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def distance(fitted: TwoTowers, small: World) -> float:
    """What the bare objective says of the seen classes."""
    x, y, _ = small.training()
    return float(((fitted.embed(x) - fitted.embed_classes()[y]) ** 2).sum(1).mean())


def spread(points: np.ndarray) -> float:
    """How far points are from their mean, in the mean."""
    return float(np.linalg.norm(points - points.mean(0), axis=1).mean())


def accuracy(fitted: TwoTowers, small: World) -> float:
    return float((fitted.predict(small.x[~small.seen], small.unseen) == small.y[~small.seen]).mean())


def test_the_bare_objective_collapses_and_guards_prevent_it(small: World) -> None:
    fitted = {
        guard: TwoTowers(guard, epochs=60, **ARGUMENTS).fit(*small.training())
        for guard in ("none", "negatives", "fixed")
    }
    # As near to each other as can be, and worth nothing: every image and every class stands on one point.
    assert distance(fitted["none"], small) < 0.02
    assert spread(fitted["none"].embed_classes()) < 0.15
    assert spread(fitted["none"].embed(small.x)) < 0.15
    for guard in ("negatives", "fixed"):
        assert distance(fitted[guard], small) > distance(fitted["none"], small)
        assert spread(fitted[guard].embed_classes()) > 2 * spread(fitted["none"].embed_classes())
        assert accuracy(fitted[guard], small) > 0.6
    assert accuracy(fitted["negatives"], small) > accuracy(fitted["none"], small)


def test_the_fixed_side_stays(small: World) -> None:
    once, longer = (TwoTowers("fixed", epochs=epochs, **ARGUMENTS).fit(*small.training()) for epochs in (1, 5))
    np.testing.assert_array_equal(once.embed_classes(), longer.embed_classes())
    assert not np.allclose(once.embed(small.x), longer.embed(small.x))


def test_scores_are_cosines_of_what_the_towers_say(small: World) -> None:
    fitted = TwoTowers(epochs=2, **ARGUMENTS).fit(*small.training())
    images, classes = fitted.embed(small.x), fitted.embed_classes([12, 3])
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1)
    assert classes.shape == (2, 16)
    np.testing.assert_allclose(fitted.decision_function(small.x, [12, 3]), images @ classes.T)


def test_the_contrast_by_loops(small: World) -> None:
    method = TwoTowers(temperature=0.2, **ARGUMENTS)
    network = method._fresh(24, 6).double().requires_grad_(False)
    x, y, table = small.training()
    x, rows = torch.from_numpy(x[::40]).double(), torch.from_numpy(table[:11])
    labels = torch.from_numpy(y[::40])
    images, classes = network["image"](x), network["description"](rows)
    expected = 0.0
    for image, label in zip(images, labels):
        like = [float(image @ one / image.norm() / one.norm()) / 0.2 for one in classes]
        expected += (np.log(np.sum(np.exp(like))) - like[label]) / len(labels)
    assert float(method._loss(network, x, labels, rows)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"guard": "luck"}, "guard is one of negatives, fixed, none, not 'luck'"),
        ({"temperature": 0}, "temperature must be above 0, not 0"),
        ({"width": 0}, "width must be above 0, not 0"),
    ],
)
def test_arguments(small: World, wrong: dict, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        TwoTowers(**wrong).fit(*small.training())
