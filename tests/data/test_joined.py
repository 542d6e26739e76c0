from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError
from landbridge.data.batches import Batches
from landbridge.data.domain import Domain, Examples
from landbridge.data.groups import only_group
from landbridge.data.images import Arrays, ImageFiles, Joined
from landbridge.data.joined import join
from landbridge.data.registry import entry_of, load_domain
from landbridge.nn.preprocessing import Preprocessing


def features(name: str, count: int, *, group: list[int] | None = None, classes: tuple[str, ...] = ("a", "b")) -> Domain:
    """Features that count from 100 times the length of the name on; classes in turn."""
    x = torch.arange(count, dtype=torch.float32)[:, None] + 100 * len(name)
    part = Examples(Arrays(x), torch.arange(count) % 2, None if group is None else torch.tensor(group))
    return Domain(name, classes, {"train": part, "test": part}, note=f"about {name}")


def pictures(folder: Path, *shades: int) -> Path:
    """A folder of images with two classes, in either split one image a shade."""
    for split in ("train", "test"):
        for n, shade in enumerate(shades):
            path = folder / split / "ab"[n % 2] / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((6, 6, 3), shade, np.uint8)).save(path)
    return folder


def test_examples_keep_their_labels_and_know_their_domain() -> None:
    both = join([features("i", 4), features("ii", 3, classes=("b", "a"))])
    assert (both.name, both.classes, both.groups, both.group_kind) == ("i+ii", ("a", "b"), ("i", "ii"), "domain")
    assert both.note == "i: about i; ii: about ii"
    for split in ("train", "test"):
        view = both.unlabelled(split)
        assert view.read().flatten().tolist() == [100, 101, 102, 103, 200, 201, 202]
        assert view.group.tolist() == [0] * 4 + [1] * 3
    assert [both.classes[label] for label in both.labelled().y] == ["a", "b", "a", "b", "b", "a", "b"]
    assert len(both.unlabelled("all")) == 14
    alone = only_group(both, "ii")
    assert alone.labelled().read().flatten().tolist() == [200, 201, 202] * 2


def test_a_cut_parts_domains_but_no_tracks() -> None:
    tracks = [n // 5 for n in range(50)]
    both = join([features("i", 50, group=tracks), features("ii", 50), features("iii", 50, group=tracks)])
    for seed in range(5):
        rest, held = both.validation(0.2, seed)
        assert set(rest.group.tolist()) == {0, 1, 2}
        assert len(set(held.group.tolist())) > 1
        assert not set(rest.bundle.tolist()) & set(held.bundle.tolist())
    by_track = both.labelled().bundle.tolist()
    assert len(set(by_track)) == 10 + 50 + 10
    assert by_track[:10] == [0] * 5 + [1] * 5
    shown, tested = Domain("t", both.classes, {"train": both.splits["train"]}, groups=both.groups).draw(2, 0)
    assert not set(shown.bundle.tolist()) & set(tested.bundle.tolist())


def test_batches_say_from_which_domain_each_example_is() -> None:
    both = join([features("i", 20), features("ii", 30)])
    plain = Preprocessing(None, mean=(), std=())
    sample = next(Batches(both.labelled(), plain, 16, seed=0).from_step(0, 1))
    assert torch.equal(sample.group, (sample.x[:, 0] >= 200).long())
    alone = next(Batches(features("i", 20).labelled(), plain, 16, seed=0).from_step(0, 1))
    assert alone.group is None


def test_images_of_any_size_and_colour_are_read_together(tmp_path: Path) -> None:
    grey = Arrays(torch.full((4, 1, 8, 8), 7, dtype=torch.uint8))
    made = Domain("made", ("a", "b"), {"train": Examples(grey, torch.arange(4) % 2)})
    both = join([made, load_domain(pictures(tmp_path / "own", 50, 200))])
    seen = both.labelled().read(size=(5, 5))
    assert seen.shape == (6, 3, 5, 5)
    assert seen[:, 0, 0, 0].tolist() == [7] * 4 + [50, 200]
    with pytest.raises(BadDataError, match=r"differ in shape .* read images at one size"):
        both.labelled().read()
    (tmp_path / "own/train/a/0.png").write_text("no image")
    ready = both.prepared((5, 5), tolerance=0.5)
    assert (len(ready.labelled()), ready.labelled().y.tolist()) == (5, [0, 1, 0, 1, 1])
    assert ready.labelled().group.tolist() == [0] * 4 + [1]
    assert [Path(name).name for name in ready.skipped] == ["0.png"]
    assert isinstance(ready.splits["train"].x, Joined)


def test_names_are_joined_by_a_plus_each_with_its_keys(tmp_path: Path) -> None:
    one, two = pictures(tmp_path / "one", 10, 20), pictures(tmp_path / "two", 30, 40)
    both = load_domain(f"{one}+{two}")
    assert isinstance(both.splits["train"].x, ImageFiles)
    assert both.labelled().read()[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    digits = load_domain("digits/printed?classes=1,2+digits/handwritten?classes=2,1")
    assert digits.classes == ("1", "2")
    assert digits.groups == ("digits/printed?classes=1,2", "digits/handwritten?classes=2,1")
    assert entry_of("digits/printed+digits/photo") is None


def test_a_path_may_have_a_plus_in_it(tmp_path: Path) -> None:
    odd, two = pictures(tmp_path / "a+b", 10, 20), pictures(tmp_path / "two", 30, 40)
    assert load_domain(odd).groups == ()
    assert load_domain(f"{odd}?classes=a").classes == ("a",)
    assert load_domain(f"{two}?classes=a+{odd}?classes=a").groups == (f"{two}?classes=a", f"{odd}?classes=a")


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(BadDataError, match=r"^the classes of i and ii differ: only in i: b; .* \?classes= behind"):
        join([features("i", 4), features("ii", 4, classes=("a", "c"))])
    with pytest.raises(BadDataError, match=r"^i is joined with itself"):
        join([features("i", 4), features("i", 4)])
    nameless = Domain("u", (), {"train": Examples(Arrays(torch.zeros(2, 1)))})
    with pytest.raises(BadDataError, match=r"^some of i, u have labels and others not"):
        join([features("i", 4), nameless])
    assert join([nameless, Domain("v", (), nameless.splits)]).classes == ()
