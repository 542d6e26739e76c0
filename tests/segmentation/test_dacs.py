"""DACS, and what DAFormer and MIC add to it."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.data.rare_classes import RareClasses
from landbridge.nn.segmenters import make_segmenter
from landbridge.segmentation import METHODS, dacs, mic
from landbridge.segmentation.base import SegmentationSetup
from landbridge.segmentation.dacs import DACS
from landbridge.segmentation.daformer import DAFormer
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Moment
from landbridge.training.trainer import set_mode
from toy_scenes import CLASSES, left_half, odd_classes, toy_bench

AT = Moment("train", 0, 100)


def setup_of() -> SegmentationSetup:
    return SegmentationSetup(CLASSES, network=make_segmenter("small-cnn", 3))


def look(name: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Any, Any, Any]:
    """A method, a batch, and what it sees of it; without dropout, and with a mask that is not drawn."""
    monkeypatch.setattr(dacs, "class_mask", odd_classes)
    monkeypatch.setattr(mic, "visible_patches", left_half)
    bench = toy_bench(options={"recolour": "none", **options})
    method = bench.method(name, METHODS.resolve(name))
    set_mode(method, True)
    trainer = bench.trainer()
    trainer.method, trainer.domains = method, bench.views(type(method))
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    return method, batch, method.look(batch)  # type: ignore[attr-defined]


def test_mixing_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cars of the source on the target; where none are pasted, the teacher's labels at the teacher's trust."""
    method, batch, seen = look("dacs", monkeypatch, threshold=0.4, weight=2.0)
    source, target, passed = batch["source"], batch["target"], []
    original = method.levels_of
    monkeypatch.setattr(method, "levels_of", lambda *inputs: (passed.extend(inputs), original(*inputs))[1])
    seen = method.look(batch)
    cars = source.y == 1
    assert passed[0] is source.x
    torch.testing.assert_close(passed[1], torch.where(cars[:, None], source.x, target.x), atol=0.01, rtol=0)
    assert torch.equal(seen.labels[cars], source.y[cars])
    assert torch.equal(seen.labels[~cars], seen.pseudo[~cars])
    assert (seen.weights[cars] == 1).all()
    for image in range(4):
        assert (seen.weights[image][~cars[image]] == seen.trust[image]).all()
    assert 0 < seen.trust.mean() < 1
    naive = F.cross_entropy(seen.target[0], seen.labels, reduction="none") * seen.weights
    torch.testing.assert_close(method.terms(seen, AT)["mixed"], 2 * naive.mean())


