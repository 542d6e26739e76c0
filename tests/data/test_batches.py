from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landbridge.core.errors import BadDataError, SealedLabelsError, UnknownNameError
from landbridge.data import batches
from landbridge.data.augment import AUGMENTATIONS, augmentation
from landbridge.data.batches import Batches
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.data.registry import load_domain
from landbridge.nn.preprocessing import Preprocessing

PLAIN = Preprocessing()


def view(count: int, *, shown: bool = True) -> View:
    x, y = torch.arange(count, dtype=torch.float32)[:, None], torch.arange(count) % 3
    domain = Domain("numbers", ("a", "b", "c"), {"train": Examples(Arrays(x), y)})
    return domain.labelled() if shown else domain.unlabelled()


@given(st.integers(1, 40), st.integers(1, 17), st.integers(0, 3))
def test_every_epoch_shows_each_example_once(count: int, size: int, seed: int) -> None:
    whole = Batches(view(count), PLAIN, size, seed)
    steps = 3 * count
    seen = torch.cat([whole.positions(step) for step in range(steps)])
    assert len(seen) == steps * size
    for epoch in seen[: 3 * count].split(count):
        assert sorted(epoch.tolist()) == list(range(count))


@given(st.integers(1, 50), st.integers(0, 30))
def test_a_batch_depends_on_seed_and_step_alone(count: int, step: int) -> None:
    once, again = Batches(view(count), PLAIN, 8, 5), Batches(view(count), PLAIN, 8, 5)
    for earlier in range(step):
        once.positions(earlier)
    assert torch.equal(once.positions(step), again.positions(step))
    assert torch.equal(next(iter(once.from_step(step, step + 1))).x, next(iter(again.from_step(step, step + 1))).x)


@given(st.integers(1, 50), st.integers(0, 9), st.sampled_from([1, 2, 4]))
def test_ranks_share_the_batch_of_one_process(count: int, step: int, world: int) -> None:
    whole = Batches(view(count), PLAIN, 8, 1).positions(step)
    shares = [Batches(view(count), PLAIN, 8, 1, rank=rank, world=world).positions(step) for rank in range(world)]
    assert torch.equal(torch.stack(shares, 1).flatten(), whole)


def test_labels_come_along_only_where_they_are_shown() -> None:
    sample = next(Batches(view(9), PLAIN, 4, 0).from_step(0, 1))
    assert torch.equal(sample.y, sample.index % 3)
    sealed = next(Batches(view(9, shown=False), PLAIN, 4, 0).from_step(0, 1))
    with pytest.raises(SealedLabelsError):
        _ = sealed.y


def test_a_batch_that_cannot_be_shared_and_an_empty_view() -> None:
    with pytest.raises(BadDataError, match="cannot be shared equally by 3"):
        Batches(view(9), PLAIN, 8, 0, world=3)
    with pytest.raises(BadDataError, match="no examples"):
        Batches(view(9).subset(torch.tensor([], dtype=torch.int64)), PLAIN, 8, 0)


def test_views_beside_x() -> None:
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    domain = Domain("pictures", (), {"train": Examples(Arrays(images))})
    sample = next(Batches(domain.unlabelled(), PLAIN, 4, 0, views=("weak", "strong")).from_step(0, 1))
    assert set(sample.views) == {"weak", "strong"}
    assert sample.views["strong"].shape == sample.x.shape
    assert not torch.equal(sample.views["strong"], sample.x)


def test_where_workers_read_a_seed_decides_the_augmentation_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far a run had come, the batch of a step is changed in the same way."""
    for number in range(9):
        path = tmp_path / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(number))
        Image.fromarray(pixels.numpy()).save(path)
    monkeypatch.setattr(batches, "IN_MEMORY", 0)
    files = load_domain(str(tmp_path)).labelled()

    def last(start: int) -> torch.Tensor:
        stream = Batches(files, Preprocessing((16, 16)), 4, 0, augment="shift", workers=0).from_step(start, 3)
        for step in range(start, 3):
            torch.manual_seed(step)
            sample = next(stream)
        return sample.x

    assert torch.equal(last(0), last(2))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_keep_shape_and_type_and_follow_the_seed(name: str) -> None:
    images = torch.randint(0, 256, (6, 3, 17, 16), dtype=torch.uint8)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(augmentation(name)(images.clone()))
    assert results[0].shape == images.shape
    assert results[0].dtype == torch.uint8
    assert torch.equal(*results)
    assert torch.equal(results[0], images) == (name == "none")
    features = torch.randn(3, 4)
    assert augmentation(name)(features) is features


def test_unknown_augmentation() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'strong'"):
        augmentation("strnog")
