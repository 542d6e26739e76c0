from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landbridge.core.errors import BadDataError
from landbridge.data.label_maps import VOID, LabelMap
from landbridge.data.masks import ArrayMasks, FileMasks, JoinedMasks, class_counts, joined_labels, nearest_pixels

IDS = LabelMap("the list", ids={0: 0, 1: 1, 2: 2, 255: VOID})


def every(count):
    return torch.arange(count)


@pytest.fixture
def values():
    values = torch.randint(0, 3, (5, 6, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    values[:, 0, 0] = VOID
    return values


@pytest.fixture
def files(tmp_path, values):
    paths, images = [], []
    for number, mask in enumerate(values):
        paths.append(tmp_path / f"{number}.png")
        images.append(tmp_path / f"{number}.jpg")
        Image.fromarray(mask.numpy()).save(paths[-1])
        Image.new("RGB", (8, 6)).save(images[-1])
    return FileMasks(paths, IDS, images)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_nearest_is_the_pixel_below_the_centre(height, width, tall, wide):
    values = np.arange(height * width, dtype=np.int32).reshape(height, width)
    places = [
        [floor(Fraction(2 * n + 1, 2 * new) * old) for n in range(new)] for new, old in ((tall, height), (wide, width))
    ]
    found = nearest_pixels(torch.from_numpy(values), (tall, wide)).numpy()
    assert found.tolist() == values[np.ix_(*places)].tolist()


def test_nearest_is_what_pillow_takes_for_the_nearest():
    values = np.arange(180 * 240, dtype=np.int32).reshape(180, 240)
    for size in ((90, 120), (60, 80), (180, 240), (360, 480)):
        expected = Image.fromarray(values).resize(size[::-1], Image.Resampling.NEAREST)
        assert np.array_equal(nearest_pixels(torch.from_numpy(values), size).numpy(), np.asarray(expected))


def test_files_and_arrays_read_alike(values, files):
    arrays = ArrayMasks(values)
    lazily = ArrayMasks(lambda: values, 5)
    some = torch.tensor([3, 0, 3])
    for masks in (arrays, lazily, files):
        assert len(masks) == 5
        assert torch.equal(masks.read(every(5)), values)
        assert torch.equal(masks.read(some, (3, 4)), nearest_pixels(values[some], (3, 4)))
        assert torch.equal(masks[some].read(torch.tensor([1])), values[:1])
        assert masks.nbytes() == 5 * 48
        assert masks.nbytes((3, 4)) == 60
        assert masks.dim() == values.dim()
        assert masks.read(every(0), (3, 4)).shape == (0, 3, 4)


def test_renumbered_masks_keep_void(values, files):
    table = torch.tensor([5, VOID, 0])
    expected = torch.tensor([5, VOID, 0] + [VOID] * 253, dtype=torch.uint8)[values.long()]
    joined = JoinedMasks([ArrayMasks(values[:2]), files.pick(torch.tensor([2, 3, 4]))])
    for masks in (ArrayMasks(values), files, joined):
        assert torch.equal(masks.renumbered(table).read(every(5)), expected)
        back = masks.renumbered(table).renumbered(torch.tensor([2, VOID, VOID, VOID, VOID, 0]))
        assert set(back.read(every(5)).unique().tolist()) <= {0, 2, VOID}
        assert masks.renumbered(table).digest() != masks.digest()


def test_joined_masks_are_picked_in_any_order(values, files):
    joined = JoinedMasks([ArrayMasks(values), files])
    twice = torch.cat([values, values])
    order = torch.tensor([9, 1, 4, 6, 1])
    assert torch.equal(joined.read(order), twice[order])
    picked = joined[order]
    assert (len(picked), picked.nbytes()) == (5, 5 * 48)
    assert torch.equal(picked[torch.tensor([4, 0])].read(every(2), (3, 4)), nearest_pixels(twice[[1, 9]], (3, 4)))
    assert picked.digest() != joined.digest()
    small = JoinedMasks([ArrayMasks(values), ArrayMasks(values[:, :3])])
    with pytest.raises(BadDataError, match="differ in size"):
        small.read(every(10))


def test_digest_is_of_contents_not_places(tmp_path, values, files):
    (tmp_path / "moved").mkdir()
    moved = [path.rename(tmp_path / "moved" / path.name) for path in files.paths]
    again = FileMasks(moved, IDS)
    with pytest.raises(BadDataError, match="is it still there"):
        files.digest()
    before = again.digest()
    assert FileMasks(moved, LabelMap("other", ids={0: 1, 1: 0, 2: 2, 255: 255})).digest() != before
    assert again.pick(torch.tensor([1, 0, 2, 3, 4])).digest() != before
    assert ArrayMasks(values).digest() != ArrayMasks(values.flip(0)).digest()


def test_sizes_that_differ_from_the_image_are_named(tmp_path, files):
    Image.new("RGB", (16, 12)).save(files.images[2])
    with pytest.raises(BadDataError, match=r"2.png is 8 x 6 pixels, its image 2.jpg 16 x 12: they must agree"):
        files.read(every(5))
    for keep in (True, False):
        masks, good, wrong = files.sound(keep=keep)
        assert good.tolist() == [0, 1, 3, 4]
        assert len(masks) == 4
        assert len(wrong) == 1
        assert isinstance(masks, ArrayMasks) is keep


def test_what_is_wrong_inside_is_found_when_it_is_read(tmp_path, files):
    Image.fromarray(np.full((6, 8), 9, np.uint8)).save(files.paths[1])
    masks, good, wrong = files.sound(keep=False)
    assert (len(good), wrong) == (5, [])
    with pytest.raises(BadDataError, match="48 of 48 pixels have label ids that the list lacks: 9"):
        masks.read(torch.tensor([1]))
    masks, good, wrong = files.sound(keep=True)
    assert good.tolist() == [0, 2, 3, 4]
    assert "label ids" in wrong[0]


def test_masks_of_several_sizes_stay_files(files):
    Image.new("RGB", (4, 4)).save(files.images[0])
    Image.new("L", (4, 4)).save(files.paths[0])
    masks, good, wrong = files.sound(keep=True)
    assert isinstance(masks, FileMasks)
    assert (len(good), wrong) == (5, [])
    with pytest.raises(BadDataError, match="differ in size"):
        masks.read(every(5))
    assert masks.read(every(5), (3, 4)).shape == (5, 3, 4)


def test_labels_of_one_kind_are_joined(values):
    masks, numbers = ArrayMasks(values), torch.tensor([1, 2])
    assert joined_labels([numbers, numbers]).tolist() == [1, 2, 1, 2]
    assert len(joined_labels([masks, masks])) == 10
    assert joined_labels([masks, None]) is None
    assert joined_labels([]) is None
    with pytest.raises(BadDataError, match="join what is alike"):
        joined_labels([masks, numbers])


def test_pixels_are_counted_by_class(values, files):
    expected = torch.stack([(values == number).flatten(1).sum(1) for number in range(3)], 1)
    for masks in (ArrayMasks(values), files):
        assert torch.equal(class_counts(masks, 3), expected)
    halved = nearest_pixels(values, (3, 4))
    assert torch.equal(class_counts(files, 3, (3, 4))[:, 1], (halved == 1).flatten(1).sum(1))
    assert class_counts(files.pick(every(0)), 3).shape == (0, 3)


def test_masks_in_memory_are_bytes_of_pixels():
    for wrong in (torch.zeros(2, 3, 3), torch.zeros(3, 3, dtype=torch.uint8)):
        with pytest.raises(BadDataError, match=r"masks are uint8 \[N, H, W\]"):
            ArrayMasks(wrong)
        with pytest.raises(BadDataError, match="masks are uint8"):
            ArrayMasks(lambda wrong=wrong: wrong, 2).read(every(1))
    with pytest.raises(ValueError, match="need a count"):
        ArrayMasks(lambda: torch.zeros(2, 3, 3, dtype=torch.uint8))
