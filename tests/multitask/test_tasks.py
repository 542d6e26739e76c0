"""What tasks ask: losses against plain Python, and the kind that labels make."""

import math

import pytest
import torch
from torch import nn

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.multitask.tasks import Attributes, Numbers, task_of


def domain(y: torch.Tensor, classes: tuple[str, ...]) -> Domain:
    return Domain("toy", classes, {"train": Examples(Arrays(torch.zeros(len(y), 2)), y)})


def test_attributes_count_only_what_is_judged() -> None:
    outputs, y = torch.tensor([[0.3, -1.0], [2.0, 0.5]]), torch.tensor([[1, 0], [-1, 1]])
    sigmoid = [[1 / (1 + math.exp(-v)) for v in row] for row in outputs.tolist()]
    expected = -(math.log(sigmoid[0][0]) + math.log(1 - sigmoid[1][0]) + math.log(sigmoid[1][1])) / 3
    assert float(Attributes("a", ("x", "y")).loss(outputs, y)) == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_anything_to_judge_has_no_loss() -> None:
    outputs = torch.ones(2, 3, requires_grad=True)
    loss = Attributes("a", ("x", "y", "z")).loss(outputs, torch.zeros(2, 3, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert outputs.grad is not None
    assert (outputs.grad == 0).all()


def test_numbers_are_learned_standardised_and_told_in_their_own_units() -> None:
    task = task_of("price", domain(torch.tensor([[10.0], [20.0], [30.0]]), ("price",)).labelled())
    assert isinstance(task, Numbers)
    assert task.mean == (20.0,)
    assert task.deviation[0] == pytest.approx(math.sqrt(200 / 3))
    outputs = torch.tensor([[0.5], [-1.0]])
    y = outputs * task.deviation[0] + 20
    assert float(task.loss(outputs, y)) == pytest.approx(0, abs=1e-10)
    layer = nn.Linear(3, 1)
    x = torch.randn(4, 3)
    before = layer(x).detach()
    task.finish(layer)
    torch.testing.assert_close(layer(x), before * task.deviation[0] + 20)


def test_the_kind_of_a_task_is_that_of_its_labels() -> None:
    assert task_of("a", domain(torch.tensor([0, 1]), ("x", "y")).labelled()).answers == "one"
    assert task_of("a", domain(torch.tensor([[1], [-1]]), ("x",)).labelled()).answers == "several"


def test_nothing_to_tell_apart_is_refused() -> None:
    with pytest.raises(BadDataError, match=r"task 'a': toy has 1 class: a classifier needs at least two"):
        task_of("a", domain(torch.zeros(3, dtype=torch.int64), ("x",)).labelled())
    with pytest.raises(BadDataError, match=r"task 'a': all labelled examples of toy have the same number"):
        task_of("a", domain(torch.ones(3, 1), ("x",)).labelled())
