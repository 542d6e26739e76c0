"""AdaBN: the source's weights, the target's statistics."""

import pytest
import torch

from landbridge.adaptation.adabn import AdaBN
from landbridge.adaptation.source_only import SourceOnly
from landbridge.core.errors import LandbridgeError
from landbridge.data.domain import Domain
from landbridge.training.averaging import WithAverage
from methods_suite import Bench

NORMED = "mlp?inputs=2&hidden=32&batch_norm=true"


def test_weights_are_the_source_s_and_statistics_the_target_s(toy_source: Domain, toy_target: Domain) -> None:
    bench = Bench(toy_source, toy_target, NORMED, steps=40)
    plain = dict(bench.train("source-only", SourceOnly).model().backbone.network.state_dict())
    ours = bench.train("adabn", AdaBN).model().backbone.network
    for key, value in ours.named_parameters():
        assert torch.equal(value, plain[key])
    seen = ours.fc1(toy_target.unlabelled().read())
    torch.testing.assert_close(ours.norm1.running_mean, seen.mean(0))
    torch.testing.assert_close(ours.norm1.running_var, seen.var(0))


def test_averaged_weights_get_statistics_of_their_own(toy_source: Domain, toy_target: Domain) -> None:
    bench = Bench(toy_source, toy_target, NORMED, steps=40)
    method = WithAverage(bench.method("adabn", AdaBN), 0.9)
    averaged = bench.trainer().fit(method, bench.views(AdaBN)).model().backbone.network
    assert not torch.equal(averaged.fc1.weight, method.method.backbone.network.fc1.weight)
    seen = averaged.fc1(toy_target.unlabelled().read())
    torch.testing.assert_close(averaged.norm1.running_mean, seen.mean(0))


def test_a_network_without_batch_norm_is_refused_before_it_trains(toy_source: Domain, toy_target: Domain) -> None:
    with pytest.raises(LandbridgeError, match="has no BatchNorm"):
        Bench(toy_source, toy_target).method("adabn", AdaBN)
