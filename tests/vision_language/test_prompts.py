"""Prompts from templates, names and descriptions; every mistake is one line."""

import json
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.vision_language.prompts import Prompts, read_classes, read_descriptions, read_templates


def test_templates_say_names_and_descriptions() -> None:
    made = Prompts.of(
        ["big_cat", "dog"],
        ["{}", "a {{rare}} {name}", "{name}: {description}"],
        {"big_cat": ["it roars"], "dog": ["it barks", "it runs"], "fish": ["unused"]},
    )
    assert made.texts == (
        ("big cat", "a {rare} big cat", "big cat: it roars"),
        ("dog", "a {rare} dog", "dog: it barks", "dog: it runs"),
    )
    assert Prompts.of(["cat"]).texts == (("a photo of a cat.",),)
    assert Prompts.of(["cat"], (), {"cat": ["it purrs"]}).texts == (("it purrs",),)


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("a photo of {colour}", ["unknown field {colour}", "{description}"]),
        ("{:>3}", ["unknown field"]),
        ("{name!r}", ["unknown field {name!r}"]),
        ("{0}", ["unknown field {0}"]),
        ("a photo", ["names no class"]),
        ("a {", ["written twice"]),
        ("a {}: {description}", ["--descriptions"]),
    ],
)
def test_bad_templates(template: str, parts: list[str]) -> None:
    with pytest.raises(LandbridgeError) as caught:
        Prompts.of(["cat"], [template])
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_sets_of_templates(tmp_path: Path) -> None:
    assert read_templates("name") == ("{}",)
    eighty, seven = read_templates("imagenet"), read_templates("imagenet-simple")
    assert (len(eighty), len(set(eighty)), len(seven)) == (80, 80, 7)
    assert all(template.count("{}") == 1 for template in eighty)
    assert set(seven) <= set(eighty)
    (tmp_path / "mine.txt").write_text("a {}.\n\nthe {name}!\n")
    assert read_templates(str(tmp_path / "mine.txt")) == ("a {}.", "the {name}!")
    with pytest.raises(UnknownNameError, match="did you mean 'imagenet'"):
        read_templates("imagenett")
    with pytest.raises(MissingDataError, match=r"no file .*other\.txt"):
        read_templates(str(tmp_path / "other.txt"))
    with pytest.raises(MissingDataError, match="no template"):
        read_templates(" | ")


def test_the_templates_of_open_clip_say_what_its_functions_say() -> None:
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    expected = tuple(template("tench") for template in OPENAI_IMAGENET_TEMPLATES)
    assert Prompts.of(["tench"], read_templates("imagenet")).texts[0] == expected


def test_lists_of_classes(tmp_path: Path) -> None:
    thousand = read_classes("imagenet")
    assert (len(thousand), thousand[0]) == (1000, "tench")
    assert read_classes("digits/printed") == tuple("0123456789")
    assert read_classes("digits/printed?classes=3,5") == ("3", "5")
    for name, text in (("c.txt", "cat\ndog\n"), ("c.csv", "class,n\ncat,1\ndog,2\n"), ("c.json", '["cat", "dog"]')):
        (tmp_path / name).write_text(text)
        assert read_classes(str(tmp_path / name)) == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("cat,dog,cat", BadDataError, "'cat' twice"),
        ("cat,,dog", BadDataError, "empty class name"),
        ("cat,", BadDataError, "empty class name"),
        ("digits/printedd", UnknownNameError, "did you mean 'digits/printed'"),
        ("nowhere.txt", MissingDataError, "no file nowhere.txt"),
    ],
)
def test_bad_lists(text: str, kind: type[Exception], part: str) -> None:
    with pytest.raises(kind, match=part):
        read_classes(text)


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("cat\n")
    with pytest.raises(BadDataError, match="names 1 class: two"):
        read_classes(str(tmp_path / "one.txt"))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(BadDataError, match="is no JSON"):
        read_classes(str(tmp_path / "bad.json"))
    (tmp_path / "n.json").write_text("[1, 2]")
    with pytest.raises(BadDataError, match="no list of class names"):
        read_classes(str(tmp_path / "n.json"))
    (tmp_path / "c.csv").write_text("name\ncat\n")
    with pytest.raises(BadDataError, match="no column 'class'"):
        read_classes(str(tmp_path / "c.csv"))


def test_descriptions(tmp_path: Path) -> None:
    expected = {"cat": ("it purrs", "it has whiskers"), "dog": ("it barks",)}
    files = {
        "d.csv": "class,description\ncat,it purrs\ndog,it barks\ncat,it has whiskers\n",
        "d.json": json.dumps({"cat": ["it purrs", "it has whiskers"], "dog": "it barks"}),
        "e.json": json.dumps([{"class": name, "description": list(told)} for name, told in expected.items()]),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert read_descriptions(tmp_path / name) == expected
    for text, part in (("class,description\ncat,\n", "without a description"), ("class,description\n", "no class")):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(LandbridgeError, match=part):
            read_descriptions(tmp_path / "bad.csv")
    (tmp_path / "bad.json").write_text('{"cat": 3}')
    with pytest.raises(BadDataError, match="are texts"):
        read_descriptions(tmp_path / "bad.json")
    with pytest.raises(BadDataError, match=r"1 of 2 classes have no description \(first: 'dogs'; did you mean 'dog'"):
        Prompts.of(["cat", "dogs"], (), read_descriptions(tmp_path / "d.csv"))
