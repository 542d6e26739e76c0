from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.domain import Examples
from landbridge.data.folders import (
    cut_note,
    folder_domain,
    hashed_test,
    images_below,
    is_image,
    listed_images,
    looked_for,
    split_by_hash,
    subfolders,
)
from landbridge.data.images import Arrays, ImageFiles


def test_images_below_finds_them_at_any_depth_and_leaves_out_what_is_hidden(tmp_path, draw):
    for name in ("b/2.png", "a/deep/1.JPG", "a/._1.jpg", ".git/x.png", "__MACOSX/a.png"):
        draw(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert [path.relative_to(tmp_path).as_posix() for path in images_below(tmp_path)] == ["a/deep/1.JPG", "b/2.png"]
    assert subfolders(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert subfolders(tmp_path / "nowhere") == []
    assert not is_image("page.html")


def test_hashed_split_takes_a_fifth_of_each_class_and_depends_on_the_keys_alone():
    keys = [f"cat/{i}.png" for i in range(50)] + [f"dog/{i}.png" for i in range(10)]
    classes = torch.tensor([0] * 50 + [1] * 10)
    test = hashed_test(keys, classes)
    assert (int(test[:50].sum()), int(test[50:].sum())) == (10, 2)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    again = hashed_test([keys[i] for i in order.tolist()], classes[order])
    assert torch.equal(again, test[order])


def test_hashed_split_is_the_one_published():
    """A change here would change every number on Office, PACS and the like."""
    assert hashed_test([f"{i}.png" for i in range(15)]).nonzero().flatten().tolist() == [2, 8, 10]


def test_a_class_of_two_has_one_in_test_and_a_class_of_one_none():
    assert hashed_test(["a", "b", "c"], torch.tensor([0, 0, 1])).tolist() in (
        [True, False, False],
        [False, True, False],
    )


def test_whole_groups_stay_together():
    group = torch.arange(40) // 4
    files = ImageFiles([Path(f"{i}.png") for i in range(40)])
    splits = split_by_hash(Examples(files, torch.arange(40) % 2, group), [str(i) for i in range(40)], whole_groups=True)
    assert splits["train"].group is not None
    assert splits["test"].group is not None
    assert not set(splits["train"].group.tolist()) & set(splits["test"].group.tolist())
    assert len(splits["test"]) == 8


def test_looked_for_says_where_it_looked_and_what_to_do(tmp_path):
    with pytest.raises(MissingDataError, match=r"DATA_ROOT/a/b; pass --data-root DIR or set LANDBRIDGE_DATA, or pray"):
        looked_for("toy", None, ["a/b"], "or pray")
    with pytest.raises(MissingDataError) as error:
        looked_for("toy", tmp_path, ["a/b", "c", "d"])
    assert str(error.value) == f"toy: no a/b in {tmp_path} (nor under 2 other usual names); pass the right --data-root"
    (tmp_path / "c").mkdir()
    assert looked_for("toy", tmp_path, ["a/b", "c"]) == tmp_path / "c"


def test_folder_domain(tmp_path, draw):
    for number in range(10):
        draw(tmp_path / "dog" / f"{number}.png")
        draw(tmp_path / "cat" / f"{number}.png")
    classes, splits = folder_domain("toy", tmp_path)
    assert classes == ("cat", "dog")
    assert {name: torch.bincount(part.y).tolist() for name, part in splits.items()} == {"train": [8, 8], "test": [2, 2]}
    with pytest.raises(MissingDataError, match="no images in sub-folders"):
        folder_domain("toy", tmp_path / "dog")


def test_lists_of_images(tmp_path, draw):
    draw(tmp_path / "a b" / "1.png")
    listing = tmp_path / "list.txt"
    listing.write_text("a b/1.png 3\n\na/2.png 4\n")
    assert listed_images(listing, tmp_path) == ([tmp_path / "a b" / "1.png", tmp_path / "a" / "2.png"], [3, 4])
    listing.write_text("a b/1.png\n")
    assert listed_images(listing, tmp_path) == ([tmp_path / "a b" / "1.png"], [None])
    listing.write_text("a b/1.png 3\nrubbish\n")
    with pytest.raises(BadDataError, match="line 2: expected 'IMAGE NUMBER', found 'rubbish'"):
        listed_images(listing, tmp_path)
    listing.write_text("a/2.png 3\n")
    with pytest.raises(MissingDataError, match="which does not exist"):
        listed_images(listing, tmp_path)


def test_note_of_a_cut():
    splits = {name: Examples(Arrays(torch.zeros(count, 1))) for name, count in (("train", 3), ("test", 2))}
    assert cut_note(splits, {"train": 3, "test": 2}) == ""
    assert cut_note(splits, {"train": 39_209, "test": 2}) == "cut: 3 + 2 of 39,209 + 2 images"
