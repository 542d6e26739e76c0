"""The turns of MCD, and the one head that it ends with."""

import pytest
import torch

from landbridge.adaptation.mcd import MCD, mean_head
from landbridge.data.domain import Domain
from landbridge.nn.heads import Head
from methods_suite import Bench


@pytest.mark.parametrize("hidden", [(), (4,), (5, 4)])
def test_one_head_gives_the_mean_of_two(hidden: tuple[int, ...]) -> None:
    first, second = (Head(6, hidden, 3, dropout=0.1).double().eval() for _ in range(2))
    x = torch.randn(7, 6, dtype=torch.float64)
    mean = mean_head(first, second).eval()
    torch.testing.assert_close(mean(x), (first(x) + second(x)) / 2)
    assert (mean.dropout, mean.output.weight.dtype) == (0.1, torch.float64)
    assert all(value.requires_grad for value in mean.parameters())


def test_the_features_reply_as_often_as_asked(toy_source: Domain, toy_target: Domain) -> None:
    """A, B and `repeats` times C; the classifiers move the discrepancy up, the features down."""
    bench = Bench(toy_source, toy_target, options={"repeats": "3"})
    method, views, trainer = bench.method("mcd", MCD), bench.views(MCD), bench.trainer(steps=1)
    trainer.fit(method, views)
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    groups = method.groups()
    optimisers = {name: torch.optim.SGD(group.parameters, 1e-3) for name, group in groups.items()}
    turns = trainer._step(batch, trainer._moment(0, 0), groups, optimisers)
    assert [turn.moves for turn in turns] == [None, ("head", "second"), *[("backbone",)] * 3]
    values = [float(turn["together"].detach()) for turn in turns[2:]]
    assert values == sorted(values, reverse=True)
    assert values[0] > float(-turns[1]["apart"].detach()), "the classifiers moved apart"


def test_the_statistics_to_predict_by_are_the_targets(toy_source: Domain, toy_target: Domain) -> None:
    bench = Bench(toy_source, toy_target)
    method, views, trainer = bench.method("mcd", MCD), bench.views(MCD), bench.trainer(steps=1)
    method.backbone.network = torch.nn.Sequential(torch.nn.BatchNorm1d(2, momentum=1.0), method.backbone.network)
    trainer.fit(method, views)
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    torch.testing.assert_close(method.backbone.network[0].running_mean, batch["target"].x.mean(0))
