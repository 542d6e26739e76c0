from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.data.inventory import describe
from landbridge.data.keys import split_keys
from landbridge.data.registry import entry_of, load_domain

STYLES = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a PACS of ten photographs a class, each of a colour of its own."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("root")
    for number, name in enumerate(STYLES):
        place = folder / "pacs" / "photo" / name
        place.mkdir(parents=True)
        for count in range(10):
            Image.new("RGB", (4, 4), (10 * number + count, 0, 0)).save(place / f"{count}.png")
    return folder


def colours(name: str, root: Path) -> dict[str, dict[int, str]]:
    """For each split the colour of each example and the name of its class."""
    domain = load_domain(name, root)
    found = {}
    for split, part in domain.splits.items():
        seen = part.x.read(torch.arange(len(part)))[:, 0, 0, 0].tolist()
        found[split] = {colour: domain.classes[label] for colour, label in zip(seen, part.y.tolist())}
    return found


def test_a_name_keeps_its_key_and_class_numbers_follow(root: Path) -> None:
    name = "pacs/photo?without=dog,horse"
    domain = load_domain(name, root)
    assert domain.name == name
    assert domain.classes == ("elephant", "giraffe", "guitar", "house", "person")
    assert describe(name, root) == (True, {"train": 40, "test": 10}, "cut: 70 of 1,670 images")
    for split in colours(name, root).values():
        assert all(label == STYLES[colour // 10] for colour, label in split.items())
    assert load_domain("pacs/photo?classes=horse,dog", root).classes == ("dog", "horse")
    assert load_domain("pacs/photo?classes=horse,dog&without=dog", root).classes == ("horse",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.sets(st.sampled_from(STYLES), min_size=1, max_size=len(STYLES) - 1))
def test_classes_and_without_part_the_examples(root: Path, named: set[str]) -> None:
    listed = ",".join(sorted(named))
    whole, kept, rest = (
        colours(f"pacs/photo{key}{listed * bool(key)}", root) for key in ("", "?classes=", "?without=")
    )
    for split, examples in whole.items():
        assert not set(kept[split]) & set(rest[split])
        assert kept[split] | rest[split] == examples
        assert set(kept[split].values()) == named


def test_keys_on_ones_own_folder_and_on_made_digits(
    tmp_path: Path, draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a, b", "c", "d"):
        for number in range(5):
            draw(tmp_path / "mine" / name / f"{number}.png")
    path = f'{tmp_path / "mine"}?classes=d,"a, b"'
    domain = load_domain(path)
    assert (domain.name, domain.classes) == (path, ("a, b", "d"))
    assert describe(path).sizes == {"train": 8, "test": 2}
    monkeypatch.chdir(tmp_path)
    assert load_domain("mine?without=c").classes == ("a, b", "d")
    (tmp_path / "mine").rename(tmp_path / "mine?classes=c")
    assert load_domain(str(tmp_path / "mine?classes=c")).classes == ("a, b", "c", "d")
    some = load_domain("digits/handwritten?classes=3,7").labelled()
    assert some.y.unique().tolist() == [0, 1]
    full = load_domain("digits/handwritten").labelled()
    assert torch.equal(some.read(), full.read((torch.isin(full.y, torch.tensor([3, 7]))).nonzero().flatten()))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("pacs/photo?without=hors", UnknownNameError, "^pacs/photo has no class 'hors'; did you mean 'horse'[?]$"),
        ("pacs/photo?classes=xyzzy", UnknownNameError, "^pacs/photo has no class 'xyzzy'; it has: dog, elephant, .*"),
        ("pacs/photo?class=dog", UnknownNameError, "unknown key 'class'; did you mean 'classes'[?]$"),
        ("pacs/photo?seed=3", UnknownNameError, "unknown key 'seed'; known: classes, without, group, without-group$"),
        ("pacs/photo?classes=", BadDataError, "the key 'classes' lacks a class: write classes=CLASS,CLASS$"),
        ("pacs/photo?without=dog,", BadDataError, "the key 'without' lacks a class"),
        (f"pacs/photo?without={','.join(STYLES)}", BadDataError, "^no class of pacs/photo is left"),
        ("pacs/foto?without=dog", UnknownNameError, "^unknown domain 'pacs/foto'; did you mean 'pacs/photo'[?]$"),
        ("./nowhere?without=dog", LandbridgeError, "^no such file or folder: nowhere$"),
        ("what?", UnknownNameError, "^unknown domain 'what[?]'"),
    ],
)
def test_keys_that_cannot_be(name: str, kind: type[LandbridgeError], message: str, root: Path) -> None:
    with pytest.raises(kind, match=message):
        load_domain(name, root)


def test_long_keys_and_words_with_an_ampersand() -> None:
    listed = ",".join(f"class-{number}" for number in range(100))
    assert len(split_keys(f"caltech256?without={listed}")[1]["without"]) == 100
    assert split_keys("x?classes=a & b,c?&without=c?") == ("x", {"classes": ["a & b", "c?"], "without": ["c?"]})


def test_the_family_of_a_name() -> None:
    assert entry_of("mnist?without=3") is entry_of("mnist")
    assert entry_of("pacs/photo?classes=dog") is entry_of("pacs/sketch")
    assert entry_of("./mine?classes=dog") is None
