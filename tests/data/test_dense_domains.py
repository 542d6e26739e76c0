"""Domains with a class for each pixel, through views, cuts and batches, with their seals."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, SealedLabelsError
from landbridge.data import batches as module
from landbridge.data.batches import Batches
from landbridge.data.domain import Domain, Examples, unseal
from landbridge.data.folders import split_by_hash
from landbridge.data.groups import only_group, without_group
from landbridge.data.images import Arrays, ImageFiles
from landbridge.data.joined import join
from landbridge.data.label_maps import VOID, LabelMap
from landbridge.data.masks import ArrayMasks, FileMasks, Masks
from landbridge.data.matching import match_classes
from landbridge.nn.preprocessing import Preprocessing

CLASSES = ("road", "car", "sky")
IDS = LabelMap("the list", ids={0: 0, 1: 1, 2: 2, 255: VOID})
SIZE = (6, 8)


def scenes(count, seed=0):
    """Images whose red channel is ten times the class of each pixel."""
    masks = torch.randint(0, 3, (count, *SIZE), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return (masks * 10)[:, None].expand(-1, 3, -1, -1).contiguous(), masks


@pytest.fixture
def domain():
    x, masks = scenes(8)
    group = torch.arange(8) // 4
    return Domain(
        "streets",
        CLASSES,
        {
            "train": Examples(Arrays(x), ArrayMasks(masks), group),
            "test": Examples(Arrays(x[:4]), ArrayMasks(masks[:4])),
        },
    )


@pytest.fixture
def files(tmp_path):
    x, masks = scenes(8)
    images, labels = [], []
    for number in range(8):
        images.append(tmp_path / f"image{number}.png")
        labels.append(tmp_path / f"label{number}.png")
        Image.fromarray(x[number].permute(1, 2, 0).numpy()).save(images[-1])
        Image.fromarray(masks[number].numpy()).save(labels[-1])
    return Domain("files", CLASSES, {"train": Examples(ImageFiles(images), FileMasks(labels, IDS, images))})


def test_masks_are_shown_or_sealed(domain):
    assert domain.dense
    assert not domain.multi_label
    view = domain.labelled()
    assert view.dense
    assert isinstance(view.y, Masks)
    some = view.subset(torch.tensor([5, 2]))
    assert torch.equal(some.y.read(torch.tensor([0])), scenes(8)[1][5:6])
    for sealed in (domain.unlabelled(), domain.unlabelled("test"), domain.unlabelled().subset(torch.tensor([1]))):
        assert sealed.dense
        with pytest.raises(SealedLabelsError, match=r"the labels of streets \(.*\) are sealed"):
            _ = sealed.y
    assert torch.equal(unseal(domain.unlabelled("test")).read(torch.arange(4)), scenes(8)[1][:4])


def test_sizes_must_agree(domain):
    x, masks = scenes(3)
    with pytest.raises(BadDataError, match="3 inputs but 2 values of 'y'"):
        Examples(Arrays(x), ArrayMasks(masks[:2]))


def test_classes_are_renumbered_or_become_void(domain):
    masks = scenes(8)[1]
    other = domain.with_classes(("sky", "road", "car"))
    expected = torch.tensor([1, 2, 0], dtype=torch.uint8)[masks.long()]
    assert torch.equal(other.labelled().y.read(torch.arange(8)), expected)
    kept = domain.without(["car"])
    assert kept.classes == ("road", "sky")
    expected = torch.tensor([0, VOID, 1], dtype=torch.uint8)[masks.long()]
    assert torch.equal(kept.labelled().y.read(torch.arange(8)), expected)
    assert len(kept.splits["test"]) == 4
    unknown = replace(domain, splits={**domain.splits, "train": Examples(domain.splits["train"].x)})
    assert unknown.only(["road"]).splits["train"].y is None


def test_shots_do_not_apply(domain):
    with pytest.raises(BadDataError, match=r"an example of streets has a label for each pixel: leave out --shots"):
        domain.labelled(3)


def test_digest_follows_the_masks(domain, files):
    assert domain.digest() == replace(domain, name="other").digest()
    assert domain.digest() != domain.with_classes(("sky", "road", "car")).digest()
    assert files.digest() != files.without(["car"]).digest()


def test_cuts_groups_and_joins(domain):
    rest, held = domain.validation(0.5, seed=1)
    assert (len(rest), len(held)) == (4, 4)
    assert torch.equal(held.y.read(torch.arange(4)), scenes(8)[1][held.index])
    named = replace(domain, groups=("a", "b"), splits={"train": domain.splits["train"]})
    assert torch.equal(only_group(named, "b").labelled().y.read(torch.arange(4)), scenes(8)[1][4:])
    assert torch.equal(without_group(named, "b").labelled().y.read(torch.arange(4)), scenes(8)[1][:4])
    both = join([domain, replace(domain.with_classes(("sky", "road", "car")), name="other")])
    assert both.dense
    assert torch.equal(both.labelled().y.read(torch.arange(16)), torch.cat([scenes(8)[1]] * 2))
    assert len(domain.unlabelled("all")) == 12
    parts = split_by_hash(domain.splits["train"], [f"{number}.png" for number in range(8)])
    assert {name: len(part) for name, part in parts.items()} == {"train": 6, "test": 2}


def test_prepared_reads_both_and_names_what_is_wrong(files):
    ready = files.prepared((3, 4))
    assert isinstance(ready.splits["train"].y, ArrayMasks)
    assert torch.equal(ready.labelled().y.read(torch.arange(8)), scenes(8)[1])
    assert isinstance(files.prepared((3, 4), memory=0).splits["train"].y, FileMasks)
    Image.new("L", (3, 3)).save(files.splits["train"].y.paths[1])
    Image.new("L", SIZE[::-1], 7).save(files.splits["train"].y.paths[2])
    with pytest.raises(
        BadDataError, match=r"2 of 8 images of files cannot be .* is 3 x 3 pixels, its image image1.png 8"
    ):
        files.prepared((3, 4))
    some = files.prepared((3, 4), tolerance=0.5)
    assert len(some.splits["train"]) == 6
    assert "label ids that the list lacks: 7 (48 pixels)" in some.skipped[1]
    files.splits["train"].x.paths[0].write_bytes(b"")
    with pytest.raises(BadDataError, match="cannot be"):
        files.prepared((3, 4))


def test_what_trains_classifiers_takes_no_masks(domain):
    plain = Domain("plain", CLASSES, {"train": Examples(Arrays(torch.zeros(3, 2)), torch.arange(3))})
    for source, target in ((domain, domain), (plain, domain), (domain, plain)):
        with pytest.raises(
            BadDataError, match=r"an example of streets has a label for each pixel, .* landbridge segment"
        ):
            match_classes(source, target)
    with pytest.raises(BadDataError, match="has a label for each pixel"):
        join([domain, plain])


PLAIN = Preprocessing(SIZE, mean=(0.0,), std=(1.0,))


def agreeing(sample):
    return torch.equal((sample.x[:, 0] * 255).round().long(), sample.y * 10)


def test_batches_hold_images_with_their_masks(domain, files):
    for source in (domain, files, files.prepared(SIZE)):
        batches = Batches(source.labelled(), PLAIN, 4, 0, augment="flip")
        for sample in batches.from_step(0, 3):
            assert (sample.y.dtype, sample.y.shape) == (torch.int64, (4, *SIZE))
            assert agreeing(sample)


def test_sealed_batches_have_no_masks(domain):
    sample = next(Batches(domain.unlabelled(), PLAIN, 4, 0, augment="geometric+jitter").from_step(0, 1))
    assert sample.labels is None
    with pytest.raises(SealedLabelsError):
        _ = sample.y


def test_views_are_of_the_same_pixels(domain):
    torch.manual_seed(0)
    batches = Batches(domain.labelled(), PLAIN, 4, 0, augment="flip+brightness", views=("none", "brightness"))
    sample = next(batches.from_step(0, 1))
    assert torch.equal((sample.views["none"][:, 0] * 255).round().long(), sample.y * 10)
    for changed in (sample.x, sample.views["brightness"]):
        assert torch.equal(changed == 0, sample.views["none"] == 0)


def test_images_without_labels_may_be_said_to_be_dense():
    x, _ = scenes(4)
    loose = Domain("loose", (), {"train": Examples(Arrays(x))}).unlabelled()
    sample = next(Batches(loose, PLAIN, 4, 0, augment="geometric", views=("jitter",), dense=True).from_step(0, 1))
    assert sample.views["jitter"].shape == (4, 3, *SIZE)


def test_large_sets_are_read_by_workers(files, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    lazily, at_once = (Batches(files.labelled(), PLAIN, 4, 0, workers=workers) for workers in (2, 0))
    monkeypatch.undo()
    held = Batches(files.labelled(), PLAIN, 4, 0)
    for one, two, three in zip(lazily.from_step(0, 4), at_once.from_step(0, 4), held.from_step(0, 4)):
        assert torch.equal(one.y, two.y)
        assert torch.equal(one.y, three.y)
        assert torch.equal(one.x, three.x)
        assert agreeing(one)


def test_a_bad_label_among_many_is_named_while_training(files, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    Image.new("L", SIZE[::-1], 9).save(files.splits["train"].y.paths[3])
    batches = Batches(files.labelled(), PLAIN, 4, 0, workers=0)
    with pytest.raises(
        BadDataError, match=r"an image of files can no longer be read: the label .*label3.png: 48 of 48"
    ):
        list(batches.from_step(0, 2))
    assert len(list(Batches(files.unlabelled(), PLAIN, 4, 0, workers=0).from_step(0, 2))) == 2
