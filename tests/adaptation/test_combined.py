"""Several methods at once; the shared suite trains two of them."""

import pytest

from landbridge.adaptation import METHODS
from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.data.domain import Domain
from landbridge.training.options import options_of
from methods_suite import Bench


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target)


def test_options_carry_the_name_of_their_part(bench: Bench) -> None:
    cls = METHODS.resolve("cdan-e+mcc")
    assert list(options_of(cls)) == ["cdan_e_weight", "mcc_weight", "mcc_temperature"]
    bench.options = {"mcc_temperature": "3"}
    method = bench.method("cdan-e+mcc", cls)
    assert (method.mcc.temperature, method.cdan_e.weight) == (3.0, 1.0)


def test_one_pass_and_one_classification_loss(bench: Bench) -> None:
    """The terms are those of the parts, on the same features."""
    cls = METHODS.resolve("mcc+deep-coral")
    method, passes = bench.method("mcc+deep-coral", cls), []
    method.backbone.register_forward_hook(lambda *_: passes.append(1))
    trainer = bench.trainer(steps=1)
    trainer.fit(method, bench.views(cls))
    assert len(passes) == 2
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    at = trainer._moment(0, 0)
    (turn,) = method.losses(batch, at)
    (alone,) = method.mcc.losses(batch, at)
    assert set(turn) == {"classification", "mcc_confusion", "deep_coral_alignment"}
    assert turn["mcc_confusion"].item() == pytest.approx(alone["confusion"].item())


def test_what_cannot_be_combined_says_so() -> None:
    with pytest.raises(LandbridgeError, match="'sa' cannot be combined with others"):
        METHODS.resolve("sa+mcc")
    with pytest.raises(UnknownNameError, match="'deep-corall'; did you mean 'deep-coral'"):
        METHODS.resolve("dann+deep-corall")
    assert "dann+mcc" in METHODS
    assert "dann+deep-corall" not in METHODS
