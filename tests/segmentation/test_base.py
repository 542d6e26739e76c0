from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.losses import pixel_cross_entropy
from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation import METHODS
from landbridge.segmentation.base import SegmentationSetup
from landbridge.segmentation.fda import FDA
from landbridge.training.method import Moment
from landbridge.training.schedules import polynomial_rate
from toy_scenes import CLASSES, toy_bench

TWO_LEVELS = "light/small-cnn?head.strides=2,4&head.auxiliary=true"


def test_the_backbone_has_a_rate_of_its_own() -> None:
    network = make_segmenter(TWO_LEVELS, 3)
    setup = SegmentationSetup(CLASSES, rate=0.2, network=network, backbone_lr_ratio=0.25)
    groups = METHODS.resolve("source-only")(setup).groups()
    assert {name: group.rate for name, group in groups.items()} == {
        "backbone": 0.05, "fusion": 0.2, "head": 0.2, "auxiliary": 0.2
    }  # fmt: skip
    counted = [id(p) for group in groups.values() for p in group.parameters]
    assert sorted(counted) == sorted(id(p) for p in network.parameters())
    assert groups["head"].schedule(Moment("source", 30, 60)) == polynomial_rate(0.5)


def test_in_a_network_in_one_piece_the_encoder_is_the_backbone() -> None:
    network = make_segmenter("whole/tiny_nets:mapping?num_classes=3", 3)
    method = METHODS.resolve("source-only")(SegmentationSetup(CLASSES, rate=0.2, network=network))
    groups = method.groups()
    assert {name: round(group.rate, 4) for name, group in groups.items()} == {"backbone": 0.02, "head": 0.2}
    (phase,) = method.phases()
    assert phase.recipe is None, "its parts are not found again by name"


def test_the_source_phase_is_shared_and_depends_on_the_ratio() -> None:
    def recipe(name: str, ratio: float) -> str | None:
        setup = SegmentationSetup(CLASSES, network=make_segmenter("small-cnn", 3), backbone_lr_ratio=ratio)
        return METHODS.resolve(name)(setup).phases()[0].recipe

    assert recipe("adabn", 0.1) == recipe("source-only", 0.1) == recipe("self-training", 0.1)
    assert recipe("adabn", 0.1) != recipe("adabn", 0.2)


def test_a_comparison_computes_the_source_phase_once(tmp_path: Path) -> None:
    """And what is found is the whole network, the second classifier too."""
    networks = {}
    for name in ("source-only", "adabn"):
        bench = toy_bench(backbone=TWO_LEVELS, steps=4)
        networks[name] = dict(bench.train(name, METHODS.resolve(name), store=tmp_path).network.named_parameters())
    assert len(list(tmp_path.iterdir())) == 1
    fresh = bench.train("adabn", METHODS.resolve("adabn")).network.named_parameters()
    for name, value in fresh:
        assert torch.equal(networks["adabn"][name], value)
        assert torch.equal(networks["source-only"][name], value)


def test_a_second_classifier_counts_a_tenth() -> None:
    bench = toy_bench(backbone=TWO_LEVELS)
    method = bench.method("source-only", METHODS.resolve("source-only")).eval()
    trainer = bench.trainer()
    trainer.method, trainer.domains = method, bench.views(type(method))
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    (turn,) = method.losses(batch, Moment("source", 0, 1))
    main, second = method.network.levels(batch["source"].x)
    expected = pixel_cross_entropy(main, batch["source"].y) + 0.1 * pixel_cross_entropy(second, batch["source"].y)
    torch.testing.assert_close(turn["classification"], expected)
    assert turn.measures["source_accuracy"]() == (main.argmax(1) == batch["source"].y).float().mean()


def test_levels_pass_apart_or_together() -> None:
    """Apart, what one domain's images look like changes nothing for the other's."""
    setup = SegmentationSetup(CLASSES, network=make_segmenter("small-cnn?", 3))
    source, target = torch.randn(2, 3, 32, 32), 3 + torch.randn(3, 3, 32, 32)
    for mode, same in (("apart", True), ("together", False)):
        method = FDA(setup, batch_norm=mode).train()  # type: ignore[arg-type]
        method.network.fusion.fuse[-1].p = 0.0
        torch.manual_seed(0)
        (first,), (second,) = method.levels_of(source, target)
        (alone,), _ = method.levels_of(source, source)
        assert (first.shape, second.shape) == ((2, 3, 32, 32), (3, 3, 32, 32))
        assert torch.allclose(first, alone, atol=1e-5) == same


@pytest.mark.parametrize(("name", "weight"), [("adaptseg", "0.03"), ("fda", "0.005")])
def test_not_only_batch_norm_brings_the_domains_together(name: str, weight: str) -> None:
    """With statistics of both domains together, and a dusk in which source-only still sees something."""

    def score(name: str, **options: str) -> float:
        bench = toy_bench(dusk=0.5, options=options)
        model = bench.train(name, METHODS.resolve(name)).model()
        return evaluate_pixels(model, bench.target.unlabelled("test")).miou or 0.0

    options = {"width": "8", "discriminator_rate": "0.001"} if name == "adaptseg" else {}
    assert score(name, weight=weight, batch_norm="together", **options) > score("source-only") + 0.15


def test_minent_makes_sure_of_the_target() -> None:
    found = {}
    for weight in ("0", "0.1"):
        bench = toy_bench(dusk=0.5, steps=30, options={"weight": weight})
        method = bench.train("minent", METHODS.resolve("minent"))
        p = method.model().probabilities(bench.target.unlabelled("test").read())
        found[weight] = float(-(p * p.clamp_min(1e-9).log()).sum(1).mean())
    assert found["0.1"] < 0.9 * found["0"]


@pytest.mark.parametrize("levels", [1, 2])
def test_the_entropy_term_by_hand(levels: int) -> None:
    bench = toy_bench(backbone=TWO_LEVELS if levels == 2 else "small-cnn", options={"weight": 0.5, "auxiliary": 0.25})
    method = bench.method("minent", METHODS.resolve("minent"))
    logits = [torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in range(levels)]

    def entropy(z: torch.Tensor) -> torch.Tensor:
        p = F.softmax(z, 1)
        return -(p * p.log()).sum(1).mean() / torch.tensor(3.0, dtype=torch.float64).log()

    seen = type("Seen", (), {"target": tuple(logits)})()
    turn = method.terms(seen, Moment("train", 0, 1))  # type: ignore[attr-defined]
    expected = sum(weight * entropy(z) for weight, z in zip((0.5, 0.25), logits))
    torch.testing.assert_close(turn["entropy"], expected)
