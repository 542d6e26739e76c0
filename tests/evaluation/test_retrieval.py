import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.evaluation import retrieval
from landbridge.evaluation.retrieval import average_precision, leave_one_out, precision_at_k, recall_at_k


def naive(features: np.ndarray, labels: list[int], ks: list[int], metric: str) -> dict[int, dict]:
    """Query by query in float64, by the definitions."""
    x = features.astype(np.float64)
    result = {}
    for i in range(len(x)):
        total = labels.count(labels[i]) - 1
        if total == 0:
            continue
        others = [j for j in range(len(x)) if j != i]
        if metric == "l2":
            near = {j: -math.dist(x[i], x[j]) for j in others}
        else:
            near = {j: float(x[i] @ x[j]) / (np.linalg.norm(x[i]) * np.linalg.norm(x[j])) for j in others}
        hits = [labels[j] == labels[i] for j in sorted(others, key=lambda j: (-near[j], j))]
        precisions = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit]
        result[i] = {
            "precision": {k: sum(hits[:k]) / min(k, len(hits)) for k in ks},
            "recall": {k: sum(hits[:k]) / total for k in ks},
            "ap": sum(precisions) / total,
        }
    return result


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@given(st.integers(3, 25), st.integers(1, 4), st.integers(0, 2**31))
def test_leave_one_out_equals_the_definitions(metric: str, count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 5)).astype(np.float32)
    labels = rng.integers(0, classes, count)
    ks = [1, 3, 10]
    expected = naive(features, labels.tolist(), ks, metric)
    if not expected:
        return
    found = leave_one_out(features, labels, ks, metric)
    assert (found.queries, found.alone) == (len(expected), count - len(expected))
    assert found.mean_average_precision == pytest.approx(np.mean([e["ap"] for e in expected.values()]))
    for k in ks:
        assert found.precision[k] == pytest.approx(np.mean([e["precision"][k] for e in expected.values()]))
        assert found.recall[k] == pytest.approx(np.mean([e["recall"][k] for e in expected.values()]))
    assert set(found.by_class) == {int(labels[i]) for i in expected}
    for number, own in found.by_class.items():
        mine = [e for i, e in expected.items() if labels[i] == number]
        assert own.queries == len(mine)
        assert own.mean_average_precision == pytest.approx(np.mean([e["ap"] for e in mine]))
        assert own.precision[3] == pytest.approx(np.mean([e["precision"][3] for e in mine]))
        assert own.recall[3] == pytest.approx(np.mean([e["recall"][3] for e in mine]))
    each = found.by_class.values()
    assert found.mean_class_precision[1] == pytest.approx(np.mean([own.precision[1] for own in each]))
    assert found.mean_class_average_precision == pytest.approx(np.mean([own.mean_average_precision for own in each]))


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=8), st.integers(1, 9))
def test_the_measures_equal_counting(rows: list[list[bool]], k: int) -> None:
    relevant = np.array(rows)
    for row, precision, recall, average in zip(
        rows, precision_at_k(relevant, k), recall_at_k(relevant, k), average_precision(relevant)
    ):
        assert precision == pytest.approx(sum(row[:k]) / min(k, 6))
        if any(row):
            assert recall == pytest.approx(sum(row[:k]) / sum(row))
            each = [sum(row[: r + 1]) / (r + 1) for r in range(6) if row[r]]
            assert average == pytest.approx(sum(each) / len(each))
        else:
            assert math.isnan(recall)
            assert math.isnan(average)


def test_what_was_not_found_counts_too() -> None:
    relevant = np.array([[True, False]])
    assert average_precision(relevant, [4]).tolist() == [0.25]
    assert recall_at_k(relevant, 2, [4]).tolist() == [0.25]


def test_average_precision_equals_that_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    relevant = rng.random((20, 50)) < 0.2
    scores = np.arange(50)[::-1]
    expected = [average_precision_score(row, scores) for row in relevant]
    assert average_precision(relevant) == pytest.approx(expected)


def test_blocks_change_nothing_and_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(1500, 8)), rng.integers(0, 5, 1500)
    whole = leave_one_out(features, labels)
    monkeypatch.setattr(retrieval, "BLOCK", 20_000)
    tracemalloc.start()
    assert leave_one_out(features, labels).to_json() == whole.to_json()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1500 * 1500 / 2  # half of what the scores alone would take


def test_a_sample_of_queries_looks_among_all() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(400, 8)), rng.integers(0, 4, 400)
    features[:, 0] += labels
    whole, part = leave_one_out(features, labels), leave_one_out(features, labels, most=200)
    assert (part.queries, part.alone) == (200, 0)
    assert part.precision[10] == pytest.approx(whole.precision[10], abs=0.05)
    assert part.precision != whole.precision
    assert leave_one_out(features, labels, most=200) == part
    assert leave_one_out(features, labels, most=200, seed=1) != part
    assert leave_one_out(features, labels, most=400) == whole
    few = leave_one_out(features, labels, most=1)
    assert few.by_class.keys() < {0, 1, 2, 3}
    assert few.mean_average_precision == few.mean_class_average_precision


def test_equal_features_are_ranked_by_position() -> None:
    found = leave_one_out(np.ones((4, 2)), [0, 1, 0, 1], ks=[1])
    assert found.by_class[0].precision == {1: 0.5}  # 0 finds 1 first, 2 finds 0
    assert found.by_class[1].precision == {1: 0.0}  # both find 0


def test_what_cannot_be_judged() -> None:
    with pytest.raises(BadDataError, match="no class has two examples"):
        leave_one_out(np.eye(3), [0, 1, 2])
    with pytest.raises(BadDataError, match=r"features \(3, 3\) and labels \(2,\) do not fit"):
        leave_one_out(np.eye(3), [0, 1])
    with pytest.raises(BadDataError, match="not finite"):
        leave_one_out(np.full((2, 2), np.nan), [0, 0])
    with pytest.raises(LandbridgeError, match="cosine or l2, not 'dot'"):
        leave_one_out(np.eye(2), [0, 0], metric="dot")
    with pytest.raises(LandbridgeError, match="k must be at least 1, not 0"):
        leave_one_out(np.eye(2), [0, 0], ks=[0])
