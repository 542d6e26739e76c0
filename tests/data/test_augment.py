import pytest
import torch

from landbridge.data.augment import augmentation, crop_flip, rand

RAMP = torch.linspace(10, 250, 64).round()


def ramps(count: int) -> torch.Tensor:
    """Images that grow brighter from left to right in red, and from top to bottom in green."""
    image = torch.stack([RAMP.expand(64, 64), RAMP.expand(64, 64).T, torch.full((64, 64), 100.0)])
    return image.to(torch.uint8).expand(count, -1, -1, -1).contiguous()


def test_crops_lie_within_the_image_and_keep_their_share_of_it() -> None:
    torch.manual_seed(0)
    cut = crop_flip(ramps(400)).float()
    assert float(cut[:, :2].min()) >= 10
    assert float(cut[:, :2].max()) <= 250
    assert (cut[:, 2] == 100).all()
    step = 240 / 63
    width = (cut[:, 0, 0, -1] - cut[:, 0, 0, 0]).abs() / (63 * step)
    height = (cut[:, 1, -1, 0] - cut[:, 1, 0, 0]) / (63 * step)
    area = width * height
    assert (height > 0).all(), "nothing stands on its head"
    assert 0.45 <= float(area.min()) < 0.55
    assert 0.93 <= float(area.max()) <= 1.0
    mirrored = (cut[:, 0, 0, 0] > cut[:, 0, 0, -1]).float().mean()
    assert float(mirrored) == pytest.approx(0.5, abs=0.1)
    left = cut[:, 0, 0].amin(1)
    assert len(left.unique()) > 20, "places differ"


def test_a_whole_crop_is_the_image_or_its_mirror() -> None:
    images = torch.randint(0, 256, (16, 1, 9, 7), dtype=torch.uint8)
    for image, cut in zip(images, crop_flip(images, least=1.0, ratio=1.0)):
        assert torch.equal(cut, image) or torch.equal(cut, image.flip(-1))


def test_each_image_has_operations_of_its_own() -> None:
    torch.manual_seed(0)
    changed = rand(ramps(24))
    assert len({image.numpy().tobytes() for image in changed}) > 12


@pytest.mark.parametrize("name", ["rand", "rand-flip", "crop-flip"])
def test_grey_images_and_batches_of_one(name: str) -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        changed = augmentation(name)(torch.randint(0, 256, (1, 1, 28, 20), dtype=torch.uint8))
        assert changed.shape == (1, 1, 28, 20)
        assert changed.dtype == torch.uint8
