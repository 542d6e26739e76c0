"""Images with sentences: what fits together, subsets, and rows that become splits."""

import dataclasses
import warnings
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError, UnknownNameError
from landbridge.data.captions import SPLITS, Captions, Told, by_split, held_out, load_captions
from landbridge.data.images import Arrays, Inputs

PIXELS = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)


def four(**changes: object) -> Captions:
    """Four images; the last has two sentences, which do not stand together."""
    values: dict[str, object] = {
        "name": "four",
        "images": Arrays(PIXELS),
        "texts": ("d1", "a", "b", "c", "d2"),
        "owner": torch.tensor([3, 0, 1, 2, 3]),
        "files": ("a.png", "b.png", "c.png", "d.png"),
        "classes": torch.tensor([0, 1, 1, 0]),
        "class_names": ("cat", "dog"),
    }
    return Captions(**(values | changes))  # type: ignore[arg-type]


def inputs(names: object) -> Inputs:
    """Images of single-letter names, whose pixels are the letters' numbers."""
    return Arrays(torch.tensor([ord(str(name)[0]) for name in names], dtype=torch.uint8)[:, None, None, None])  # type: ignore[attr-defined]


def test_the_sentences_of_an_image_keep_their_order() -> None:
    captions = four()
    assert len(captions) == 4
    assert [captions.texts_of(image) for image in range(4)] == [("a",), ("b",), ("c",), ("d1", "d2")]


def test_a_subset_follows_the_order_asked_for() -> None:
    part = four().subset(torch.tensor([3, 1]))
    assert part.texts == ("d1", "b", "d2")
    assert part.owner.tolist() == [0, 1, 0]
    assert part.files == ("d.png", "b.png")
    assert part.classes is not None
    assert part.classes.tolist() == [0, 1]
    assert part.images.read(torch.arange(2))[:, 0, 0, 0].tolist() == [3, 1]
    assert part.texts_of(0) == ("d1", "d2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": Arrays(PIXELS[:0])}, "four has no images with captions"),
        ({"owner": torch.tensor([0, 1, 2, 3])}, r"5 captions need as many int64 .* not torch.int64 \(4,\)"),
        ({"owner": torch.tensor([0.0, 1, 2, 3, 3])}, r"as many int64 .* not torch.float32 \(5,\)"),
        ({"owner": torch.tensor([0, 1, 2, 3, 4])}, "belongs to an image outside 0 to 3"),
        ({"owner": torch.tensor([0, 0, 0, 3, 3])}, r"2 of 4 images have no caption \(first: number 1\)"),
        ({"texts": ("a", "b", " \t", "d", "e")}, "caption 2 is empty"),
        ({"files": ("a.png",)}, "4 images but 1 names of files"),
        ({"classes": torch.tensor([0, 1])}, r"4 images need as many int64 class numbers, not torch.int64 \(2,\)"),
        ({"classes": torch.tensor([0, 1, 2, 0])}, "a class number outside 0 to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadDataError, match=message) as caught:
        four(**changes)
    assert "\n" not in str(caught.value)


def test_classes_may_lack_names() -> None:
    assert four(class_names=()).class_names == ()


def test_rows_of_one_image_come_together_and_splits_by_any_usual_name() -> None:
    rows = [Told("a", ("one",), "train", "x"), Told("b", ("two",), "Val", "y"), Told("a", ("three",), "train", "x")]
    rows += [Told("c", ("four",), "restval", "10"), Told("d", ("five",), "test", "y")]
    parts = by_split("rows", rows, inputs)
    assert list(parts) == list(SPLITS)
    assert parts["train"].files == ("a", "c")
    assert parts["train"].texts_of(0) == ("one", "three")
    assert parts["validation"].class_names == ("10", "x", "y")
    assert [part.classes.tolist() for part in parts.values() if part.classes is not None] == [[1, 0], [2], [2]]
    assert parts["train"].images.read(torch.arange(2)).flatten().tolist() == [ord("a"), ord("c")]


def test_numbers_as_classes_are_sorted_as_numbers() -> None:
    rows = [Told(name, (name,), None, label) for name, label in (("a", "10"), ("b", "9"), ("c", "100"))]
    assert by_split("rows", rows, inputs)["train"].class_names == ("9", "10", "100")


def test_without_splits_images_are_held_out_by_their_names_alone() -> None:
    names = [f"{number}.jpg" for number in range(200)]
    rows = [Told(name, ("said",)) for name in names]
    parts = by_split("rows", rows, lambda images: Arrays(torch.zeros(len(images), 1)))
    assert [len(parts[split]) for split in SPLITS] == [160, 20, 20]
    back = by_split("rows", rows[::-1], lambda images: Arrays(torch.zeros(len(images), 1)))
    assert {split: set(part.files) for split, part in parts.items()} == {
        split: set(part.files) for split, part in back.items()
    }
    # What is missing here does not move the others.
    some = by_split(
        "rows",
        rows,
        lambda images: Arrays(torch.zeros(len(images), 1)),
        fault=lambda image: "lost" if image in names[:50] else None,
        unreadable=0.5,
    )
    for split, part in some.items():
        assert set(part.files) == set(parts[split].files) - set(names[:50])
    assert sorted(name for part in some.values() for name in part.skipped) == sorted(f"{n}: lost" for n in names[:50])


def test_the_split_is_a_fixed_one() -> None:
    found = dict(zip("abcdefghij", held_out("abcdefghij")))  # the smallest SHA-1 is the test, the next validation
    assert {key: split for key, split in found.items() if split != "train"} == {"i": "test", "h": "validation"}


def test_each_class_gives_its_share() -> None:
    strata = torch.arange(3).repeat_interleave(20)
    found = held_out([f"{number}" for number in range(60)], strata)
    for kind in range(3):
        mine = [split for split, own in zip(found, strata.tolist()) if own == kind]
        assert [mine.count(split) for split in SPLITS] == [16, 2, 2]


def test_a_few_missing_images_are_left_out_and_named_more_are_refused() -> None:
    rows = [Told(chr(ord("a") + number), ("said",), "train") for number in range(20)]

    def fault(image: str) -> str | None:
        return "no such file in there" if image == "c" else None

    parts = by_split("rows", rows, inputs, fault=fault, unreadable=0.05)
    assert parts["train"].skipped == ("c: no such file in there",)
    assert len(parts["train"]) == 19
    with pytest.raises(BadDataError, match=r"1 of 20 images of rows cannot be used \(first: c: no such file in there"):
        by_split("rows", rows, inputs, fault=fault, unreadable=0.04)


def test_empty_captions_are_counted_and_an_image_without_others_is_skipped() -> None:
    rows = [Told("a", ("said", "  ")), Told("b", ("",), where="line 3"), Told("c", (" kept ",))]
    with pytest.warns(LandbridgeWarning, match=r"rows: 2 of 4 captions are empty and left out \(first: a\)"):
        parts = by_split("rows", rows, inputs, unreadable=0.4)
    assert sorted(text for part in parts.values() for text in part.texts) == ["kept", "said"]
    assert [name for part in parts.values() for name in part.skipped] in ([], ["b: no caption"])
    with (
        pytest.warns(LandbridgeWarning),
        pytest.raises(BadDataError, match=r"1 of 3 images of rows .* b: no caption"),
    ):
        by_split("rows", rows, inputs)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([Told("a", ("x",), None, "cat"), Told("a", ("y",), None, "dog", "line 9")], "line 9: .* a has two classes"),
        ([Told("a", ("x",), "train"), Told("a", ("y",), "test", None, "line 9")], "line 9: .* a has two splits"),
        ([Told("a", ("x",), "train"), Told("b", ("y",), "tset", None, "line 2")], "line 2: the split is 'tset'"),
        ([Told("a", ("x",), "train"), Told("b", ("y",), None, None, "line 2")], "line 2: the split is ''"),
        ([Told("a", ("x",), None, "cat"), Told("b", ("y",), None, None, "line 2")], "line 2: .* b has no class"),
        ([Told("a", ("x",), None, "cat"), Told("b", ("y",), None, "cow", "line 2")], "b has the unknown class 'cow'"),
    ],
)
def test_rows_that_contradict_each_other(rows: list[Told], message: str) -> None:
    names = ("cat", "dog") if "cow" in message else None
    with pytest.raises(BadDataError, match=message):
        by_split("rows", rows, inputs, class_names=names)


