import numpy as np
import pytest
from scipy.linalg import eig
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.adaptation.tca import TransferComponents


@parametrize_with_checks([TransferComponents(), TransferComponents("rbf", scale="together")])
def test_it_is_an_estimator_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clouds(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three classes along the first two features; the target moved along the third and stretched."""
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    x = rng.normal(size=(60, 5))
    x[:, :2] += 4 * np.stack([np.cos(2.1 * y), np.sin(2.1 * y)], 1)
    return x, y, (x[:45] + rng.normal(size=(45, 5)) * 0.3) * [1, 1.2, 1, 1, 1] + [0, 0, 4, 0, 0]


def naive(kernel: np.ndarray, sources: int, mu: float, d: int) -> np.ndarray:
    """The new features as the paper writes them: K W, W the leading eigenvectors of (K L K + mu I)^-1 K H K."""
    n = len(kernel)
    e = np.where(np.arange(n) < sources, 1 / sources, -1 / (n - sources))
    centre = np.eye(n) - 1 / n
    values, vectors = eig(np.linalg.solve(kernel @ np.outer(e, e) @ kernel + mu * np.eye(n), kernel @ centre @ kernel))
    new = kernel @ vectors[:, np.argsort(-values.real)[:d]].real
    return (new - new.mean(0)) / new.std(0)


def same_up_to_signs(ours: np.ndarray, theirs: np.ndarray) -> None:
    centred = ours - ours.mean(0)
    np.testing.assert_allclose(centred * np.sign((centred * theirs).sum(0)), theirs, atol=1e-6)


@pytest.mark.parametrize("scale", ["apart", "together"])
@pytest.mark.parametrize("mu", [0.1, 1.0, 100.0])
def test_linear_components_equal_those_of_the_paper(scale: str, mu: float) -> None:
    x, y, target = clouds()
    fitted = TransferComponents(dimension=3, mu=mu, scale=scale).fit(x, y, target=target)
    both = np.concatenate([fitted.source_scaler_.transform(x), fitted.target_scaler_.transform(target)])
    ours = np.concatenate([fitted.transform(x), fitted.transform(target, "target")])
    same_up_to_signs(ours, naive(both @ both.T, len(x), mu, 3))


@pytest.mark.parametrize("mu", [0.1, 1.0])
def test_rbf_components_equal_those_of_the_paper(mu: float) -> None:
    x, y, target = clouds()
    fitted = TransferComponents("rbf", dimension=3, mu=mu).fit(x, y, target=target)
    both = np.concatenate([fitted.source_scaler_.transform(x), fitted.target_scaler_.transform(target)])
    squared = euclidean_distances(both, squared=True)
    kernel = np.exp(-squared / np.median(squared[np.triu_indices(len(both), 1)]))
    ours = np.concatenate([fitted.transform(x), fitted.transform(target, "target")])
    same_up_to_signs(ours, naive(kernel, len(x), mu, 3))


def test_the_components_have_unit_variance_and_the_first_ones_the_same_mean() -> None:
    x, y, target = clouds()
    fitted = TransferComponents(dimension=4, scale="together").fit(x, y, target=target)
    here, there = fitted.transform(x), fitted.transform(target, "target")
    np.testing.assert_allclose(np.cov(np.concatenate([here, there]).T, bias=True), np.eye(4), atol=1e-9)
    assert np.abs(here.mean(0) - there.mean(0)).max() < 0.02
    scaled = (fitted.source_scaler_.transform(z).mean(0) for z in (x, target))
    assert abs(np.subtract(*scaled)[2]) > 1, "the features themselves differ"


def test_features_that_repeat_each_other_are_one_direction() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    twice = np.concatenate([x, x], 1)
    assert TransferComponents(dimension=4).fit(twice, np.arange(30) % 2).transform(twice).shape == (30, 2)


def test_the_linear_head_is_the_whole_rule() -> None:
    x, y, target = clouds()
    fitted = TransferComponents().fit(x, y, target=target)
    weight, bias = fitted.linear_head()
    np.testing.assert_array_equal((target @ weight.T + bias).argmax(1), fitted.predict(target))
    assert 1 <= fitted.dimension_ <= 5


def test_an_rbf_kernel_compares_with_some_of_many() -> None:
    x, y, target = clouds()
    fitted = TransferComponents("rbf", most=20).fit(x, y, target=target)
    assert fitted.landmarks_.shape == (40, 5)
    assert fitted.score(target, y[:45]) > 0.8
    with pytest.raises(ValueError, match="an rbf kernel is not linear"):
        fitted.linear_head()


def test_what_it_refuses() -> None:
    x, y, target = clouds()
    with pytest.raises(ValueError, match="the mu of TCA must be above 0, not 0"):
        TransferComponents(mu=0).fit(x, y, target=target)
    with pytest.raises(ValueError, match="the kernel of TCA is linear or rbf, not 'poly'"):
        TransferComponents("poly").fit(x, y, target=target)  # type: ignore[arg-type]
