"""Label-free scores of segmenters against naive forms, and the gate against lost classes."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.masks import ArrayMasks
from landbridge.evaluation.pixel_validators import (
    PIXEL_VALIDATORS,
    PixelMaterial,
    PixelsSeen,
    jensen_shannon,
    kept,
    lost,
    pixel_scorer,
    pixel_scores,
)
from landbridge.evaluation.segmentation import intersection_over_union


class ByColour:
    """A stand-in for a segmenter: the probabilities of three classes are functions of red and of place."""

    def __init__(self, sure: float = 4.0, *, mirrored: bool = False, broken: bool = False) -> None:
        self.sure, self.mirrored, self.broken = sure, mirrored, broken

    def probabilities(self, images: Tensor) -> Tensor:
        red = images[:, 0].float() / 255
        side = torch.linspace(0, 1, images.shape[-1]).expand_as(red) if self.mirrored else torch.zeros_like(red)
        logits = torch.stack([red + side, 0.5 + 0 * red, 1 - red], 1)
        return (self.sure * (math.nan if self.broken else 1) * logits).softmax(1)

    def predict(self, images: Tensor) -> Tensor:
        return self.probabilities(images).argmax(1).to(torch.uint8)


@pytest.fixture
def toy() -> Domain:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (6, 3, 8, 10), generator=generator, dtype=torch.uint8)
    y = torch.randint(0, 3, (6, 8, 10), generator=generator, dtype=torch.uint8)
    y[:, :2] = 255
    half = Examples(Arrays(x), ArrayMasks(y))
    return Domain("toy", ("a", "b", "c"), {"train": half, "test": half})


def material(toy: Domain) -> PixelMaterial:
    return PixelMaterial.of(toy.unlabelled(), toy.labelled())


def test_what_is_seen_is_what_a_naive_count_finds(toy: Domain) -> None:
    model: Any = ByColour()
    seen = material(toy).look(model)
    images = toy.splits["train"].x.read(torch.arange(6))
    p = model.probabilities(images).double().numpy()
    assert seen.probabilities.numpy() == pytest.approx(p.mean((0, 2, 3)), abs=1e-6)
    assert seen.entropy == pytest.approx(float(-(p * np.log(p)).sum(1).mean()) / math.log(3), abs=1e-6)
    assert seen.called.tolist() == np.bincount(p.argmax(1).ravel(), minlength=3).tolist()
    labels = toy.splits["train"].y.read(torch.arange(6)).numpy()
    counts = np.bincount(labels[labels < 255], minlength=3)
    assert seen.shares.numpy() == pytest.approx(counts / counts.sum(), abs=1e-6)
    changed = np.zeros((3, 3), int)
    before = p.argmax(1)
    for factor in (None, 0.7, 1.4):
        other = images if factor is None else (images * factor).round().clamp(0, 255).to(torch.uint8)
        for i, j in zip(before.ravel(), model.predict(other).numpy().ravel()):
            changed[i, j] += 1
    assert seen.changed is not None
    assert seen.changed.tolist() == changed.tolist()


def test_a_model_that_looks_at_places_disagrees_with_itself_when_mirrored(toy: Domain) -> None:
    here: Any = ByColour()
    there: Any = ByColour(mirrored=True)
    looked = material(toy)
    mirrored = {"mirrored": looked.changes["mirrored"]}
    looked = PixelMaterial(looked.target, looked.shares, None, mirrored)
    scores = [PIXEL_VALIDATORS["agreement"](looked.look(model)) for model in (here, there)]
    assert scores[0] == 1.0
    assert scores[1] < 0.9


def test_agreement_is_a_mean_over_classes() -> None:
    changed = torch.tensor([[90, 0, 0], [10, 0, 0], [0, 0, 0]])
    seen = PixelsSeen(torch.ones(3) / 3, 0.5, torch.tensor([90, 10, 0]), torch.ones(3) / 3, changed)
    assert intersection_over_union(changed) == [0.9, 0.0, None]
    assert PIXEL_VALIDATORS["agreement"](seen) == pytest.approx(0.45)


def test_the_prior_is_the_divergence_that_scipy_has() -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        p, q = torch.rand(2, 7, generator=generator, dtype=torch.float64)
        p, q = p / p.sum(), q / q.sum()
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p.numpy(), q.numpy(), base=2) ** 2, abs=1e-9)


def test_surer_models_score_higher_by_entropy(toy: Domain) -> None:
    low: Any = ByColour(1.0)
    high: Any = ByColour(9.0)
    scores = [pixel_scores(material(toy).look(model)) for model in (low, high)]
    assert scores[0]["entropy"] < scores[1]["entropy"] < 0  # type: ignore[operator]
    assert set(scores[0]) == {"entropy", "agreement", "prior"}
    assert set(pixel_scores(material(toy).look(low, anew=False))) == {"entropy", "prior"}


def test_the_gate_counts_classes() -> None:
    shares = torch.tensor([0.6, 0.2, 0.1, 0.1, 0.0])
    called = torch.tensor([950, 30, 15, 5, 0])
    assert lost(called, shares).tolist() == [False, False, False, True, False]
    assert kept(PixelsSeen(shares, 0.1, called, shares)) == 0.75
    assert kept(PixelsSeen(shares, 0.1, torch.tensor([1000, 0, 0, 0, 0]), shares)) == 0.25


def test_a_collapsed_model_is_never_sound(toy: Domain) -> None:
    class OneClass(ByColour):
        def probabilities(self, images: Tensor) -> Tensor:
            return torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(len(images), 3, *images.shape[2:])

    judge = pixel_scorer("entropy", material(toy))
    assert judge is not None
    fine: Any = ByColour()
    collapsed: Any = OneClass()
    assert judge(collapsed).score > judge(fine).score
    assert (judge(collapsed).sound, judge(fine).sound) == (False, True)
    assert judge(fine).beats(judge(collapsed))


def test_a_model_without_numbers_is_never_sound(toy: Domain) -> None:
    broken: Any = ByColour(broken=True)
    judge = pixel_scorer("prior", material(toy))
    assert judge is not None
    assert not judge(broken).sound
    assert pixel_scores(material(toy).look(broken)) == {"entropy": None, "agreement": None, "prior": None}


def test_names_are_checked(toy: Domain) -> None:
    assert pixel_scorer("last", material(toy)) is None
    with pytest.raises(UnknownNameError, match=r"^unknown selection rule 'entropie' for a segmenter; did you mean"):
        pixel_scorer("entropie", material(toy))
    with pytest.raises(UnknownNameError, match=r"known: last, entropy, agreement, prior$"):
        pixel_scorer("xyz", material(toy))
    plain = Domain("plain", ("a", "b"), {"train": Examples(Arrays(torch.zeros(2, 3)), torch.tensor([0, 1]))})
    with pytest.raises(BadDataError, match=r"^plain has no class for each pixel"):
        PixelMaterial.of(plain.unlabelled(), plain.labelled())
