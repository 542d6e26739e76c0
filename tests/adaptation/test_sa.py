import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.adaptation.sa import SubspaceAlignment, consistent_dimension


@parametrize_with_checks([SubspaceAlignment()])
def test_it_is_an_estimator_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clouds(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(60 * classes) % classes
    x = rng.normal(size=(len(y), 6)) * [1, 1, 1, 0.5, 0.5, 0.5]
    x[:, :2] += 4 * np.stack([np.cos(2 * np.pi * y / classes), np.sin(2 * np.pi * y / classes)], 1)
    return x, y, (x + rng.normal(size=x.shape) * 0.1) * 3 + 6


def naive(x: np.ndarray, target: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Algorithm 1 of the paper, written out with a singular value decomposition."""
    source, target = ((z - z.mean(0)) / z.std(0) for z in (x, target))
    bases = [np.linalg.svd(z, full_matrices=False)[2][:d].T for z in (source, target)]
    return source @ bases[0] @ bases[0].T @ bases[1], target @ bases[1]


@pytest.mark.parametrize("d", [1, 2, 4, 6])
def test_equals_the_algorithm_of_the_paper(d: int) -> None:
    x, y, target = clouds(3)
    fitted = SubspaceAlignment(dimension=d).fit(x, y, target=target)
    expected = naive(x, target, d)
    for ours, theirs in zip((fitted.transform(x), fitted.transform(target, "target")), expected):
        signs = np.sign((ours * theirs).sum(0))
        np.testing.assert_allclose(ours, theirs * signs, atol=1e-8)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_linear_head_is_the_whole_rule(classes: int) -> None:
    x, y, target = clouds(classes)
    fitted = SubspaceAlignment(dimension=3).fit(x, y, target=target)
    weight, bias = fitted.linear_head()
    assert weight.shape == (classes, 6)
    np.testing.assert_array_equal((target @ weight.T + bias).argmax(1), fitted.predict(target))


def test_it_helps_where_the_target_is_scaled_and_moved() -> None:
    x, y, target = clouds(4)
    plain = SubspaceAlignment(dimension=4).fit(x, y)
    aligned = SubspaceAlignment(dimension=4).fit(x, y, target=target)
    assert aligned.score(target, y) > plain.score(target, y) + 0.1


@given(st.integers(2, 8), st.integers(12, 60), st.integers(0, 5))
def test_the_bound_stays_within_the_features(width: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(count, width)), rng.normal(size=(count + 3, width))
    d = consistent_dimension(x, z)
    assert 1 <= d <= width
    assert consistent_dimension(x, z, gamma=1e-3) <= d


def test_widths_that_differ() -> None:
    with pytest.raises(ValueError, match="the source has 6 features, the target 5"):
        SubspaceAlignment().fit(*clouds(2)[:2], target=np.zeros((9, 5)))
