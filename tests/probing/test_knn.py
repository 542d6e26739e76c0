import numpy as np
import pytest

from landbridge.probing.base import on_sphere
from landbridge.probing.knn import NearestNeighbours


@pytest.mark.parametrize("k", [1, 3, 50])
def test_equals_the_vote_written_out(k: int) -> None:
    rng = np.random.default_rng(0)
    x, y, unseen = rng.normal(size=(30, 5)) + 4, np.arange(30) % 3, rng.normal(size=(8, 5)) + 4
    centre = x.mean(0)
    sphere = [(row - centre) / np.linalg.norm(row - centre) for row in x]
    expected = np.zeros((8, 3))
    for i, row in enumerate(unseen):
        unit = (row - centre) / np.linalg.norm(row - centre)
        distance = np.array([np.linalg.norm(unit - other) for other in sphere])
        for j in distance.argsort()[:k]:
            expected[i, y[j]] += 1 / distance[j]
    found = NearestNeighbours(k=k).fit(x, y).scores(unseen)
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), rtol=1e-8)


def test_lengths_do_not_count() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    np.testing.assert_allclose(on_sphere(x * 7 + 2, np.full(3, 2.0)), on_sphere(x, np.zeros(3)))
    assert np.isfinite(on_sphere(np.zeros((2, 3), np.float32), np.zeros(3))).all()
