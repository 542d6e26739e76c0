import numpy as np
import pytest

from landbridge.probing.prototype import NearestClassMean


@pytest.mark.parametrize("shrinkage", [0.0, 0.5])
def test_scores_are_squared_distances_to_the_prototypes(shrinkage: float) -> None:
    rng = np.random.default_rng(0)
    y = np.array([0] * 4 + [1] * 9 + [2] * 5)
    x, unseen = rng.normal(size=(18, 6)) + y[:, None], rng.normal(size=(7, 6))
    centre = x.mean(0)
    unit, others = ((z - centre) / np.linalg.norm(z - centre, axis=1, keepdims=True) for z in (x, unseen))
    means = np.array([unit[y == c].mean(0) for c in range(3)])
    prototypes = (1 - shrinkage) * means + shrinkage * means.mean(0)
    expected = [[-np.sum((row - p) ** 2) for p in prototypes] for row in others]
    found = NearestClassMean(shrinkage).fit(x, y).scores(unseen)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("shrinkage", [-0.1, 1.0])
def test_shrinkage_out_of_range(shrinkage: float) -> None:
    with pytest.raises(ValueError, match=r"the shrinkage of prototypes is in \[0, 1\), not"):
        NearestClassMean(shrinkage).fit(np.eye(4), [0, 0, 1, 1])
