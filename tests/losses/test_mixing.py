import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.losses import class_mask, pasted, visible_patches

CPU = torch.device("cpu")


@given(st.integers(1, 6), st.integers(0, 99))
def test_half_of_the_classes_of_each_image_are_taken_whole(classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (3, 4, 5), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = 255
    mask = class_mask(labels, classes)
    assert mask.shape == labels.shape
    for chosen, own in zip(mask, labels):
        there = set(own.unique().tolist()) - {255}
        taken = {label for label in there if bool(chosen[own == label].any())}
        assert len(taken) == (len(there) + 1) // 2
        assert all(bool(chosen[own == label].all()) for label in taken)
        assert not chosen[own == 255].any()


def test_each_class_is_taken_as_often_as_another() -> None:
    torch.manual_seed(0)
    labels = torch.arange(4).expand(4000, 1, 4)
    often = class_mask(labels, 4)[:, 0].float().mean(0)
    assert (often - 0.5).abs().max() < 0.04


def test_void_alone_gives_an_empty_mask() -> None:
    assert not class_mask(torch.full((2, 3, 3), 255), 5).any()


def test_images_and_labels_are_pasted_alike() -> None:
    mask = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    over, under = torch.rand(2, 3, 3, 4), torch.rand(2, 3, 3, 4)
    torch.testing.assert_close(pasted(mask, over, under), over * mask[:, None] + under * ~mask[:, None])
    assert torch.equal(pasted(mask, over[:, 0], under[:, 0]), pasted(mask, over, under)[:, 0])


def test_patches_are_whole_and_hidden_at_the_rate() -> None:
    torch.manual_seed(0)
    mask = visible_patches(200, 20, 30, 8, 0.7, CPU)
    assert mask.shape == (200, 1, 20, 30)
    for top in range(0, 20, 8):
        for left in range(0, 30, 8):
            patch = mask[:, 0, top : top + 8, left : left + 8].flatten(1)
            assert torch.equal(patch.all(1), patch.any(1))
    assert abs(float(mask[:, 0, ::8, ::8].float().mean()) - 0.3) < 0.04
    assert visible_patches(2, 5, 6, 4, 0.0, CPU).all()
