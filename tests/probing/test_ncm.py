import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from landbridge.probing.ncm import ShrunkenClassMean
from landbridge.probing.prototype import NearestClassMean


def on_unit_sphere(x: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return (x - centre) / np.linalg.norm(x - centre, axis=1, keepdims=True)


@pytest.mark.parametrize("shrinkage", [0.3, 1.0, None])
def test_scores_are_mahalanobis_distances_up_to_what_classes_share(shrinkage: float | None) -> None:
    rng = np.random.default_rng(0)
    y = np.array([0] * 4 + [1] * 9 + [2] * 5)
    x, unseen = rng.normal(size=(18, 6)) + y[:, None], rng.normal(size=(7, 6))
    unit, others = on_unit_sphere(x, x.mean(0)), on_unit_sphere(unseen, x.mean(0))
    means = np.array([unit[y == c].mean(0) for c in range(3)])
    deviations = unit - means[y]
    if shrinkage is None:
        covariance = LedoitWolf(assume_centered=True).fit(deviations).covariance_
    else:
        within = sum(np.outer(row, row) for row in deviations) / len(deviations)
        covariance = (1 - shrinkage) * within + shrinkage * np.trace(within) / 6 * np.eye(6)
    inverse = np.linalg.inv(covariance)
    distances = np.array([[(row - m) @ inverse @ (row - m) for m in means] for row in others])
    fitted = ShrunkenClassMean(shrinkage).fit(x, y)
    shared = np.array([row @ inverse @ row for row in others])[:, None]
    np.testing.assert_allclose(fitted.scores(unseen), shared - distances, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(fitted.predict(unseen), distances.argmin(1))


def test_with_one_example_a_class_it_is_the_prototype() -> None:
    rng = np.random.default_rng(1)
    x, y, unseen = rng.normal(size=(5, 8)), np.arange(5), rng.normal(size=(50, 8))
    fitted = ShrunkenClassMean().fit(x, y)
    assert fitted.settings_ == {"shrinkage": 1.0}
    np.testing.assert_array_equal(fitted.predict(unseen), NearestClassMean().fit(x, y).predict(unseen))


def test_directions_that_vary_within_classes_count_less() -> None:
    rng = np.random.default_rng(2)
    spread = np.array([4.0, 4.0, 0.3, 0.3, 0.3, 0.3])

    def examples(each: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(3 * each) % 3
        return spread * rng.normal(size=(3 * each, 6)) + np.eye(3, 6, k=2)[y], y

    (x, y), (other, truth) = examples(20), examples(200)
    accuracy = {maker: maker().fit(x, y).score(other, truth) for maker in (ShrunkenClassMean, NearestClassMean)}
    assert accuracy[ShrunkenClassMean] > accuracy[NearestClassMean] + 0.1


@pytest.mark.parametrize("shrinkage", [0.0, 1.5])
def test_shrinkage_out_of_range(shrinkage: float) -> None:
    with pytest.raises(ValueError, match=r"the shrinkage of the covariance is in \(0, 1\], not"):
        ShrunkenClassMean(shrinkage).fit(np.eye(4), [0, 0, 1, 1])