def test_an_image_that_cannot_be_used_needs_no_class() -> None:
    rows = [Told(name, (name,), "train", "cat") for name in "abc"] + [Told("d", ("d",), "train")]
    parts = by_split("rows", rows, inputs, fault=lambda image: "lost" if image == "d" else None, unreadable=0.25)
    assert parts["train"].classes is not None
    assert parts["train"].classes.tolist() == [0, 0, 0]


def test_no_rows() -> None:
    with pytest.raises(MissingDataError, match="rows names no image"):
        by_split("rows", [], inputs)


def test_unknown_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="unknown captions 'flickr9k'; did you mean 'flickr8k'"):
        load_captions("flickr9k")
    with pytest.raises(UnknownNameError, match="known: emoji, flickr8k, flowers102, recipes, or a file or folder"):
        load_captions("zzz")
    with pytest.raises(MissingDataError, match=r"no such file or folder: no/such\.csv"):
        load_captions("no/such.csv")
    monkeypatch.delenv("LANDBRIDGE_DATA", raising=False)
    with pytest.raises(MissingDataError, match=r"flickr8k needs files and no data root is known: .* --data-root"):
        load_captions("flickr8k")
    with pytest.raises(MissingDataError, match=f"flickr8k: no flickr8k in {tmp_path} .* unpack Flickr8k_Dataset"):
        load_captions("flickr8k", tmp_path)
    with pytest.raises(MissingDataError, match=f"flowers102: no flowers102 in {tmp_path} .* unpack .*102flowers.tgz"):
        load_captions("flowers102", tmp_path)


def test_good_rows_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_split("rows", [Told("a", ("x",)), Told("b", ("y",))], inputs)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        four().name = "other"  # type: ignore[misc]
