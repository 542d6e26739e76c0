import numpy as np
import pytest

from landbridge.core.errors import BadDataError, LandbridgeWarning
from landbridge.zeroshot.base import class_sums, cosines
from landbridge.zeroshot.eszsl import ESZSL
from zeroshot.world import world

TABLE = np.array([[1.0, 0.0, 0.2], [0.0, 1.0, 0.3], [0.5, 0.5, 0.4]])
X, Y = np.eye(4), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("x", "y", "table", "message"),
    [
        (np.full((4, 2), np.inf), Y, TABLE, "features must be finite; 8 are not, the first in row 0, column 0"),
        (X[0], Y, TABLE, r"features are a table \[examples, width\], not \[4\]"),
        (X[:0], Y[:0], TABLE, r"features are a table \[examples, width\], not \[0, 4\]"),
        ([[1.0], [1.0, 2.0]], Y, TABLE, "features are a table .*; these rows differ in length"),
        (X.astype(str), Y, TABLE, "features are real numbers, not <U"),
        (X, Y[:3], TABLE, r"one label an example: 4 examples, but labels of shape \[3\]"),
        (X, Y.astype(float), TABLE, "labels are row numbers of the signatures, not float64"),
        (X, Y + 2, TABLE, "labels: 3 is no row of the signatures, which are numbered 0 to 2"),
        (X, Y - 1, TABLE, "labels: -1 is no row of the signatures"),
        (X, Y * 0, TABLE, "all 4 examples are of one class: there is nothing to tell apart"),
        (X, Y, TABLE * np.nan, "signatures must be finite; 9 are not, the first in row 0, column 0"),
        (X, Y, TABLE[0], r"signatures are a table \[classes, attributes\], not \[3\]"),
        (X, Y, TABLE[[0, 1, 0]], "classes 0, 2 have the same signature: nothing tells them apart; describe them"),
        (X, Y, TABLE[[1, 0, 1, 0]], r"classes 0, 2 have the same signature \(and so in 1 more groups\)"),
    ],
)
def test_bad_input_is_one_line(x: np.ndarray, y: np.ndarray, table: np.ndarray, message: str) -> None:
    with pytest.raises(BadDataError, match=message) as raised:
        ESZSL().fit(x, y, table)
    assert "\n" not in str(raised.value)


def test_a_column_that_is_the_same_for_all_is_named_and_does_no_harm() -> None:
    small = world()
    x, y, table = small.training()
    wider = np.hstack([table, np.ones((len(table), 2))])
    with pytest.warns(LandbridgeWarning, match="the same value for all 15 classes in column 6, 7: it tells nothing"):
        method = ESZSL().fit(x, y, wider)
    assert (method.predict(small.x[~small.seen], small.unseen) == small.y[~small.seen]).mean() > 0.7


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "no class to choose from: name at least one row of the signatures"),
        (2, "no class to choose from"),
        ([0, 3], "classes to choose from: 3 is no row of the signatures, which are numbered 0 to 2"),
        ([0.5], "classes to choose from are row numbers of the signatures, not float64"),
    ],
)
def test_classes_to_choose_from(classes: object, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        ESZSL().fit(X, Y, TABLE).predict(X, classes)


def test_a_scaling_that_it_does_not_know() -> None:
    with pytest.raises(BadDataError, match="scaling is one of none, length, standard, not 'l2'"):
        ESZSL(scaling="l2").fit(X, Y, TABLE)


def test_standard_scaling_is_that_of_the_training_examples() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)) * [1, 10, 0.1, 3, 0] + 7, np.arange(40) % 2
    method = ESZSL(scaling="standard").fit(x, y, TABLE)
    scaled = method._scaled(x)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.var(0), [0.2, 0.2, 0.2, 0.2, 0], atol=1e-12)
    np.testing.assert_allclose(method._scaled(x[:1] + 1), scaled[:1] + 1 / method.spread_)


def test_sums_of_classes_and_cosines() -> None:
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(20, 3)), rng.integers(0, 4, size=20)
    np.testing.assert_allclose(class_sums(x, codes, 4), [x[codes == code].sum(0) for code in range(4)])
    expected = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in TABLE] for a in x]
    np.testing.assert_allclose(cosines(x, TABLE), expected)
    assert cosines(np.zeros((1, 3)), TABLE).tolist() == [[0, 0, 0]]
