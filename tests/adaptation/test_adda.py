"""What each phase of ADDA moves, and what is used in the end."""

from pathlib import Path

import torch

from landbridge.adaptation.adda import ADDA
from landbridge.adaptation.source_only import SourceOnly
from landbridge.data.domain import Domain
from methods_suite import Bench


def test_the_source_networks_stay_and_the_target_encoder_starts_from_theirs(
    toy_source: Domain, toy_target: Domain
) -> None:
    """BatchNorm's statistics included: the source's are frozen, the target's become its own."""
    bench = Bench(toy_source, toy_target, backbone="mlp?inputs=2&hidden=32&batch_norm=true")
    method, views = bench.method("adda", ADDA), bench.views(ADDA)
    trainer = bench.trainer(steps=40)
    at_the_start: dict[str, torch.Tensor] = {}
    begin = method.begin

    def watched(domains: object, at: object) -> None:
        begin(domains, at)  # type: ignore[arg-type]
        at_the_start.update({key: value.clone() for key, value in method.state_dict().items()})

    method.begin = watched  # type: ignore[method-assign, assignment]
    trained = trainer.fit(method, views).state_dict()
    for key in method.backbone.state_dict():
        assert torch.equal(at_the_start[f"target_encoder.{key}"], at_the_start[f"backbone.{key}"]), key
        assert torch.equal(trained[f"backbone.{key}"], at_the_start[f"backbone.{key}"]), key
        assert not torch.equal(trained[f"target_encoder.{key}"], trained[f"backbone.{key}"]), key
    assert method.model().backbone is method.target_encoder
    assert method.model().head is method.head


def test_the_source_phase_is_that_of_source_only(toy_source: Domain, toy_target: Domain, tmp_path: Path) -> None:
    """So that a comparison computes it once."""
    bench = Bench(toy_source, toy_target, steps=20)
    bench.train("source-only", SourceOnly, store=tmp_path)
    kept = list(tmp_path.iterdir())
    bench.train("adda", ADDA, steps=40, store=tmp_path)
    assert list(tmp_path.iterdir()) == kept
    assert len(kept) == 1
