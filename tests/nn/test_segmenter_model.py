import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.models import Classifier
from landbridge.nn.segmenter_model import Segmenter, _starts
from landbridge.nn.segmenters import make_segmenter

CLASSES = ("road", "sky", "tree")
SPEC = "light/tiny_nets:pyramid?head.width=8"


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 45, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(make_segmenter(SPEC, CLASSES), CLASSES).eval()


class Pixelwise(nn.Module):
    """Logits that depend on the pixel alone, so that windows change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * self.layer(x)


def test_predictions_are_the_likeliest_classes_at_the_images_own_size(model: Segmenter, images: torch.Tensor) -> None:
    with torch.no_grad():
        expected = model.network(model.preprocessing(images)).softmax(1)
    probabilities = model.probabilities(images)
    torch.testing.assert_close(probabilities, expected)
    labels = model.predict(images)
    assert labels.dtype == torch.uint8
    assert labels.shape == (3, 45, 70)
    assert torch.equal(labels.long(), probabilities.argmax(1))
    assert torch.equal(model.predict(images, batch_size=1), labels)


def test_a_network_of_a_fixed_size_answers_at_the_images_size(images: torch.Tensor) -> None:
    model = Segmenter(make_segmenter(SPEC + "&size=64x96", 3), CLASSES).eval()
    with torch.no_grad():
        logits = model.network(model.preprocessing(images))
    assert logits.shape == (3, 3, 64, 96)
    expected = F.interpolate(logits, (45, 70), mode="bilinear").softmax(1)
    torch.testing.assert_close(model.probabilities(images), expected)


def test_mirror_images_are_averaged(model: Segmenter, images: torch.Tensor) -> None:
    expected = (model.probabilities(images) + model.probabilities(images.flip(3)).flip(3)) / 2
    torch.testing.assert_close(model.probabilities(images, flip=True), expected)
    torch.testing.assert_close(model.probabilities(images.flip(3), flip=True), expected.flip(3))


def test_scales_are_averaged(model: Segmenter, images: torch.Tensor) -> None:
    large = F.interpolate(images, (90, 140), mode="bilinear", antialias=True)
    with torch.no_grad():
        logits = model.network(model.preprocessing(large))
    twice = F.interpolate(logits, (45, 70), mode="bilinear").softmax(1)
    torch.testing.assert_close(model.probabilities(images, scales=(2,)), twice, rtol=1e-3, atol=1e-3)
    expected = (model.probabilities(images) + twice) / 2
    torch.testing.assert_close(model.probabilities(images, scales=(1, 2)), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("window", [(16, 16), (45, 30), (100, 100), (1, 70)])
def test_windows_change_nothing_for_a_network_that_sees_single_pixels(
    images: torch.Tensor, window: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    model = Segmenter(make_segmenter(Pixelwise(), 3), CLASSES).eval()
    torch.testing.assert_close(model.probabilities(images, window=window), model.probabilities(images))


def test_each_window_is_seen_alone(model: Segmenter, images: torch.Tensor) -> None:
    windows = [model.probabilities(images[:, :, :, left : left + 52]) for left in (0, 18)]
    told = model.probabilities(images, window=(45, 52))
    torch.testing.assert_close(told[..., :18], windows[0][..., :18])
    torch.testing.assert_close(told[..., 52:], windows[1][..., 34:])
    torch.testing.assert_close(told[..., 18:52], (windows[0][..., 18:] + windows[1][..., :34]) / 2)


def test_windows_cover_all_and_overlap_by_a_third() -> None:
    for length in range(1, 40):
        for side in range(1, length + 1):
            starts = _starts(length, side)
            assert starts[0] == 0
            assert starts[-1] == length - side
            steps = [b - a for a, b in itertools.pairwise(starts)]
            assert all(0 < step <= max(1, side * 2 / 3) + 1 for step in steps)


def test_no_images_give_no_labels(model: Segmenter) -> None:
    none = torch.zeros(0, 3, 20, 30, dtype=torch.uint8)
    assert model.predict(none).shape == (0, 20, 30)
    assert model.probabilities(none).shape == (0, 3, 20, 30)


def test_saves_and_loads_whole(model: Segmenter, images: torch.Tensor, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    described = json.loads((tmp_path / "model/model.json").read_text())
    assert described["kind"] == "segmenter"
    with pytest.raises(LandbridgeError, match=r"pass --backbone light/tiny_nets:pyramid\?head.width=8 if you trust"):
        Segmenter.load(tmp_path / "model")
    loaded = Segmenter.load(tmp_path / "model", SPEC)
    assert loaded.classes == CLASSES
    assert torch.equal(loaded.probabilities(images), model.probabilities(images))
    assert loaded.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("spec", ["small-cnn", "deeplabv2/small-cnn?head.rates=1,2&head.stride=4&size=32x48"])
def test_networks_of_ours_load_by_themselves(spec: str, images: torch.Tensor, tmp_path: Path) -> None:
    model = Segmenter(make_segmenter(spec, 3), CLASSES)
    model.save(tmp_path / "model")
    loaded = Segmenter.load(tmp_path / "model")
    assert torch.equal(loaded.predict(images), model.predict(images))


def test_the_fingerprint_follows_the_weights(model: Segmenter) -> None:
    other = Segmenter(make_segmenter(SPEC, 3), CLASSES)
    other.load_state_dict(model.state_dict())
    assert other.fingerprint() == model.fingerprint()
    with torch.no_grad():
        other.network.head.bias[0] += 1  # type: ignore[index, operator, union-attr]
    assert other.fingerprint() != model.fingerprint()


def test_the_backbone_of_a_saved_segmenter_starts_another_network(model: Segmenter, tmp_path: Path) -> None:
    model.save(tmp_path / "run/model")
    backbone = make_backbone("tiny_nets:pyramid", tmp_path / "run")
    assert model.network.backbone is not None
    for mine, theirs in zip(backbone.network.parameters(), model.network.backbone.network.parameters()):
        assert torch.equal(mine, theirs)


def test_what_was_handed_over_as_a_module_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(LandbridgeError, match="make it by name"):
        Segmenter(make_segmenter(Pixelwise(), 3), CLASSES).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_models_of_other_kinds_are_told_apart(model: Segmenter, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    with pytest.raises(LandbridgeError, match="holds a segmenter model, not a classifier one"):
        Classifier.load(tmp_path / "model")


def test_bad_input_is_one_line(model: Segmenter, images: torch.Tensor) -> None:
    with pytest.raises(BadDataError, match="are no images"):
        model.predict(images.float())
    with pytest.raises(LandbridgeError, match="both sides are 1 or more"):
        model.predict(images, window=(0, 5))
    with pytest.raises(LandbridgeError, match="scales are numbers above 0"):
        model.predict(images, scales=())
    with pytest.raises(LandbridgeError, match="2 class names for a network of 3 classes"):
        Segmenter(model.network, CLASSES[:2])
