import pytest
import torch

from landbridge.core.errors import UnknownNameError
from landbridge.data import augment
from landbridge.data.label_maps import VOID
from landbridge.data.paired import (
    COLOUR,
    GEOMETRY,
    blur,
    brightness,
    geometric,
    jitter,
    moved,
    none,
    paired,
    recolouring,
    turned,
)

TELLING = torch.tensor([40, 90, 140, 190], dtype=torch.uint8)


def scenes(count=6, height=24, width=32):
    """Masks of four classes in large blocks, and images whose grey tells the class of each pixel."""
    blocks = torch.randint(0, 4, (count, 3, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    masks = blocks.repeat_interleave(height // 3, 1).repeat_interleave(width // 4, 2)
    return TELLING[masks.long()][:, None].expand(-1, 3, -1, -1).contiguous(), masks


@pytest.mark.parametrize("name", GEOMETRY)
def test_images_and_masks_move_alike(name):
    images, masks = scenes()
    torch.manual_seed(3)
    changed, labels = GEOMETRY[name](images, masks)
    assert changed.shape == images.shape
    assert labels.shape == masks.shape
    assert changed.dtype == labels.dtype == torch.uint8
    inside = labels != VOID
    assert inside.float().mean() > 0.5
    # Where a pixel is of one class alone, not mixed at an edge, its grey tells the class.
    plain = (changed[:, 0, :, :, None].int() - TELLING.int()).abs().amin(-1) <= 1
    agree = TELLING[labels.long().clamp(max=3)] == changed[:, 0]
    close = (TELLING[labels.long().clamp(max=3)].int() - changed[:, 0].int()).abs() <= 1
    assert (agree | close)[inside & plain].float().mean() > 0.99
    assert (inside & plain).float().mean() > 0.4
    # Half a pixel beyond the edge, half of the edge is still mixed in.
    assert (changed[:, 0][~inside] <= 95).all()


@pytest.mark.parametrize("name", GEOMETRY)
def test_sealed_images_move_as_if_they_had_masks(name):
    images, masks = scenes()
    torch.manual_seed(5)
    with_masks, _ = GEOMETRY[name](images, masks)
    torch.manual_seed(5)
    alone, labels = GEOMETRY[name](images, None)
    assert labels is None
    assert torch.equal(alone, with_masks)


def test_names_shared_with_images_mean_the_same():
    images, masks = scenes()
    for name in ("none", "flip", "crop-flip"):
        torch.manual_seed(7)
        alone = augment.augmentation(name)(images)
        torch.manual_seed(7)
        assert torch.equal(paired(name).geometry(images, masks)[0], alone)


def test_what_comes_in_from_outside_is_black_and_void():
    images, masks = scenes()
    half = torch.zeros(6, 2, 3)
    half[:, 0, 0] = half[:, 1, 1] = 2.0
    changed, labels = moved(images, masks, half, "zeros")
    assert (labels[:, 6:18, 8:24] != VOID).all()
    assert (labels[:, :6] == VOID).all()
    assert (changed[:, :, :5] == 0).all()
    voids = torch.full_like(masks, VOID)
    assert (moved(images, voids, half, "border")[1] == VOID).all()


def test_scales_are_within_their_bounds():
    ramp = torch.arange(64, dtype=torch.uint8).expand(200, 1, 16, 64) * 4
    torch.manual_seed(0)
    steps = geometric(ramp, None, 1.0, 2.0)[0].float()[:, 0, 8].diff(dim=1).abs().median(1).values / 4
    assert 0.45 <= steps.min() < 0.6
    assert 0.85 < steps.max() <= 1.05


def naive_jitter(images, light, strength, colour, angle):
    """One image, float64, step by step."""
    x = images.double() * light
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    mean = (luma[:, None, None] * x).sum(0).mean()
    x = strength * x + (1 - strength) * mean
    grey = (luma[:, None, None] * x).sum(0)
    x = colour * x + (1 - colour) * grey
    return (turned(torch.tensor(angle).view(1, 1, 1).double())[0].double() @ x.flatten(1)).view_as(x)


def test_jitter_is_its_steps_one_by_one(monkeypatch):
    images = torch.randint(60, 160, (1, 3, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for seed in range(5):
        torch.manual_seed(seed)
        light, strength, colour = (torch.empty(1, 1, 1).uniform_(0.7, 1.3).item() for _ in range(3))
        angle = 2 * torch.pi * torch.empty(1, 1, 1).uniform_(-0.1, 0.1).item()
        torch.manual_seed(seed)
        expected = naive_jitter(images[0], light, strength, colour, angle).round().clamp(0, 255)
        assert (jitter(images, 0.3, 0.3, 0.3, 0.1)[0].double() - expected).abs().max() <= 1


def test_turning_colours_keeps_greys_and_comes_round():
    angles = torch.tensor([0.0, 0.7, 2 * torch.pi / 3]).view(3, 1, 1)
    turns = turned(angles)
    grey = torch.ones(3, 3, 1)
    assert torch.allclose(turns @ grey, grey, atol=1e-6)
    assert torch.allclose(turns[0], torch.eye(3), atol=1e-6)
    # A third of a turn makes red green, green blue, blue red.
    assert torch.allclose(turns[2], torch.eye(3).roll(1, 0), atol=1e-6)


def test_colours_change_images_each_by_itself():
    images, _ = scenes()
    for name, change in COLOUR.items():
        torch.manual_seed(2)
        changed = change(images[:1].expand(4, -1, -1, -1))
        assert (changed.shape, changed.dtype) == ((4, 3, 24, 32), torch.uint8), name
        assert not torch.equal(changed[0], changed[1]), name
    factor = brightness(images.clamp(min=100) * 0 + 100).float().mean((1, 2, 3)) / 100
    assert ((factor >= 0.5) & (factor <= 1.5)).all()


def test_blur_keeps_flat_places_and_softens_edges():
    flat = torch.full((2, 3, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(blur(flat), flat)
    edge = torch.zeros(3, 1, 9, 16, dtype=torch.uint8)
    edge[..., 8:] = 200
    soft = blur(edge, 1.0, 1.15)
    assert (soft[..., 8] < 200).all()
    assert (soft[..., 7] > 0).all()
    assert (soft[..., 15] == 200).all()


def test_names_are_joined_by_a_plus():
    assert paired("jitter") == (none, jitter)
    assert paired("blur+geometric") == (geometric, blur)
    for name, message in (
        ("flop", "unknown augmentation 'flop': none such for masks; did you mean 'flip'"),
        ("flip+crop-flip", "join one change of geometry"),
        ("jitter+blur", "and one of colour"),
        ("rand-flip", "none such for masks"),
    ):
        with pytest.raises(UnknownNameError, match=message):
            paired(name)
    assert recolouring("none")(TELLING) is TELLING
    assert recolouring("strong") is COLOUR["strong"]
    with pytest.raises(UnknownNameError, match="a view of pixels changes colours only, and 'flip' is no such"):
        recolouring("flip")
