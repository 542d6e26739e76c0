import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from landbridge.losses import (
    balanced_labels,
    class_thresholds,
    feature_distance,
    pixel_accuracy,
    pixel_cross_entropy,
    sure_share,
)

VOID = 255


def drawn(classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, classes, 3, 4, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, classes, (2, 3, 4), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.3] = VOID
    return logits, labels


@given(st.integers(2, 6), st.integers(0, 99))
def test_cross_entropy_equals_the_naive_mean(classes: int, seed: int) -> None:
    logits, labels = drawn(classes, seed)
    weights = torch.rand(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    plain = weighted = 0.0
    count = 0
    for n, h, w in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4)).tolist():
        if labels[n, h, w] != VOID:
            powers = [math.exp(v) for v in logits[n, :, h, w].tolist()]
            loss = -math.log(powers[int(labels[n, h, w])] / sum(powers))
            plain, weighted, count = plain + loss, weighted + loss * float(weights[n, h, w]), count + 1
    assert float(pixel_cross_entropy(logits, labels)) == pytest.approx(plain / max(count, 1), rel=1e-9)
    assert float(pixel_cross_entropy(logits, labels, weights)) == pytest.approx(weighted / max(count, 1), rel=1e-9)


def test_gradients_are_right_and_nothing_is_learned_from_void() -> None:
    logits, labels = drawn(3, 0)
    logits.requires_grad_()
    weights = torch.rand(2, 1, 1, dtype=torch.float64)
    assert gradcheck(lambda z: pixel_cross_entropy(z, labels), (logits,))
    assert gradcheck(lambda z: pixel_cross_entropy(z, labels, weights), (logits,))
    for given_weights in (None, weights):
        loss = pixel_cross_entropy(logits, torch.full_like(labels, VOID), given_weights)
        loss.backward()
        assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_sure_share_counts_pixels() -> None:
    logits, _ = drawn(3, 1)
    p = logits.softmax(1)
    expected = [sum(v > 0.6 for v in image.flatten().tolist()) / 12 for image in p.amax(1)]
    assert sure_share(p, 0.6).tolist() == pytest.approx(expected)


@given(st.integers(1, 30), st.integers(1, 5), st.floats(0.01, 1), st.integers(0, 99))
def test_thresholds_are_those_of_the_naive_ranking(count: int, classes: int, share: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    certainty = torch.rand(count, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, classes, (count,), generator=generator)
    found = class_thresholds(certainty, labels, classes + 1, share)
    for k in range(classes + 1):
        ranked = sorted((float(c) for c, y in zip(certainty, labels) if y == k), reverse=True)
        place = max(int(len(ranked) * torch.tensor(share)) - 1, 0)
        assert float(found[k]) == (ranked[place] if ranked else 1.0)


def test_no_pixels_give_thresholds_that_nothing_reaches() -> None:
    found = class_thresholds(torch.empty(0), torch.empty(0, dtype=torch.int64), 3, 0.5)
    assert found.tolist() == [1, 1, 1]


def test_balanced_labels_divide_by_the_thresholds() -> None:
    logits, _ = drawn(4, 2)
    p = logits.softmax(1)
    thresholds = torch.tensor([0.9, 0.5, 0.3, 0.7], dtype=torch.float64)
    found = balanced_labels(p, thresholds)
    for n, h, w in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4)).tolist():
        ratios = [float(p[n, k, h, w] / thresholds[k]) for k in range(4)]
        assert int(found[n, h, w]) == (ratios.index(max(ratios)) if max(ratios) >= 1 else VOID)
    assert {VOID} < set(found.unique().tolist())


def test_the_surest_share_of_each_class_is_labelled() -> None:
    """Thresholds and labels together: of a class that is never very sure, the same share is kept."""
    torch.manual_seed(0)
    p = (torch.randn(1, 3, 40, 50) * 2 + torch.tensor([2.0, 0.0, 0.5]).view(1, 3, 1, 1)).softmax(1)
    certainty, called = p.max(1)
    thresholds = class_thresholds(certainty.flatten(), called.flatten(), 3, 0.3)
    labels = balanced_labels(p, thresholds)
    for k in range(3):
        own = called == k
        assert int((labels[own] != VOID).sum()) >= int(0.3 * int(own.sum()))


def test_the_distance_counts_places_of_things_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    features, reference = (torch.randn(2, 5, 2, 3, dtype=torch.float64, generator=generator) for _ in "ab")
    labels = torch.randint(0, 2, (2, 8, 12), generator=generator)  # 4 x 4 pixels a place
    labels[0, :4, :4], labels[1, 4:, 8:], labels[1, :4, :3] = 5, 6, 5
    labels[0, :4, 4:6], labels[0, :4, 6:8] = 5, 6  # two things share a place: neither has three quarters
    moved = [(features - reference)[0, :, 0, 0].norm(), (features - reference)[1, :, 1, 2].norm()]
    found = feature_distance(features, reference, labels, torch.tensor([5, 6]))
    assert float(found) == pytest.approx(float(sum(moved)) / 2)
    more = feature_distance(features, reference, labels, torch.tensor([5, 6]), share=0.7)
    assert float(more) == pytest.approx((float(sum(moved)) + float((features - reference)[1, :, 0, 0].norm())) / 3)


def test_the_distance_moves_the_features_alone() -> None:
    features, reference = (torch.randn(1, 3, 2, 2, dtype=torch.float64).requires_grad_() for _ in "ab")
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    assert gradcheck(lambda f: feature_distance(f, reference.detach(), labels, torch.tensor([0])), (features,))
    feature_distance(features, reference, labels, torch.tensor([0])).backward()
    assert features.grad is not None
    assert reference.grad is None
    features.grad = None
    empty = feature_distance(features, reference, labels, torch.tensor([1]))
    empty.backward()
    assert float(empty.detach()) == 0
    assert not features.grad.any()  # type: ignore[union-attr]


def test_accuracy_leaves_void_out() -> None:
    logits = torch.eye(3)[torch.tensor([[0, 1, 2, 2]])].movedim(2, 1)[None].permute(1, 2, 0, 3)
    assert pixel_accuracy(logits, torch.tensor([[[0, 0, 2, 255]]])) == pytest.approx(2 / 3)
    assert pixel_accuracy(logits, torch.full((1, 1, 4), 255)) == 0
