import importlib.util

import numpy as np
import pytest
import torch

from landbridge.core.errors import LandbridgeError
from landbridge.data.registry import load_domain
from landbridge.nn import hog as module
from landbridge.nn.backbones import make_backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.taps import tap_points
from landbridge.training.features import FeatureStore


def waves(angle: float, size: int = 128, period: float = 16) -> torch.Tensor:
    """A grey grating whose brightness changes along `angle` degrees from the horizontal axis, uint8 [1, 1, H, W]."""
    at = torch.arange(size).double()
    along = at[None] * np.cos(np.radians(angle)) + at[:, None] * np.sin(np.radians(angle))
    return (127.5 + 100 * torch.sin(2 * torch.pi * along / period)).to(torch.uint8)[None, None]


def histogram(images: torch.Tensor, orientations: int = 4) -> torch.Tensor:
    """The sum over all cells of all blocks, [orientations]."""
    backbone = make_backbone(f"hog?orientations={orientations}")
    return backbone(backbone.preprocessing(images))[0].unflatten(0, (-1, orientations)).sum(0)


@pytest.mark.parametrize(
    ("spec", "width"),
    [
        ("hog", 15 * 15 * 2 * 2 * 9),  # blocks of 2 x 2 of the 16 x 16 cells, one cell apart
        ("hog?cell=16", 7 * 7 * 2 * 2 * 9),
        ("hog?cell=16&block=1&orientations=6", 8 * 8 * 6),
        ("hog?size=64x128", 7 * 15 * 2 * 2 * 9),
    ],
)
def test_widths(spec: str, width: int) -> None:
    backbone = make_backbone(spec)
    assert backbone.width == width
    assert list(tap_points(backbone).values()) == [""]


@pytest.mark.parametrize("turn", [0, 90])
def test_the_direction_of_the_gradient_is_what_is_counted(turn: int) -> None:
    found = histogram(waves(turn + 22.5))
    expected = (0 if turn == 0 else 2, 3 if turn == 0 else 1)  # 22.5 degrees, up or down: y points down in images
    assert int(found.argmax()) in expected
    assert found.max() > 3 * found.sort().values[-2]


def test_contrast_and_brightness_hardly_count() -> None:
    image = waves(30)
    backbone = make_backbone("hog")
    strong, faint = (backbone(backbone.preprocessing(x)) for x in (image, image // 2 + 60))
    assert (strong - faint).norm() < 0.1 * strong.norm()
    assert strong.isfinite().all()
    assert strong.max() <= 1


def test_settings_and_nothing_else_tell_stored_features_apart() -> None:
    names = ("hog", "hog?cell=16", "hog?orientations=8", "hog?block=3", "hog?size=64")
    assert len({fingerprint(make_backbone(name)) for name in names}) == len(names)
    assert fingerprint(make_backbone("hog")) == fingerprint(make_backbone("hog?cell=8"))


def test_a_domain_becomes_one_of_histograms(tmp_path) -> None:
    domain = load_domain("digits/handwritten")
    few = domain.only(domain.classes[:2])
    backbone = make_backbone("hog?size=32")
    found = FeatureStore(tmp_path, quiet=True).domains(backbone, few, list(tap_points(backbone).values()))[""]
    assert found.classes == few.classes
    view, images = found.labelled(), few.labelled()
    assert torch.equal(view.y, images.y)
    some = torch.tensor([0, 3])
    torch.testing.assert_close(view.read(some), backbone(backbone.preprocessing(images.read(some))))
    from landbridge.probing.svm import LinearSVM

    svm = LinearSVM(C=1.0, scaling="length").fit(view.read(torch.arange(0, 60)).numpy(), view.y[:60].numpy())
    assert svm.score(view.read(torch.arange(60, 120)).numpy(), view.y[60:120].numpy()) > 0.8


def test_bad_keys() -> None:
    with pytest.raises(LandbridgeError, match="backbone 'hog': cell is a whole number of at least 1, not 0"):
        make_backbone("hog?cell=0")
    with pytest.raises(LandbridgeError, match="orientations is a whole number of at least 1, not x"):
        make_backbone("hog?orientations=x")
    with pytest.raises(LandbridgeError, match="'hog\\?size=8' cannot read inputs of 3x8x8"):
        make_backbone("hog?size=8")
    with pytest.raises(LandbridgeError, match="no hub has weights of 'hog'"):
        make_backbone("hog", "hub")


def test_scikit_image_is_asked_for(monkeypatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "skimage" else there(name))
    with pytest.raises(LandbridgeError, match=r'needs scikit-image: pip install "landbridge\[handcrafted\]"'):
        make_backbone("hog")
