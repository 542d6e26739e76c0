"""Captions in files of one's own: every layout gives the same, and what is wrong with one is a line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning, MissingDataError, UnknownNameError
from landbridge.data.captions import load_captions

Draw = Callable[..., Path]

ROWS = [
    ("a.png", ["a red one", "it is red, all of it"], "train", "red"),
    ("b.png", ["a blue one"], "train", "blue"),
    ("c.png", ["another red one"], "val", "red"),
    ("d.png", ["another blue one"], "test", "blue"),
]


def as_csv(folder: Path) -> Path:
    lines = ["image,caption,split,class"]
    lines += [f'{image},"{text}",{split},{kind}' for image, texts, split, kind in ROWS for text in texts]
    return written(folder / "mine.csv", "\n".join(lines) + "\n")


def as_tsv(folder: Path) -> Path:
    lines = ["class\timage\tsplit\tcaption"]
    lines += [f"{kind}\t{image}\t{split}\t{text}" for image, texts, split, kind in ROWS for text in texts]
    return written(folder / "mine.tsv", "\ufeff" + "\n".join(lines) + "\n")


def objects(*, one_each: bool) -> list[dict[str, Any]]:
    if one_each:
        return [
            {"image": image, "caption": text, "split": split, "class": kind}
            for image, texts, split, kind in ROWS
            for text in texts
        ]
    return [{"image": i, "captions": texts, "split": split, "class": kind} for i, texts, split, kind in ROWS]


def as_json(folder: Path) -> Path:
    return written(folder / "mine.json", json.dumps(objects(one_each=False)))


def as_jsonl(folder: Path) -> Path:
    return written(folder / "mine.jsonl", "\n\n".join(map(json.dumps, objects(one_each=True))) + "\n")


def as_karpathy(folder: Path) -> Path:
    images = [
        {"filename": image, "split": "restval" if image == "b.png" else split, "sentences": [{"raw": t} for t in texts]}
        for image, texts, split, _ in ROWS
    ]
    return written(folder / "dataset.json", json.dumps({"images": images, "dataset": "mine"}))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """Four images of one colour each."""
    for number, (image, *_) in enumerate(ROWS):
        draw(tmp_path / image, (10 * number, 0, 0))
    return tmp_path


@pytest.mark.parametrize("layout", [as_csv, as_tsv, as_json, as_jsonl, as_karpathy])
@pytest.mark.parametrize("inner", [".", "images"])
def test_every_layout_tells_the_same(layout: Callable[[Path], Path], inner: str, folder: Path, draw: Draw) -> None:
    if inner != ".":
        for image in folder.glob("*.png"):
            (folder / inner).mkdir(exist_ok=True)
            image.rename(folder / inner / image.name)
    parts = load_captions(str(layout(folder)))
    assert {split: part.files for split, part in parts.items()} == {
        "train": ("a.png", "b.png"),
        "validation": ("c.png",),
        "test": ("d.png",),
    }
    assert parts["train"].texts == ("a red one", "it is red, all of it", "a blue one")
    assert parts["train"].owner.tolist() == [0, 0, 1]
    assert parts["test"].images.read(torch.tensor([0]))[0, :, 0, 0].tolist() == [30, 0, 0]
    if layout is not as_karpathy:
        assert parts["test"].class_names == ("blue", "red")
        assert [part.classes.tolist() for part in parts.values() if part.classes is not None] == [[1, 0], [1], [0]]


def test_karpathys_filepath_stands_before_the_name(folder: Path, draw: Draw) -> None:
    draw(folder / "val2014" / "x.png")
    image = {"filepath": "val2014", "filename": "x.png", "split": "train", "sentences": [{"raw": "an x"}]}
    parts = load_captions(str(written(folder / "coco.json", json.dumps({"images": [image]}))))
    assert parts["train"].files == ("val2014/x.png",)


def test_a_folder_with_captions_json_is_enough(folder: Path) -> None:
    as_json(folder).rename(folder / "captions.json")
    assert load_captions(str(folder))["train"].texts_of(1) == ("a blue one",)


def test_missing_images_are_counted_then_refused(folder: Path) -> None:
    path = as_csv(folder)
    (folder / "d.png").unlink()
    parts = load_captions(str(path), unreadable=0.25)
    assert set(parts) == {"train", "validation"}
    (folder / "d.png").write_bytes(b"")
    (folder / "b.png").unlink()
    assert load_captions(str(path), unreadable=0.25)["train"].skipped == (f"b.png: no such file in {folder}",)
    with pytest.raises(BadDataError, match=r"1 of 4 images of .*mine.csv cannot be used \(first: b.png: no such file"):
        load_captions(str(path))


def test_unknown_columns_and_keys_are_told(folder: Path) -> None:
    path = written(folder / "x.csv", "image,caption,width,colour\na.png,said,1,2\n")
    with pytest.warns(LandbridgeWarning, match=r"x.csv: columns not used: colour, width"):
        load_captions(str(path))
    path = written(folder / "x.json", json.dumps([{"image": "a.png", "caption": "said", "width": 3}]))
    with pytest.warns(LandbridgeWarning, match=r"x.json: keys not used: width"):
        load_captions(str(path))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.csv",
            "image,captions\na.png,said\n",
            "no column 'caption'; .* image, captions; did you mean 'captions'",
        ),
        ("x.csv", "", "has no column 'image'; its columns are: none"),
        ("x.csv", "image,caption\na.png,red, and blue\n", "line 2: more fields than columns; .* double quotes"),
        ("x.csv", "image,caption\n,red\n", "line 2: no image is named"),
        ("x.csv", "image,caption\n", "names no image"),
        ("x.csv", "image,caption,class\na.png,x,red\na.png,y,blue\n", "line 3: the image a.png has two classes"),
        ("x.csv", "image,caption,split\na.png,x,train\nb.png,y,later\n", "line 3: the split is 'later'"),
        ("x.json", "[", "x.json is no JSON"),
        ("x.json", '{"a.png": "said"}', "a list of objects with 'image' and 'caption' is expected"),
        ("x.json", '[{"file": "a.png", "caption": "x"}]', "entry 1: an object with 'image' .* its keys are: file, cap"),
        ("x.json", '[{"image": "a.png", "text": "x"}]', "entry 1: 'caption', a text, or .* its keys are: image, text"),
        ("x.json", '[{"image": "a.png", "captions": [1]}]', "entry 1: 'caption', a text, or 'captions', a list of"),
        ("x.jsonl", '{"image": "a.png", "caption": "x"}\n\n{', "x.jsonl, line 3 is no JSON"),
        ("x.json", '{"images": [{"filename": "a.png", "split": "train"}]}', "image 1: .*'sentences' with 'raw'"),
        ("x.xml", "<a/>", r"x.xml is none of .csv, .tsv, .txt, .json, .jsonl, .tar, and no folder"),
    ],
)
def test_bad_files_are_one_line(name: str, text: str, message: str, folder: Path) -> None:
    with pytest.raises(LandbridgeError, match=message) as caught:
        load_captions(str(written(folder / name, text)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.csv", "x.json"])
def test_what_is_no_utf8_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"image,caption\na.png,\xff\xfe\n")
    with pytest.raises(BadDataError, match=r"is no .* in UTF-8"):
        load_captions(str(tmp_path / name))


@pytest.fixture
def classes(tmp_path: Path, draw: Draw) -> Path:
    """Twenty art deco houses and twenty huts."""
    for number in range(20):
        draw(tmp_path / "houses" / "art_deco" / f"{number}.png")
        draw(tmp_path / "houses" / "hut" / "old" / f"{number}.png")
    return tmp_path / "houses"


def test_folders_become_sentences_by_templates(classes: Path) -> None:
    parts = load_captions(f"{classes}?templates=a {{}}, yes, {{}}.|the {{name}}")
    assert {split: len(part) for split, part in parts.items()} == {"train": 32, "validation": 4, "test": 4}
    train = parts["train"]
    assert train.class_names == ("art_deco", "hut")
    assert train.texts_of(0) == ("a art deco, yes, art deco.", "the art deco")
    assert train.files[-1].startswith("hut/old/")
    assert load_captions(str(classes))["test"].texts_of(0) == ("a photo of a art deco.",)
    for part in parts.values():
        assert part.classes is not None
        assert len(part.classes.unique()) == 2


def test_folders_of_splits(classes: Path) -> None:
    for split in ("train", "val"):
        (classes.parent / "parts" / split).mkdir(parents=True)
    (classes / "hut").rename(classes.parent / "parts/train/hut")
    (classes / "art_deco").rename(classes.parent / "parts/val/art_deco")
    parts = load_captions(str(classes.parent / "parts"))
    assert {split: len(part) for split, part in parts.items()} == {"train": 20, "validation": 20}
    assert parts["validation"].files[0] == "val/art_deco/0.png"


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (
            "templates=a {kind}",
            LandbridgeError,
            r"template 'a {kind}' has the unknown field {kind}; it may have",
        ),
        ("templates=a {0}", LandbridgeError, "the unknown field {0}"),
        ("templates=a house", LandbridgeError, "template 'a house' names no class: put {} where the name belongs"),
        ("templates=a {", LandbridgeError, "template 'a {': .*; a brace itself is written twice"),
        ("template=a {}", UnknownNameError, "unknown key 'template'; known: templates"),
    ],
)
def test_bad_templates_are_one_line(key: str, error: type[Exception], message: str, classes: Path) -> None:
    with pytest.raises(error, match=message):
        load_captions(f"{classes}?{key}")


def test_templates_belong_to_folders_of_classes(folder: Path) -> None:
    with pytest.raises(LandbridgeError, match=r"templates are for a folder with a folder a class, and .* has captions"):
        load_captions(f"{as_csv(folder)}?templates=a {{}}")


def test_a_folder_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "hollow" / "cat").mkdir(parents=True)
    with pytest.raises(MissingDataError, match=r"no captions in .*hollow: it holds neither captions.json"):
        load_captions(str(tmp_path / "hollow"))
