import json
from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, MissingDataError, UnknownNameError
from landbridge.data import awa2, emoji
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures
from landbridge.data.zsl_splits import zero_shot

ANIMALS = ("antelope", "grizzly+bear", "polar+bear", "dolphin", "ox", "pig")


@pytest.fixture
def root(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    folder = tmp_path / "zsl_attributes" / "AwA2"
    folder.mkdir(parents=True)
    (folder / "classes.txt").write_text("".join(f"  {number}\t{name}\n" for number, name in enumerate(ANIMALS, 1)))
    (folder / "predicates.txt").write_text("1\tblack\n2\tfurry\n3\tswims\n")
    (folder / "predicate-matrix-binary.txt").write_text("1 1 0\n0 1 0\n0 1 1\n0 0 1\n1 0 0\n0 0 0\n")
    (folder / "predicate-matrix-continuous.txt").write_text("-1 50.5 0\n0 9 0\n0 9 1\n0 0 8\n3 0 0\n0 2 0\n")
    (folder / "testclasses.txt").write_text("dolphin\nantelope\n")
    codes = {"grizzly+bear": "1f43b", "polar+bear": "1f43b-2744", "dolphin": "1f42c", "ox": "1f402", "pig": "1f416"}
    (folder.parent / "awa2_to_emoji.json").write_text(json.dumps(codes | {"antelope": "ffff"}))
    known = ["1F43B", "1F43B-200D-2744-FE0F", "1F42C", "1F402", "1F416", "1F600"]
    for vendor in emoji.VENDORS:
        for code in known:
            draw(tmp_path / "emoji" / vendor / f"{code}.png")
    (tmp_path / "emoji" / "metadata.csv").write_text("codepoint,name\n" + "".join(f"{code},a\n" for code in known))
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*left out, as the same")
def test_both_matrices(root: Path) -> None:
    binary = load_signatures("awa2/binary", ("polar bear", "antelope"), root)
    assert binary.names == ("black", "swims")  # both are furry
    assert binary.values.tolist() == [[0, 1], [1, 0]]


def test_what_nobody_rated_counts_as_not_there(root: Path) -> None:
    table = load_signatures("awa2", ANIMALS, root)
    assert table.values[0].tolist() == [0, 50.5, 0]
    assert table.source == "AwA2's attributes, continuous"


def test_animals_that_are_emoji_whatever_joins_their_code_points(root: Path) -> None:
    domain = load_domain("emoji-animals/all", root)
    assert domain.classes == ("dolphin", "grizzly+bear", "ox", "pig", "polar+bear")
    assert domain.groups == emoji.VENDORS
    assert len(domain.labelled()) == 20
    one = load_domain("emoji-animals/noto", root).labelled()
    assert [path.name for path in one.x.paths[:1]] == ["1F43B.png"]
    assert one.y.tolist()[:2] == [1, 4]


def test_train_on_three_vendors_and_test_on_the_fourth(root: Path) -> None:
    three = load_domain("emoji-animals/all?without-group=fluent", root)
    domain, split = zero_shot(three, root, target=load_domain("emoji-animals/fluent", root))
    assert [domain.classes[number] for number in split.unseen] == ["dolphin"]
    assert {path.parent.name for path in domain.splits["test"].x.paths} == {"fluent"}
    assert {path.parent.name for path in domain.splits["train"].x.paths} == {"noto", "twemoji", "openmoji"}
    assert (len(split.trainval), len(split.test_seen), len(split.test_unseen)) == (12, 4, 1)


def test_faults(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="awa2 has the matrices continuous and binary, not 'ternary'"):
        load_signatures("awa2/ternary", ANIMALS, root)
    with pytest.raises(MissingDataError, match="awa2: no zsl_attributes/AwA2 in"):
        load_signatures("awa2", ANIMALS, tmp_path / "nowhere")
    with pytest.raises(UnknownNameError, match="emoji-animals/windows"):
        load_domain("emoji-animals/windows", root)
    folder = root / "zsl_attributes" / "AwA2"
    matrix = folder / "predicate-matrix-binary.txt"
    matrix.write_text("1 1 0\n")
    with pytest.raises(BadDataError, match="is 1 x 3, not 6 x 3"):
        load_signatures("awa2/binary", ANIMALS, root)
    matrix.write_text("1 1 zero\n")
    with pytest.raises(BadDataError, match="no table of numbers"):
        load_signatures("awa2/binary", ANIMALS, root)
    (folder / "predicates.txt").write_text("black\n")
    with pytest.raises(BadDataError, match="no list of 'NUMBER NAME' lines"):
        load_signatures("awa2", ANIMALS, root)
    for text, message in (("[1", "no JSON of name: code point"), ('{"ox": "ffff"}', "names no emoji")):
        (folder.parent / "awa2_to_emoji.json").write_text(text)
        with pytest.raises(BadDataError, match=message):
            load_domain("emoji-animals/noto", root)


@pytest.mark.data
def test_which_animals_the_real_attributes_tell_apart(data_root: Path) -> None:
    table = awa2.signatures("binary", (), data_root)
    assert (len(table.classes), len(table.names)) == (50, 85)
    assert table.equal_rows() == []
    three = table.only(["furry", "quadrapedal", "tail"])
    rows = 50 - sum(len(group) - 1 for group in three.equal_rows())
    assert rows == 7
    assert ["killer+whale", "blue+whale", "humpback+whale", "seal", "dolphin"] in three.equal_rows()
    assert awa2.signatures(None, (), data_root).equal_rows() == []


@pytest.mark.data
def test_the_real_emoji(data_root: Path) -> None:
    domain = load_domain("emoji-animals/all", data_root)
    assert (len(domain.classes), len(domain.labelled())) == (37, 148)
    assert len(set(domain.classes) & set(awa2.unseen(data_root))) == 8
