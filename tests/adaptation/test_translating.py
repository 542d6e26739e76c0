"""I2I and CyCADA: each term can be switched off, pictures are made, and what they say of their gradients holds."""

from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.adaptation import METHODS
from landbridge.adaptation.i2i import I2I
from landbridge.core.errors import LandbridgeError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Method, Moment
from landbridge.training.options import make_method
from methods_suite import Bench

WEIGHTS = {
    "i2i": ("feature", "identity", "translation", "cycle", "translated_label"),
    "cycada": ("pixel", "cycle", "semantic", "feature"),
}
OFF = {name: {f"{term}_weight": 0.0 for term in terms} for name, terms in WEIGHTS.items()}
ALONE = [(name, term) for name, terms in WEIGHTS.items() for term in terms if term != "translated_label"]


def pictures(name: str, bright: float, size: int = 28) -> Domain:
    """Two classes of noise that differ in which half is brighter."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(64) % 2
    x = 120 * torch.rand(64, 3, size, size, generator=generator) * bright
    x[y == 0, :, : size // 2] += 100
    x[y == 1, :, size // 2 :] += 100
    images = Examples(Arrays(x.to(torch.uint8)), y)
    return Domain(name, ("up", "down"), {"train": images, "test": images})


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target, steps=10)


@pytest.fixture
def seen() -> Bench:
    """The bench of pictures."""
    source, target = pictures("dark", 0.2), pictures("bright", 1.0)
    return Bench(source, target, backbone="ganin-mnist", rate=0.01, steps=5)


def trained_parts(name: str, bench: Bench, options: dict[str, Any]) -> tuple[Method, set[str], set[str]]:
    """The method after training, the parameters that it has, and those that moved."""
    bench.options = options
    method = bench.method(name, METHODS.resolve(name))
    before = {key: value.clone() for key, value in method.named_parameters()}
    bench.trainer().fit(method, bench.views(type(method)))
    moved = {key for key, value in method.named_parameters() if not torch.equal(before[key], value)}
    return method, set(before), moved


@pytest.mark.parametrize(("name", "term"), ALONE)
def test_each_term_alone_has_what_it_needs_and_no_more(name: str, term: str, bench: Bench) -> None:
    """Whatever is made is trained: a term that is off leaves no network behind."""
    _, has, moved = trained_parts(name, bench, OFF[name] | {f"{term}_weight": 1.0})
    assert moved == has


@pytest.mark.parametrize("name", WEIGHTS)
def test_without_terms_it_is_source_only(name: str, bench: Bench) -> None:
    method, _, moved = trained_parts(name, bench, OFF[name])
    assert set(dict(method.named_children())) == {"backbone", "head"}
    assert {key.split(".")[0] for key in moved} == {"backbone", "head"}
    assert method.translated(torch.zeros(2, 2)) is None


@pytest.mark.parametrize("name", WEIGHTS)
def test_on_pictures_all_that_it_is_made_of_moves(name: str, seen: Bench) -> None:
    method, has, moved = trained_parts(name, seen, {})
    assert moved == has
    x = method.preprocessing("source")(seen.source.unlabelled("test").read(torch.arange(3)))
    made = method.translated(x)
    assert made is not None
    assert made.shape == (3, 3, 28, 28)
    assert made.dtype == torch.uint8
    wrapped = WithAverage(method)
    assert torch.equal(wrapped.translated(x), made)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("size", [16, 64])
def test_pictures_of_other_sizes(name: str, size: int) -> None:
    bench = Bench(pictures("dark", 0.2, size), pictures("bright", 1.0, size), f"small-cnn?size={size}", steps=5)
    method, _, _ = trained_parts(name, bench, {})
    assert all(value.isfinite().all() for value in method.state_dict().values())
    ready = method.preprocessing("source")(bench.source.unlabelled("test").read(torch.arange(2)))
    assert method.translated(ready).shape == (2, 3, size, size)


def test_vectors_are_no_pictures(bench: Bench) -> None:
    for name in WEIGHTS:
        assert bench.method(name, METHODS.resolve(name)).translated(torch.zeros(2, 2)) is None


def test_i2i_refuses_labels_on_pictures_that_nothing_teaches(bench: Bench) -> None:
    bench.options = OFF["i2i"] | {"translated_label_weight": 0.1}
    with pytest.raises(LandbridgeError, match="nothing teaches the decoders"):
        bench.method("i2i", I2I)


def test_cycada_refuses_a_negative_pool(bench: Bench) -> None:
    bench.options = {"pool": "-1"}
    with pytest.raises(LandbridgeError, match="0 for none, not -1"):
        bench.method("cycada", METHODS.resolve("cycada"))


def test_i2i_adversary_moves_the_target_side_alone(bench: Bench) -> None:
    """The features' game is lost by the target's features; the source's are what they shall look like."""
    method = bench.method("i2i", I2I)
    trainer = bench.trainer()
    trainer.method, trainer.domains = method, bench.views(I2I)
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    looked = method.look(batch)
    looked.source.retain_grad()
    looked.target.retain_grad()
    method.terms(looked, Moment("train", 5, 10))["fooling"].backward(retain_graph=True)
    assert looked.source.grad is None
    assert looked.target.grad.any()
    made = looked.translated[0]
    made.retain_grad()
    method.terms(looked, Moment("train", 5, 10))["translated_classification"].backward()
    assert made.grad is None


def test_cycada_has_the_phases_that_its_terms_ask_for(bench: Bench) -> None:
    def names(**options: float) -> list[str]:
        method = make_method(
            "cycada", METHODS.resolve("cycada"), bench.method("dann", METHODS.resolve("dann")).setup, options
        )
        return [phase.name for phase in method.phases()]

    assert names() == ["source", "pixels", "features"]
    assert names(pixel_weight=0, cycle_weight=0, semantic_weight=0) == ["source", "features"]


def test_cycada_judges_meaning_by_the_frozen_source_classifier(bench: Bench, tmp_path: Path) -> None:
    """In `pixels` neither backbone nor head moves."""
    bench.steps = 50
    method = bench.method("cycada", METHODS.resolve("cycada"))
    states: dict[str, list[torch.Tensor]] = {}
    original = method.after_step

    def after_step(at: Moment) -> None:
        states.setdefault(at.phase, []).append(method.head.output.weight.detach().clone())
        original(at)

    method.after_step = after_step  # type: ignore[method-assign]
    bench.trainer(tmp_path).fit(method, bench.views(type(method)))
    assert torch.equal(states["pixels"][0], states["source"][-1])
    assert torch.equal(states["pixels"][-1], states["pixels"][0])
    assert not torch.equal(states["features"][-1], states["pixels"][0])
