import inspect
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError
from landbridge.evaluation.label_transfer import leep, nce

SEEDS = st.integers(0, 199)


def made(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of 4 source classes, one of which may never be believed in, and labels of 3 classes."""
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.full(4, rng.choice([0.1, 1.0, 10.0])), size=int(rng.integers(5, 20)))
    if seed % 3 == 0:
        theta[:, 0] = 0.0
        theta /= theta.sum(1, keepdims=True)
    return theta, rng.permutation(np.arange(len(theta)) % 3)


def entropy(labels: np.ndarray) -> float:
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())


def naive_leep(theta: np.ndarray, y: np.ndarray) -> float:
    """Sum by sum, as the equations stand."""
    n, total = len(y), 0.0
    for i in range(n):
        expected = 0.0
        for z in range(theta.shape[1]):
            joint = sum(theta[j, z] for j in range(n) if y[j] == y[i]) / n
            marginal = sum(theta[j, z] for j in range(n)) / n
            expected += joint / marginal * theta[i, z] if marginal else 0.0
        total += math.log(expected)
    return total / n


def naive_nce(z: np.ndarray, y: np.ndarray) -> float:
    pairs, alone = Counter(zip(y.tolist(), z.tolist())), Counter(z.tolist())
    return sum(count / len(y) * math.log(count / alone[pair[1]]) for pair, count in pairs.items())


@given(SEEDS)
def test_equals_the_naive_sums(seed: int) -> None:
    theta, y = made(seed)
    assert leep(theta, y) == pytest.approx(naive_leep(theta, y), rel=1e-9, abs=1e-12)
    assert nce(theta.argmax(1), y) == pytest.approx(naive_nce(theta.argmax(1), y), rel=1e-9, abs=1e-12)


@given(SEEDS)
def test_between_minus_the_entropy_of_the_labels_and_zero(seed: int) -> None:
    theta, y = made(seed)
    for score in (leep(theta, y), nce(theta.argmax(1), y)):
        assert -entropy(y) - 1e-9 <= score <= 1e-12


@given(SEEDS)
def test_leep_of_a_certain_network_is_nce(seed: int) -> None:
    theta, y = made(seed)
    z = theta.argmax(1)
    assert leep(np.eye(4)[z], y) == pytest.approx(nce(z, y), rel=1e-9, abs=1e-12)


@given(SEEDS)
def test_a_network_that_knows_nothing_leaves_the_whole_entropy(seed: int) -> None:
    theta, y = made(seed)
    assert leep(np.full_like(theta, 0.25), y) == pytest.approx(-entropy(y), rel=1e-9)
    assert nce(np.zeros(len(y)), y) == pytest.approx(-entropy(y), rel=1e-9)


@given(SEEDS)
def test_names_and_order_do_not_matter(seed: int) -> None:
    theta, y = made(seed)
    rng = np.random.default_rng(seed)
    order, sources = rng.permutation(len(y)), rng.permutation(4)
    renamed = np.array(["cat", "ant", "bee"])[y]
    assert leep(theta[order][:, sources], renamed[order]) == pytest.approx(leep(theta, y), rel=1e-9, abs=1e-12)
    z = theta.argmax(1)
    named = np.array(["w", "x", "y", "z"])[z]
    assert nce(named[order], renamed[order]) == pytest.approx(nce(z, y), rel=1e-9, abs=1e-12)


@given(SEEDS)
def test_merging_source_classes_tells_less(seed: int) -> None:
    """The data processing inequality."""
    theta, y = made(seed)
    z = theta.argmax(1)
    assert nce(z // 2, y) <= nce(z, y) + 1e-12


def test_probabilities_of_half_precision_will_do() -> None:
    theta, y = made(1)
    assert leep(theta.astype(np.float16), y) == pytest.approx(leep(theta, y), rel=1e-2)


GOOD = np.full((4, 2), 0.5)


@pytest.mark.parametrize(
    ("score", "given_", "labels", "message"),
    [
        (leep, np.array([[2.0, -1.0]] * 4), np.arange(4), "apply a softmax"),
        (leep, 2 * GOOD, np.arange(4), "apply a softmax"),
        (leep, np.full((4, 2), np.nan), np.arange(4), "apply a softmax"),
        (leep, np.full(4, 1.0), np.arange(4), "apply a softmax"),
        (leep, GOOD, np.arange(3), r"not labels \[3\] for 4 examples"),
        (leep, GOOD, np.zeros(4), "all 4 examples are of one class"),
        (nce, GOOD, np.arange(4), r"one predicted class an example \[n\], not \[4, 2\]: take the argmax"),
        (nce, np.arange(4), np.arange(3), r"not labels \[3\] for 4 examples"),
        (nce, np.arange(4), np.zeros(4), "all 4 examples are of one class"),
    ],
)
def test_bad_input(
    score: Callable[[np.ndarray, np.ndarray], float], given_: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(BadDataError, match=message):
        score(given_, labels)


@pytest.mark.parametrize("score", [leep, nce])
def test_it_says_what_it_predicts_and_when_it_misleads(score: Callable[..., float]) -> None:
    text = inspect.getdoc(score) or ""
    assert "predicts" in text
    assert "misleads" in text
