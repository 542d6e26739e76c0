import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import class_balance, confident_consistency, confident_pseudo_labels, is_sure


def logits(n: int, classes: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


sizes = given(st.integers(1, 9), st.integers(2, 6), st.floats(0.2, 0.99), st.integers(0, 99))


@sizes
def test_consistency_equals_the_naive_sum(n: int, classes: int, threshold: float, seed: int) -> None:
    student, teacher = (logits(n, classes, seed + part).softmax(1) for part in (0, 100))
    total = 0.0
    for mine, theirs in zip(student.tolist(), teacher.tolist()):
        if max(theirs) >= threshold:
            total += sum((a - b) ** 2 for a, b in zip(mine, theirs)) / classes
    assert float(confident_consistency(student, teacher, threshold)) == pytest.approx(total / n, rel=1e-9, abs=1e-15)


@sizes
def test_pseudo_labels_equal_the_naive_sum(n: int, classes: int, threshold: float, seed: int) -> None:
    z, told = logits(n, classes, seed), logits(n, classes, seed + 100)
    hard = soft = 0.0
    for row, guess in zip(z.log_softmax(1).tolist(), told.tolist()):
        powers = [math.exp(v) for v in guess]
        if max(powers) / sum(powers) >= threshold:
            hard -= row[guess.index(max(guess))]
            warm = [math.exp(v / 0.5) for v in guess]
            soft -= sum(w / sum(warm) * v for w, v in zip(warm, row))
    assert float(confident_pseudo_labels(z, told, threshold)) == pytest.approx(hard / n, rel=1e-9, abs=1e-15)
    assert float(confident_pseudo_labels(z, told, threshold, 0.5)) == pytest.approx(soft / n, rel=1e-9, abs=1e-15)


@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 99))
def test_balance_equals_the_naive_sum_and_is_least_for_equal_shares(n: int, classes: int, seed: int) -> None:
    told = logits(n, classes, seed).softmax(1)
    total = 0.0
    for k in range(classes):
        mean = sum(row[k] for row in told.tolist()) / n
        total -= math.log(mean) / classes + (1 - 1 / classes) * math.log(1 - mean)
    assert float(class_balance(told)) == pytest.approx(total, rel=1e-5)
    equal = torch.full((2, classes), 1 / classes, dtype=torch.float64)
    assert float(class_balance(equal)) <= float(class_balance(told)) + 1e-9


def test_gradients_reach_the_student_alone() -> None:
    student, teacher = logits(5, 3, 0).requires_grad_(), logits(5, 3, 1).requires_grad_()
    assert gradcheck(lambda z: confident_consistency(z.softmax(1), teacher.detach().softmax(1), 0.6), (student,))
    assert gradcheck(lambda z: confident_pseudo_labels(z, teacher.detach(), 0.6), (student,))
    assert gradcheck(lambda z: class_balance(z.softmax(1)), (student,))
    for loss in (
        confident_consistency(student.softmax(1), teacher.softmax(1), 0.6),
        confident_pseudo_labels(student, teacher, 0.6),
        confident_pseudo_labels(student, teacher, 0.6, 0.5),
    ):
        assert loss.item() > 0
        loss.backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_nothing_is_learned_where_nobody_is_sure() -> None:
    z = torch.zeros(3, 2, requires_grad=True)
    for loss in (confident_consistency(z.softmax(1), z.softmax(1), 0.9), confident_pseudo_labels(z, z, 0.9)):
        loss.backward()
        assert loss.item() == 0
    assert z.grad is not None
    assert not z.grad.any()


def test_a_share_of_zero_is_finite() -> None:
    told = torch.tensor([[1.0, 0.0]], requires_grad=True)
    class_balance(told).backward()
    assert class_balance(told).isfinite()
    assert told.grad is not None
    assert told.grad.isfinite().all()


def test_who_is_sure() -> None:
    assert is_sure(torch.tensor([[0.95, 0.05], [0.94, 0.06]], dtype=torch.float64), 0.95).tolist() == [1, 0]
