import itertools
from collections import Counter

import torch

from landbridge.data import shapes
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures


def test_every_combination_is_a_class_with_images() -> None:
    domain = load_domain("shapes")
    assert len(domain.classes) == 96
    assert torch.bincount(domain.labelled().y).tolist() == [40] * 96
    image = shapes.render(torch.tensor([0, 95]), [3])
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, (2, 3, 32, 32))
    assert torch.equal(image, shapes.render(torch.tensor([0, 95]), [3]))
    assert not torch.equal(image, shapes.render(torch.tensor([0, 95]), [4]))


def test_signatures_say_what_the_names_say() -> None:
    table = load_signatures("shapes", shapes.CLASSES)
    for name, row in zip(table.classes, table.values):
        assert {a for a, there in zip(table.names, row.tolist()) if there} == set(name.split())
    assert table.equal_rows() == []


def test_no_pair_of_attributes_is_unseen_throughout() -> None:
    held = shapes.unseen(None)
    assert len(held) == 24
    pairs = [Counter(p for name in names for p in itertools.combinations(name.split(), 2)) for names in
             (held, shapes.CLASSES)]  # fmt: skip
    assert all(3 * pairs[0][pair] <= count for pair, count in pairs[1].items())


def of(*words: str) -> torch.Tensor:
    """Twelve images a class of all classes with these attributes, as floats."""
    labels = [number for number, name in enumerate(shapes.CLASSES) if set(words) <= set(name.split())]
    return shapes.render(torch.tensor(labels).repeat_interleave(12), [1]).float()


def coloured(images: torch.Tensor) -> torch.Tensor:
    """Pixels of ink: far from grey, bool [N, side, side]."""
    return images.max(1).values - images.min(1).values > 60


def test_colours_are_what_they_are_called() -> None:
    for colour, channels in (("red", [1, 0, 0]), ("yellow", [1, 1, 0]), ("green", [0, 1, 0]), ("blue", [0, 0, 1])):
        images = of("plain", colour)
        ink = images.permute(1, 0, 2, 3)[:, coloured(images)].mean(1)
        assert (ink / ink.max() > 0.7).int().tolist() == channels


def test_size_is_area_whatever_the_shape() -> None:
    for size, least, most in (("small", 70, 150), ("large", 210, 360)):
        for shape in shapes.SHAPES:
            area = coloured(of("plain", size, shape)).flatten(1).sum(1).float()
            assert least < area.mean() < most, (size, shape)


def test_textures_leave_gaps() -> None:
    share = {texture: coloured(of("large", texture)).float().mean() for texture in shapes.TEXTURES}
    assert share["plain"] > share["dotted"] > share["striped"]