def test_recoloured_images_stay_images(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, _ = look("dacs", monkeypatch)
    x = batch["target"].x
    torch.testing.assert_close(method.recoloured(x), x, atol=1e-5, rtol=0)
    changed = DACS(setup_of(), recolour="strong").recoloured(x)
    assert changed.shape == x.shape
    assert (changed - x).abs().mean() > 0.02


def test_the_teacher_follows_with_statistics_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    method, _, _ = look("dacs", monkeypatch)
    teacher = method.teacher.module
    own = teacher.backbone.network.norm1.running_mean.clone()
    assert not torch.equal(own, torch.zeros_like(own)), "it has looked at the target"
    with torch.no_grad():
        method.network.head.bias += 1
    before = teacher.head.bias.clone()
    method.after_step(AT)
    torch.testing.assert_close(teacher.head.bias, before + 0.9)
    assert torch.equal(teacher.backbone.network.norm1.running_mean, own)
    assert method.model().network is teacher
    assert not teacher.training


def test_images_of_two_sizes_cannot_be_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, _ = look("dacs", monkeypatch)
    other = replace(batch["target"], x=torch.zeros(4, 3, 40, 48))
    with pytest.raises(LandbridgeError, match="32x32 cannot be mixed with target images of 40x48: name one size"):
        method.look({**batch, "target": other})


def test_source_images_are_drawn_by_rare_classes() -> None:
    bench = toy_bench()
    views = bench.views(DAFormer)
    method = bench.method("daformer", DAFormer)
    order = method.drawn("source", views["source"], 0)
    assert isinstance(order, RareClasses)
    assert isinstance(WithAverage(method).drawn("source", views["source"], 0), RareClasses)
    assert method.drawn("target", views["target"], 0) is None
    bench.options = {"temperature": 0}
    assert bench.method("daformer", DAFormer).drawn("source", views["source"], 0) is None
    trainer = bench.trainer(seed=3)
    trainer.method, trainer.domains = method, views
    batch = next(trainer._batches(method.phases()[0], 2, 3))
    assert torch.equal(batch["source"].index, RareClasses(views["source"], 3, 0.01).positions(2, 4))


def test_the_rate_rises_at_first() -> None:
    method = DAFormer(setup_of(), warm_up=0.1)
    usual = DACS(setup_of())
    moments = [Moment("train", step, 100) for step in range(100)]
    factors = [method.pace(at) / usual.pace(at) for at in moments]
    assert factors[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert factors[9:] == pytest.approx([1.0] * 91)
    assert DAFormer(setup_of(), warm_up=0.0).pace(moments[0]) == usual.pace(moments[0])


def test_features_are_held_where_they_began(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, _ = look("daformer", monkeypatch)
    assert method.get_buffer("things").tolist() == [1]
    with torch.no_grad():
        seen = method.look(batch)
        assert method.terms(seen, AT)["features"] < 1e-6, "at the start nothing has moved"
        method.network.backbone.network.norm3.bias += 1
        seen = method.look(batch)
    assert seen.maps.shape == (4, 128, 8, 8)
    moved = method.terms(seen, AT)["features"] / method.feature_weight
    assert 0 < moved < 128**0.5 + 0.1
    method.network.zero_grad()
    method.terms(method.look(batch), AT)["features"].backward()
    assert method.network.backbone.network.norm3.bias.grad.sum() > 0
    assert method.network.head.bias.grad is None


def test_things_that_are_none() -> None:
    other = SegmentationSetup(("road", "sky", "tree"), network=make_segmenter("small-cnn", 3))
    with pytest.raises(LandbridgeError, match=r"none of the classes is known as a thing .* --method\.things"):
        DAFormer(other)
    assert DAFormer(other, things="sky, road").get_buffer("things").tolist() == [0, 1]
    with pytest.raises(UnknownNameError, match="'trees' is none of the classes; did you mean 'tree'"):
        DAFormer(other, things="trees")
    whole = SegmentationSetup(CLASSES, network=make_segmenter("whole/tiny_nets:mapping?num_classes=3", 3))
    with pytest.raises(LandbridgeError, match="no backbone whose features could be held"):
        DAFormer(whole)
    assert not hasattr(DAFormer(whole, feature_weight=0), "beginning")


def test_the_masked_term_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, seen = look("mic", monkeypatch, masked_weight=3.0, threshold=0.4)
    method.network.eval()
    hidden = batch["target"].x.clone()
    hidden[..., 16:] = 0
    naive = F.cross_entropy(method.network(hidden), seen.pseudo, reduction="none").mean((1, 2)) * seen.trust
    torch.testing.assert_close(method.terms(seen, AT)["masked"], 3 * naive.mean(), atol=1e-4, rtol=1e-4)


def test_patches_are_a_share_of_the_height(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    method, _, seen = look("mic", monkeypatch, patch=0.25, hidden=0.6)

    def patches(count: int, height: int, width: int, patch: int, hidden: float, device: torch.device) -> torch.Tensor:
        asked.append((count, height, width, patch))
        assert hidden == 0.6
        return left_half(count, height, width, patch, hidden, device)

    monkeypatch.setattr(mic, "visible_patches", patches)
    method.terms(seen, AT)
    assert asked == [(4, 32, 32, 8)]
