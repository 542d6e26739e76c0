import numpy as np
import pytest
import torch

from landbridge.data.rendering import _FACES, Recipe, _glyphs, balanced_labels, render

PLAIN = Recipe(
    size=28, height=(20, 20), rotation=0, shear=0, stretch=(1, 1), shift=0, weight=(0, 0), outlined=0, outline=(1, 1),
    blur=(1, 1), contrast=120, textured=0, noise=(0, 0), neighbours=0,
)  # fmt: skip


def ink(images: np.ndarray) -> np.ndarray:
    """How much each pixel differs from the ground in the corner, 0 to 1."""
    grey = images.astype(float).mean(axis=1)
    away = np.abs(grey - grey[:, :1, :1])
    return away / away.max(axis=(1, 2), keepdims=True)


def test_every_face_has_ten_different_digits_of_one_height():
    atlas, widths = _glyphs()
    assert tuple(atlas.shape[:2]) == (len(_FACES), 10)
    inside = atlas > 0
    heights = inside.any(dim=3).sum(dim=2)
    assert (heights.max(dim=1).values - 64).abs().max() <= 2
    assert (inside.any(dim=2).sum(dim=2) - widths).abs().max() <= 3
    shapes = inside.flatten(2).float()
    for face in shapes:  # a missing glyph would look like another missing glyph
        overlap = face @ face.T / face.sum(1)[:, None]
        assert (overlap - torch.eye(10)).max() < 0.95
    assert (~inside[:, :, [0, -1]]).all()


def test_height_position_and_seed():
    labels = balanced_labels(60, [1])
    assert torch.bincount(labels).tolist() == [6] * 10
    images = render(labels, PLAIN, [5])
    assert (images.dtype, images.shape) == (np.uint8, (60, 3, 28, 28))
    assert (images == render(labels, PLAIN, [5])).all()
    assert (images != render(labels, PLAIN, [6])).any()
    rows = (ink(images) > 0.5).any(axis=2)
    heights = rows.sum(axis=1)
    assert 18 <= np.percentile(heights, 75) <= 22
    assert abs((rows * np.arange(28)).sum() / rows.sum() - 13.5) < 1.5


@pytest.mark.parametrize(
    ("change", "grows"),
    [
        ({"weight": (1, 1)}, 1.2),
        ({"outlined": 1.0, "outline": (2, 2)}, 1.2),
        ({"neighbours": 1.0}, 1.2),
        ({"height": (12, 12)}, 0.2),
    ],
)
def test_what_changes_the_ink(change, grows):
    labels = balanced_labels(200, [1])
    before = (ink(render(labels, PLAIN, [5])) > 0.2).mean()
    after = (ink(render(labels, Recipe(**(vars(PLAIN) | change)), [5])) > 0.2).mean()
    assert after > grows * before if grows > 1 else after < before * 0.6


def test_contrast_is_kept():
    images = render(torch.full((300,), 8), PLAIN, [0]).astype(float)
    luma = np.tensordot([0.299, 0.587, 0.114], images, axes=(0, 1))
    assert (luma.max(axis=(1, 2)) - luma.min(axis=(1, 2))).min() > 100
