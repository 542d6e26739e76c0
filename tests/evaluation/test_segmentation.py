import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.masks import ArrayMasks
from landbridge.evaluation.metrics import evaluate_pixels
from landbridge.evaluation.segmentation import (
    SegmentationScores,
    confusion_matrix,
    intersection_over_union,
    mean_of_known,
    shared_and_private,
)
from landbridge.nn.segmenter_model import Segmenter
from landbridge.nn.segmenters import make_segmenter

VOID = 255


def masks(classes: int, seed: int, void: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    predicted, truth = (torch.randint(0, classes, (2, 9, 7), generator=generator).to(torch.uint8) for _ in "ab")
    truth[torch.rand(truth.shape, generator=generator) < void] = VOID
    return predicted, truth


@given(st.sampled_from([1, 2, 11, 19, 127, 128, 129, 255]), st.integers(0, 99))
def test_equals_the_naive_count(classes: int, seed: int) -> None:
    predicted, truth = masks(classes, seed)
    expected = torch.zeros(classes, classes, dtype=torch.int64)
    for p, t in zip(predicted.flatten().tolist(), truth.flatten().tolist()):
        if t != VOID:
            expected[t, p] += 1
    assert torch.equal(confusion_matrix(predicted, truth, classes), expected)


def test_equals_torchmetrics() -> None:
    predicted, truth = masks(19, 0)
    theirs = multiclass_confusion_matrix(predicted.long(), truth.long(), 19, ignore_index=VOID)
    ours = confusion_matrix(predicted, truth, 19)
    assert torch.equal(ours, theirs)
    jaccard = multiclass_jaccard_index(predicted.long(), truth.long(), 19, average=None, ignore_index=VOID)
    torch.testing.assert_close(torch.tensor(intersection_over_union(ours)), jaccard)


def test_labels_out_of_range_are_counted_and_named() -> None:
    predicted, truth = masks(3, 0)
    truth[0, 0, :4], truth[1, 2, 2] = 7, 200
    with pytest.raises(BadDataError, match=r"5 labelled pixels .* 3 classes: labels 7 \(4 pixels\), 200 \(1 pixels\)"):
        confusion_matrix(predicted, truth, 3)
    predicted[0, 0, 0] = 3
    with pytest.raises(ValueError, match="a prediction of 3 is none of 3 classes"):
        confusion_matrix(predicted, truth, 3)
    with pytest.raises(ValueError, match="uint8 and of one shape"):
        confusion_matrix(predicted.long(), truth, 3)
    with pytest.raises(ValueError, match="uint8 and of one shape"):
        confusion_matrix(predicted[:1], truth, 3)


def test_a_class_that_nobody_saw_has_no_number() -> None:
    confusion = torch.tensor([[2, 1, 0, 0], [0, 3, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    assert intersection_over_union(confusion) == [0.5, 0.75, None, 0.0]
    assert mean_of_known([0.5, 0.75, None, 0.0]) == pytest.approx(1.25 / 3)
    assert mean_of_known([None]) is None


def test_scores_have_names() -> None:
    confusion = torch.tensor([[3, 1], [0, 4]])
    scores = SegmentationScores(("road", "tuk-tuk"), confusion, 2, private=("tuk-tuk",))
    metrics = scores.as_metrics("target")
    assert metrics["target_miou"] == pytest.approx((0.75 + 0.8) / 2)
    assert metrics["target_per_class_iou"] == {"road": 0.75, "tuk-tuk": 0.8}
    assert metrics["target_pixel_accuracy"] == 7 / 8
    assert metrics["target_mean_class_accuracy"] == (0.75 + 1) / 2
    assert (metrics["target_shared_miou"], metrics["target_private_miou"]) == (0.75, 0.8)
    assert metrics["target_harmonic_miou"] == pytest.approx(2 * 0.75 * 0.8 / 1.55)
    assert scores.by_kind == {name: metrics[f"target_{name}"] for name in scores.by_kind}
    assert "target_shared_miou" not in SegmentationScores(("a", "b"), confusion, 2).as_metrics("target")


def test_never_calling_a_private_class_has_a_harmonic_mean_of_0() -> None:
    found = shared_and_private({"road": 0.7, "sky": None, "tuk-tuk": 0.0}, ["tuk-tuk"])
    assert found == {"shared_miou": 0.7, "private_miou": 0.0, "harmonic_miou": 0.0}
    assert shared_and_private({"road": 0.7, "tuk-tuk": None}, ["tuk-tuk"])["harmonic_miou"] is None


def domain(classes: tuple[str, ...] = ("a", "b", "c")) -> Domain:
    _, truth = masks(3, 0)
    images = torch.randint(0, 256, (2, 3, 9, 7), dtype=torch.uint8)
    return Domain("streets", classes, {"test": Examples(Arrays(images), ArrayMasks(truth))})


def test_a_segmenter_is_measured_on_sealed_masks() -> None:
    streets = domain()
    model = Segmenter(make_segmenter(torch.nn.Conv2d(3, 3, 1), 3), ("a", "b", "c"))
    view = streets.unlabelled("test")
    scores = evaluate_pixels(model, view)
    images = view.read(torch.arange(2))
    truth = streets.splits["test"].y
    assert isinstance(truth, ArrayMasks)
    assert torch.equal(scores.confusion, confusion_matrix(model.predict(images), truth.values, 3))
    assert scores.images == 2
    at_size = evaluate_pixels(model, view, size=(18, 14), private=("c",), flip=True)
    assert int(at_size.confusion.sum()) == 4 * int(scores.confusion.sum())
    assert at_size.private == ("c",)


def test_a_model_without_the_private_classes_is_wrong_where_they_are() -> None:
    streets = domain(("a", "b", "tuk-tuk"))
    model = Segmenter(make_segmenter(torch.nn.Conv2d(3, 2, 1), 2), ("a", "b"))
    view = streets.unlabelled("test")
    scores = evaluate_pixels(model, view, private=("tuk-tuk",))
    truth = streets.splits["test"].y
    assert isinstance(truth, ArrayMasks)
    assert torch.equal(scores.confusion, confusion_matrix(model.predict(view.read(torch.arange(2))), truth.values, 3))
    assert scores.confusion[2].sum() > 0
    assert scores.classes == ("a", "b", "tuk-tuk")
    assert (scores.by_kind["private_miou"], scores.by_kind["harmonic_miou"]) == (0, 0)
    with pytest.raises(BadDataError, match=r"classes \(a, b\) are not those of streets \(a, b, tuk-tuk\)"):
        evaluate_pixels(model, view)


def test_what_cannot_be_measured_is_one_line() -> None:
    model = Segmenter(make_segmenter(torch.nn.Conv2d(3, 3, 1), 3), ("a", "b", "c"))
    with pytest.raises(BadDataError, match=r"classes \(a, b, c\) are not those of streets \(a, b, d\)"):
        evaluate_pixels(model, domain(("a", "b", "d")).unlabelled("test"))
    images = Arrays(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    plain = Domain("flat", ("a", "b", "c"), {"test": Examples(images, torch.tensor([0, 1]))})
    with pytest.raises(BadDataError, match="no class for each pixel"):
        evaluate_pixels(model, plain.unlabelled("test"))
    empty = domain().unlabelled("test").subset(torch.empty(0, dtype=torch.int64))
    with pytest.raises(BadDataError, match="no images to measure"):
        evaluate_pixels(model, empty)
