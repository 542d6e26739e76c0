"""What is kept of a few scenes: the very images, labels, answers and entropies."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.data.domain import Domain, Examples
from landbridge.evaluation.collected import some
from landbridge.evaluation.scene_snapshot import LARGEST, SCENES, has_truth, take_scenes
from landbridge.evaluation.snapshot import load, save
from landbridge.nn.segmenter_model import Segmenter
from landbridge.nn.segmenters import make_segmenter
from toy_scenes import CLASSES, scenes

COLOURS = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]


@pytest.fixture(scope="module")
def model() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(make_segmenter("light/small-cnn?head.width=8", CLASSES), CLASSES)


@pytest.fixture(scope="module")
def pair() -> tuple[Domain, Domain]:
    return scenes("day", 8, 0, dusk=0), scenes("dusk", 8, 3, dusk=1)


def test_it_keeps_what_model_and_data_say(model: Segmenter, pair: tuple[Domain, Domain], tmp_path: Path) -> None:
    views = [domain.unlabelled("test") for domain in pair]
    save(take_scenes(model, views[0], views[1], COLOURS), tmp_path / "snapshot.npz")
    taken = load(tmp_path / "snapshot.npz")
    assert taken["colours"].tolist() == [list(colour) for colour in COLOURS]
    shown = some(views[1], SCENES)
    images = shown.read()
    assert taken["target_images"].tolist() == images.permute(0, 2, 3, 1).tolist()
    truth = pair[1].splits["test"].y.read(shown.index)
    assert taken["target_truth"].tolist() == truth.tolist()
    p = model.probabilities(images).double().numpy()
    assert taken["target_called"].tolist() == p.argmax(1).tolist()
    entropy = -(p * np.log(p)).sum(1) / math.log(3) * 255
    assert np.abs(taken["target_entropy"] - entropy).max() <= 0.51
    assert 0 <= float(taken["a_distance"]) <= 2
    assert has_truth(taken)


def test_large_images_are_shown_small(model: Segmenter) -> None:
    from landbridge.data.images import Arrays
    from landbridge.data.masks import ArrayMasks

    x = torch.zeros(3, 3, 300, 480, dtype=torch.uint8)
    y = torch.zeros(3, 300, 480, dtype=torch.uint8)
    y[:, :150] = 2
    domain = Domain("large", CLASSES, {"test": Examples(Arrays(x), ArrayMasks(y))})
    view = domain.unlabelled("test")
    taken = take_scenes(model, view, view, COLOURS)
    assert taken["target_images"].shape == (3, LARGEST * 300 // 480, LARGEST, 3)
    assert taken["target_truth"].shape == taken["target_called"].shape == (3, 150, LARGEST)
    assert (taken["target_truth"] == 2).mean() == 0.5


def test_without_labels_the_truth_is_void(model: Segmenter, pair: tuple[Domain, Domain]) -> None:
    test = pair[1].splits["test"]
    bare = Domain("bare", CLASSES, {"test": Examples(test.x)})
    taken = take_scenes(model, pair[0].unlabelled("test"), bare.unlabelled("test"), COLOURS)
    assert not has_truth(taken)
    assert (taken["target_truth"] == 255).all()


def test_domains_that_look_alike_are_near(model: Segmenter, pair: tuple[Domain, Domain]) -> None:
    day, dusk = (domain.unlabelled("test") for domain in pair)
    other_day = scenes("another day", 8, 7, dusk=0).unlabelled("test")
    near, far = (float(take_scenes(model, day, view, COLOURS)["a_distance"]) for view in (other_day, dusk))
    assert near < 0.5 < 0.8 < far
