import numpy as np
import pytest
from scipy.optimize import minimize

from landbridge.core.errors import BadDataError
from landbridge.zeroshot.attributes import posterior, presence, prior_of, probabilities, ridge
from landbridge.zeroshot.conse import ConSE
from landbridge.zeroshot.dap import DAP
from landbridge.zeroshot.iap import IAP
from landbridge.zeroshot.logistic import logistic
from landbridge.zeroshot.nearest_attributes import NearestAttributes
from zeroshot.world import World, world


@pytest.fixture(scope="module")
def small() -> World:
    return world()


def test_presence_of_binary_rows_survives_scaling() -> None:
    binary = np.random.default_rng(0).integers(0, 2, size=(20, 7)).astype(float)
    binary[0] = 0
    np.testing.assert_array_equal(presence(binary), binary)
    np.testing.assert_array_equal(presence(binary / np.maximum(np.linalg.norm(binary, axis=1), 1)[:, None]), binary)


def test_presence_of_other_values_is_above_the_mean_of_the_column() -> None:
    values = np.random.default_rng(0).normal(size=(20, 7))
    np.testing.assert_array_equal(presence(values), values > values.mean(0))


def test_ridge_minimises_what_it_says() -> None:
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    weights, biases = ridge(x, targets, 2.0)

    def loss(p: np.ndarray, target: np.ndarray) -> float:
        return float(((x @ p[:3] + p[3] - target) ** 2).sum() + 2.0 * (p[:3] ** 2).sum())

    for number in range(2):
        best = minimize(loss, np.zeros(4), (targets[:, number],), tol=1e-10).x
        np.testing.assert_allclose([*weights[number], biases[number]], best, atol=1e-5)


def test_of_an_attribute_that_all_share_nothing_is_known() -> None:
    x = np.random.default_rng(0).normal(size=(10, 3))
    weights, biases = logistic(x, np.column_stack([np.ones(10), np.arange(10) % 2]), 1.0)
    np.testing.assert_array_equal(probabilities(x, weights, biases)[:, 0], 0.5)
    seen = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(prior_of("classes", seen), [0.5, 1 / 3, 1 / 3])
    np.testing.assert_allclose(prior_of("half", seen), 0.5)


def test_posterior_is_the_product_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    present, rows, prior = rng.uniform(size=(4, 5)), rng.integers(0, 2, size=(3, 5)), rng.uniform(0.1, 0.9, size=5)
    expected = np.ones((4, 3))
    for i in range(4):
        for c in range(3):
            for m in range(5):
                there = rows[c, m] == 1
                of_x = present[i, m] if there else 1 - present[i, m]
                expected[i, c] *= of_x / (prior[m] if there else 1 - prior[m])
    np.testing.assert_allclose(np.exp(posterior(present, rows, prior)), expected)
    certain = posterior(np.array([[1.0, 0.0]]), np.array([[0, 1], [1, 0]]), np.full(2, 0.5))
    assert np.isfinite(certain).all()
    assert certain.argmax() == 1


def test_dap_goes_through_its_attributes(small: World) -> None:
    fitted = DAP(prior="half").fit(*small.training())
    told, binary = fitted.attributes(small.x), small.table > 0
    expected = [[np.log(2 * np.where(row, p, 1 - p)).sum() for row in binary] for p in told]
    np.testing.assert_allclose(fitted.decision_function(small.x), expected)
    assert ((told > 0.5) == binary[small.y]).mean() > 0.8


def test_iap_adds_up_the_seen_classes_that_have_an_attribute(small: World) -> None:
    fitted = IAP(smoothing=0.0).fit(*small.training())
    seen = fitted.seen_probabilities(small.x)
    np.testing.assert_allclose(seen.sum(1), 1)
    binary = small.table[:11] > 0
    expected = np.stack([seen[:, binary[:, m]].sum(1) for m in range(6)], 1)
    np.testing.assert_allclose(fitted.attributes(small.x), expected)
    smoothed = IAP(smoothing=0.1).fit(*small.training()).attributes(small.x)
    np.testing.assert_allclose(smoothed, 0.9 * expected + 0.1 * binary.mean(0))


@pytest.mark.parametrize("method", [DAP(), IAP()])
def test_what_all_seen_classes_share_does_not_count(method: DAP | IAP, small: World) -> None:
    x, y, _ = small.training()
    only_unseen = np.zeros((15, 2))
    only_unseen[12, 0] = only_unseen[:12, 1] = 1
    with_it = method.fit(x, y, np.hstack([small.table > 0, only_unseen])).decision_function(small.x)
    np.testing.assert_allclose(with_it, method.fit(x, y, small.table > 0).decision_function(small.x), atol=1e-9)


@pytest.mark.parametrize("top", [1, 3, 100])
def test_conse_is_a_convex_combination_of_the_most_probable(small: World, top: int) -> None:
    fitted = ConSE(top=top).fit(*small.training())
    probable, place = fitted.seen_probabilities(small.x), fitted.embed(small.x)
    for p, found in zip(probable, place):
        best = sorted(range(11), key=lambda k: -p[k])[:top]
        expected = sum(p[k] * small.table[k] for k in best) / sum(p[k] for k in best)
        np.testing.assert_allclose(found, expected)
    lengths = np.linalg.norm(place, axis=1)[:, None] * np.linalg.norm(small.table, axis=1)
    np.testing.assert_allclose(fitted.decision_function(small.x), place @ small.table.T / lengths)


def test_with_one_class_conse_of_a_seen_class_is_the_classifier(small: World) -> None:
    fitted = ConSE(top=1).fit(*small.training())
    np.testing.assert_array_equal(fitted.predict(small.x, fitted.seen_), fitted.seen_probabilities(small.x).argmax(1))


@pytest.mark.parametrize("predictor", ["ridge", "logistic"])
@pytest.mark.parametrize("similarity", ["hamming", "cosine", "euclidean"])
def test_nearest_attributes_by_loops(small: World, similarity: str, predictor: str) -> None:
    fitted = NearestAttributes(similarity, predictor).fit(*small.training())
    told = fitted.attributes(small.x)
    table = small.table if (similarity, predictor) in (("cosine", "ridge"), ("euclidean", "ridge")) else small.table > 0

    def alike(a: np.ndarray, row: np.ndarray) -> float:
        if similarity == "hamming":
            return -float(np.mean([(value > 0.5) != there for value, there in zip(a, row)]))
        if similarity == "cosine":
            return float(a @ row / np.linalg.norm(a) / np.linalg.norm(row))
        return -float(np.sqrt(((a - row) ** 2).sum()))

    expected = [[alike(a, row) for row in table] for a in told]
    np.testing.assert_allclose(fitted.decision_function(small.x), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (NearestAttributes(similarity="jaccard"), "similarity is one of hamming, cosine, euclidean, not 'jaccard'"),
        (NearestAttributes(predictor="svm"), "predictor is one of ridge, logistic, not 'svm'"),
        (NearestAttributes(penalty=0), "penalty must be above 0, not 0"),
        (DAP(prior="none"), "prior is one of classes, half, not 'none'"),
        (DAP(penalty=-1), "penalty must be above 0, not -1"),
        (IAP(prior="none"), "prior is one of classes, half, not 'none'"),
        (IAP(smoothing=1.0), r"smoothing is in \[0, 1\), not 1"),
        (ConSE(penalty=0), "penalty must be above 0, not 0"),
        (ConSE(top=0), "ConSE combines at least one seen class, not 0"),
    ],
)
def test_arguments(small: World, method: DAP, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        method.fit(*small.training())
