import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.evaluation.multi_label import average_precision_11_point

Ranked = list[tuple[int, int]]


def naive(ranked: Ranked) -> float:
    """The definition in fractions, threshold by threshold."""
    judged = [(score, label) for score, label in ranked if label]
    positives = sum(label == 1 for _, label in judged)
    if not positives:
        return math.nan
    points = []
    for threshold in {score for score, _ in judged}:
        above = [label for score, label in judged if score >= threshold]
        points.append((Fraction(above.count(1), positives), Fraction(above.count(1), len(above))))
    best = [max(p for r, p in points if r >= Fraction(level, 10)) for level in range(11)]
    return float(sum(best) / 11)


pairs = st.lists(st.tuples(st.integers(-5, 5), st.sampled_from([1, -1, 0])), min_size=1, max_size=40)


@given(pairs, st.randoms())
def test_equals_the_definition_in_any_order(ranked: Ranked, random: object) -> None:
    expected = naive(ranked)
    random.shuffle(ranked)
    scores, truth = torch.tensor([float(s) for s, _ in ranked]), torch.tensor([label for _, label in ranked])
    assert average_precision_11_point(scores, truth) == pytest.approx(expected, rel=1e-12, nan_ok=True)
    # Only the order counts, and who is not to be judged does not.
    assert average_precision_11_point(scores.double().exp(), truth) == pytest.approx(expected, rel=1e-12, nan_ok=True)
    judged = truth != 0
    assert average_precision_11_point(scores[judged], truth[judged]) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_recall_of_three_tenths_counts_as_three_tenths() -> None:
    # In floating point 3 / 10 < 3 * 0.1: with ten positives, recall 0.3 would be missed, and 0.6 and 0.7 likewise.
    truth = torch.tensor([1] * 3 + [-1] * 7 + [1] * 7)
    scores = torch.arange(17, 0, -1).float()
    expected = (4 * 1.0 + 7 * 10 / 17) / 11  # the best precision from recall 0.4 on is at the end
    assert average_precision_11_point(scores, truth) == pytest.approx(expected, rel=1e-12)


def test_the_best_the_worst_and_no_opinion() -> None:
    truth = torch.tensor([1, 1, -1, -1, -1, -1, -1, -1])
    assert average_precision_11_point(torch.arange(8, 0, -1).float(), truth) == 1
    assert average_precision_11_point(torch.arange(8).float(), truth) == pytest.approx(2 / 8)
    assert average_precision_11_point(torch.zeros(8), truth) == pytest.approx(2 / 8)
    assert math.isnan(average_precision_11_point(torch.zeros(2), torch.tensor([-1, 0])))
