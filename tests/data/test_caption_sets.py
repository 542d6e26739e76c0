"""Sets with a name: their layouts, and that nothing of a test part was trained on."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data.captions import SPLITS, load_captions
from landbridge.data.emoji import VENDORS

Draw = Callable[..., Path]


@pytest.fixture
def photographs(tmp_path: Path, draw: Draw) -> Path:
    """Ten photographs in `flickr8k/Flicker8k_Dataset`."""
    for number in range(10):
        draw(tmp_path / "flickr8k" / "Flicker8k_Dataset" / f"{number}.jpg")
    return tmp_path


def published(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(
        "".join(f"{number}.jpg#{k}\tnumber {number}, said {k} .\n" for number in range(10) for k in range(2))
    )
    for name, numbers in (("train", range(6)), ("dev", (6, 7)), ("test", (8,))):
        (folder / f"Flickr_8k.{name}Images.txt").write_text("".join(f"{number}.jpg\n" for number in numbers))


def karpathy(folder: Path) -> None:
    images = [
        {"filename": f"{n}.jpg", "split": split, "sentences": [{"raw": f"number {n}, said {k} ."} for k in range(2)]}
        for n, split in enumerate(["train"] * 6 + ["val"] * 2 + ["test"])
    ]
    (folder / "dataset_flickr8k.json").write_text(json.dumps({"images": images}))


@pytest.mark.parametrize("layout", [published, karpathy])
def test_flickr8k_with_its_splits(layout: Callable[[Path], None], photographs: Path) -> None:
    layout(photographs / "flickr8k")
    parts = load_captions("flickr8k", photographs)
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 1]
    assert parts["test"].texts == ("number 8, said 0 .", "number 8, said 1 .")
    assert parts["train"].name == "flickr8k"


def test_flickr8k_without_splits(photographs: Path) -> None:
    folder = photographs / "flickr8k_1k"
    (photographs / "flickr8k").rename(folder)
    rows = [{"image": f"{number}.jpg", "captions": ["one", "two"]} for number in range(10)]
    (folder / "captions.json").write_text(json.dumps(rows))
    parts = load_captions("flickr8k", photographs)
    assert [len(parts[split]) for split in SPLITS] == [8, 1, 1]


def test_flickr8k_that_is_not_whole(photographs: Path) -> None:
    folder = photographs / "flickr8k"
    with pytest.raises(MissingDataError, match=r"flickr8k: none of dataset_flickr8k.json, Flickr8k.token.txt and"):
        load_captions("flickr8k", photographs)
    published(folder)
    (folder / "Flickr8k.token.txt").write_text("0.jpg#0 no tab\n")
    with pytest.raises(BadDataError, match=r"Flickr8k.token.txt, line 1: 'IMAGE#NUMBER', a tab and a sentence"):
        load_captions("flickr8k", photographs)
    (folder / "Flickr_8k.devImages.txt").unlink()
    with pytest.raises(MissingDataError, match=r"but no Flickr_8k.devImages.txt: unpack it there"):
        load_captions("flickr8k", photographs)
    with pytest.raises(UnknownNameError, match="no captions 'flickr8k/1k'; did you mean 'flickr8k'"):
        load_captions("flickr8k/1k", photographs)


@pytest.fixture
def flowers(tmp_path: Path, draw: Draw) -> Path:
    """Six kinds, two flowers each."""
    rows = []
    for number in range(12):
        image = f"jpg/image_{number + 1:05d}.jpg"
        draw(tmp_path / "flowers102" / image)
        rows.append({"image": image, "class": number // 2 + 1, "captions": [f"flower {number}", "it is a flower"]})
    folder = tmp_path / "flowers102"
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    kinds = {"train": [3, 4, 5], "val": [2], "test": [1, 6], "trainval": [2, 3, 4, 5]}
    (folder / "classes_splits.json").write_text(json.dumps(kinds))
    return tmp_path


def test_flowers_are_split_by_kind(flowers: Path) -> None:
    parts = load_captions("flowers102", flowers)
    kinds = {split: part.classes.unique().tolist() for split, part in parts.items() if part.classes is not None}
    assert kinds == {"train": [2, 3, 4], "validation": [1], "test": [0, 5]}
    assert parts["test"].class_names[0] == "pink primrose"
    assert len(parts["test"].class_names) == 102
    assert parts["test"].texts_of(2) == ("flower 10", "it is a flower")
    both = load_captions("flowers102/trainval", flowers)
    assert {split: len(part) for split, part in both.items()} == {"train": 8, "test": 4}


def test_flowers_that_are_not_whole(flowers: Path) -> None:
    folder = flowers / "flowers102"
    with pytest.raises(UnknownNameError, match="no captions 'all'; known: flowers102, flowers102/trainval"):
        load_captions("flowers102/all", flowers)
    (folder / "classes_splits.json").write_text('{"train": [3]}')
    with pytest.raises(BadDataError, match=r"captions.jsonl or classes_splits.json .*KeyError\('val'\).*fetch both"):
        load_captions("flowers102", flowers)
    (folder / "classes_splits.json").unlink()
    with pytest.raises(MissingDataError, match=r"flowers102: no classes_splits.json in"):
        load_captions("flowers102", flowers)


@pytest.fixture
def emoji(tmp_path: Path, draw: Draw) -> Path:
    """Thirty emoji of two groups by four vendors."""
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["codepoint", "name", "keywords", "group", "subgroup"])
        for number in range(30):
            group = ("food-drink", "flags")[number % 2]
            table.writerow([f"1F{number:03d}", f"thing {number}", "thing;odd" if number % 3 else "thing", group, "0"])
            for vendor in VENDORS:
                draw(tmp_path / "emoji" / vendor / f"1F{number:03d}.png")
    (tmp_path / "metadata.csv").rename(tmp_path / "emoji" / "metadata.csv")
    return tmp_path


@pytest.mark.parametrize("held", VENDORS)
def test_no_emoji_of_the_test_was_seen_in_training(held: str, emoji: Path) -> None:
    parts = load_captions(f"emoji/{held}", emoji)
    drawn = {split: [tuple(file.split("/")) for file in part.files] for split, part in parts.items()}
    codes = {split: {code for _, code in files} for split, files in drawn.items()}
    assert [len(codes[split]) for split in SPLITS] == [24, 2, 4] or [len(codes[s]) for s in SPLITS] == [26, 2, 2]
    assert not codes["train"] & codes["validation"]
    assert not (codes["train"] | codes["validation"]) & codes["test"]
    assert {vendor for vendor, _ in drawn["test"]} == {held}
    assert {vendor for vendor, _ in drawn["train"]} == set(VENDORS) - {held}
    assert held not in {vendor for vendor, _ in drawn["validation"]}
    for split in ("validation", "test"):
        assert len(drawn[split]) == len(codes[split]), "a sentence has one image"
    assert len(drawn["train"]) == 3 * len(codes["train"])
    other = load_captions(f"emoji/{VENDORS[VENDORS.index(held) - 1]}", emoji)
    assert {Path(file).name for file in other["test"].files} == codes["test"]


def test_emoji_say_their_name_and_what_keywords_add(emoji: Path) -> None:
    parts = load_captions("emoji/fluent", emoji)
    said = {part.files[at].split("/")[1]: part.texts_of(at) for part in parts.values() for at in range(len(part))}
    assert said["1F003.png"] == ("thing 3",)
    assert said["1F004.png"] == ("thing 4", "thing 4, odd")
    assert parts["test"].class_names == ("flags", "food and drink")


def test_emoji_that_are_not_whole(emoji: Path) -> None:
    with pytest.raises(UnknownNameError, match="noto, twemoji, openmoji, fluent: name the one held out"):
        load_captions("emoji", emoji)
    for path in (emoji / "emoji" / "fluent").iterdir():
        path.unlink()
    with pytest.raises(BadDataError, match=r"of emoji/fluent cannot be used \(first: fluent/1F\d+.png: no such file"):
        load_captions("emoji/fluent", emoji)
    (emoji / "emoji" / "metadata.csv").unlink()
    with pytest.raises(MissingDataError, match=r"emoji: no emoji/metadata.csv in"):
        load_captions("emoji/fluent", emoji)


def test_recipes_come_through_their_loader(tmp_path: Path, draw: Draw) -> None:
    rows = [{"id": n, "title": f"Soup {n}", "ingredients": ["salt"], "image": f"images/{n}.jpg"} for n in range(30)]
    for row in rows:
        draw(tmp_path / "recipes" / str(row["image"]))
    (tmp_path / "recipes" / "recipes.json").write_text(json.dumps(rows))
    parts = load_captions("recipes", tmp_path)
    assert sum(map(len, parts.values())) == 30
    assert "Soup 0" in parts["train"].texts_of(0)[0]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("flickr8k", {"train": 800, "validation": 100, "test": 100}),
        ("flowers102", {"train": 5_878, "validation": 1_156, "test": 1_155}),
        ("flowers102/trainval", {"train": 7_034, "test": 1_155}),
        ("emoji/fluent", {"train": 3_564, "validation": 149, "test": 150}),
        ("recipes", {"train": 1_900, "validation": 174, "test": 1_000, "open": 132}),
    ],
)
def test_the_real_sets(name: str, sizes: dict[str, int], data_root: Path) -> None:
    parts = load_captions(name, data_root)
    assert {split: len(part) for split, part in parts.items()} == sizes
    assert not any(part.skipped for part in parts.values())
    seen = set(parts["train"].files)
    assert not seen & set(parts["test"].files)
