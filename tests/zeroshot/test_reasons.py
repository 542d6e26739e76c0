"""What attributes add is what the scores differ by."""

import numpy as np
import pytest

from landbridge.zeroshot.base import Array
from landbridge.zeroshot.dap import DAP
from landbridge.zeroshot.nearest_attributes import NearestAttributes
from landbridge.zeroshot.reasons import Explained, explains, reasons
from landbridge.zeroshot.sae import SAE

TABLE = np.array([[c >> k & 1 for k in range(4)] for c in range(1, 13)], float)


@pytest.fixture(name="data")
def _data() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(8), 10)
    return TABLE[y] @ rng.normal(size=(4, 9)) + rng.normal(scale=0.4, size=(80, 9)), y


@pytest.mark.parametrize(
    "method",
    [DAP(), NearestAttributes("cosine"), NearestAttributes("hamming"), NearestAttributes("euclidean"),
     NearestAttributes("cosine", "logistic")],
    ids=["dap", "cosine", "hamming", "euclidean", "logistic"],
)  # fmt: skip
def test_they_sum_to_the_lead(method: Explained, data: tuple[Array, Array]) -> None:
    x, y = data
    scores = method.fit(x, y, TABLE).decision_function(x)
    ranked = np.argsort(-scores, axis=1)
    called, other, rows = ranked[:, 0], ranked[:, 3], np.arange(len(x))
    predicted = method.attributes(x)
    total = reasons(method, predicted, called, other).sum(1)
    lead = scores[rows, called] - scores[rows, other]
    if isinstance(method, NearestAttributes):
        if method.similarity == "cosine":
            lead = lead * np.linalg.norm(predicted, axis=1)
        elif method.similarity == "hamming":
            lead = lead * TABLE.shape[1]
        else:
            lead = scores[rows, other] ** 2 - scores[rows, called] ** 2
    np.testing.assert_allclose(total, lead, atol=1e-9)


def test_only_sums_over_attributes_are_explained() -> None:
    assert explains(DAP())
    assert not explains(SAE())
