import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import hinge_rank, structured_hinge, weighted_rank


def lacking(row: list[float], true: int, margin: float) -> list[float]:
    return [max(0.0, margin + score - row[true]) for other, score in enumerate(row) if other != true]


def naive_hinge(row: list[float], true: int, margin: float) -> float:
    return sum(lacking(row, true, margin))


def naive_weighted(row: list[float], true: int, margin: float) -> float:
    violations = [each for each in lacking(row, true, margin) if each > 0]
    beta = sum(1 / k for k in range(1, len(violations) + 1))
    return beta / max(len(violations), 1) * sum(violations)


def naive_structured(row: list[float], true: int, margin: float) -> float:
    return max(lacking(row, true, margin))


LOSSES = {hinge_rank: naive_hinge, weighted_rank: naive_weighted, structured_hinge: naive_structured}
TABLES = st.integers(2, 6).flatmap(
    lambda classes: st.lists(
        st.tuples(st.lists(st.floats(-5, 5), min_size=classes, max_size=classes), st.integers(0, classes - 1)),
        min_size=1,
        max_size=6,
    )
)


@pytest.mark.parametrize("loss", LOSSES)
@given(table=TABLES, margin=st.floats(0.05, 2))
def test_equals_the_naive_loops(loss: object, table: list[tuple[list[float], int]], margin: float) -> None:
    scores = torch.tensor([row for row, _ in table], dtype=torch.float64)
    y = torch.tensor([true for _, true in table])
    expected = sum(LOSSES[loss](row, true, margin) for row, true in table) / len(table)
    assert float(loss(scores, y, margin)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient(loss: object) -> None:
    scores = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = torch.tensor([0, 1, 2, 3, 0])
    assert gradcheck(lambda x: loss(x, y, 0.5), scores)
    loss(scores, y, 0.5).backward()
    assert scores.grad.abs().sum() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_laws(loss: object) -> None:
    """Nothing is lacking where the true class leads by the margin; what all classes share does not count."""
    scores = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = torch.tensor([0, 1, 2, 3, 0])
    leading = scores.scatter(1, y[:, None], float(scores.max()) + 0.5)
    assert float(loss(leading, y, 0.5)) == 0
    assert float(loss(leading, y, 0.6)) > 0
    assert float(loss(scores + 7, y, 0.5)) == pytest.approx(float(loss(scores, y, 0.5)))
    order = torch.tensor([2, 0, 3, 1])
    assert float(loss(scores[:, order], order.argsort()[y], 0.5)) == pytest.approx(float(loss(scores, y, 0.5)))


def test_the_worst_is_at_most_the_sum_and_a_lone_violation_weighs_fully() -> None:
    scores, y = torch.tensor([[1.0, 0.9, -4.0]]), torch.tensor([0])
    assert float(hinge_rank(scores, y, 0.5)) == pytest.approx(0.4)
    assert float(weighted_rank(scores, y, 0.5)) == pytest.approx(0.4)
    assert float(structured_hinge(scores, y, 0.5)) == pytest.approx(0.4)


@pytest.mark.parametrize("loss", LOSSES)
def test_refuses_other_shapes(loss: object) -> None:
    with pytest.raises(ValueError, match=r"scores \[N, C\] and classes \[N\], not \[4\] and \[4\]"):
        loss(torch.zeros(4), torch.zeros(4, dtype=torch.long))
