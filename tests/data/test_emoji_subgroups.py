from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data import emoji_subgroups
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures

HEADER = "codepoint,name,keywords,group,subgroup\n"


@pytest.fixture
def root(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    rows = [f"1F40{number},dog,dog;pet,animals,33" for number in range(5)]
    rows += [f"1F41{number},{'fish' if number else 'whale-shark'},swim;unheard,animals,37" for number in range(5)]
    rows += ["1F438,frog,frog,animals,35"]
    (tmp_path / "emoji").mkdir()
    (tmp_path / "emoji" / "metadata.csv").write_text(HEADER + "\n".join(rows) + "\n")
    for row in rows:
        for vendor in ("noto", "twemoji", "openmoji", "fluent"):
            draw(tmp_path / "emoji" / vendor / f"{row.split(',')[0]}.png")
    (tmp_path / "word_vectors").mkdir()
    (tmp_path / "word_vectors" / "tiny.txt").write_text("dog 2 0\nPet 0 2\nfish 0 4\nswim 4 0\nwhale 9 9\nshark 0 0\n")
    return tmp_path


def test_large_subgroups_are_classes(root: Path) -> None:
    domain = load_domain("emoji-subgroups/noto", root)
    assert domain.classes == ("animal-mammal", "animal-marine")
    assert {split: len(part) for split, part in domain.splits.items()} == {"train": 8, "test": 2}
    every = load_domain("emoji-subgroups/all", root)
    sides = [{path.name for path in every.splits[split].x.paths} for split in ("train", "test")]
    assert not sides[0] & sides[1]  # no emoji is on both sides, whoever drew it
    assert {split: len(part) for split, part in every.splits.items()} == {"train": 32, "test": 8}


def test_signatures_are_means_over_emoji_of_the_means_of_their_known_words(root: Path) -> None:
    table = load_signatures("keywords:tiny.txt", ("animal-marine", "animal-mammal"), root)
    fish, shark = [2.0, 2.0], [(9 + 0 + 4) / 3, 3.0]
    expected = [(4 * f + s) / 5 for f, s in zip(fish, shark)]
    assert table.values[0].tolist() == pytest.approx(expected)
    assert table.values[1].tolist() == [1, 1]
    assert (table.kind, table.source) == ("word vectors", "names and keywords in tiny.txt")


def test_faults(root: Path) -> None:
    with pytest.raises(BadDataError, match=r"names and keywords in tiny\.txt lacks 1 of 1 classes: flag"):
        load_signatures("keywords:tiny.txt", ("flag",), root)
    with pytest.raises(MissingDataError, match=r"there are tiny\.txt"):
        load_signatures("keywords:huge.txt", ("flag",), root)
    (root / "word_vectors" / "tiny.txt").write_text("cow 1 2\n")
    with pytest.raises(BadDataError, match=r"tiny\.txt knows none of the words of the emoji \(dog, fish, pet"):
        load_signatures("keywords:tiny.txt", ("animal-mammal",), root)
    for row, message in (
        ("1F400,dog,dog,animals,98", "the subgroup of 1F400 is no number from 0 to 97"),
        ("1F400,dog,dog,animals,mammal", "the subgroup of 1F400"),
        ("1F400,dog,dog,animals,33", "no subgroup of at least 5 emoji"),
    ):
        (root / "emoji" / "metadata.csv").write_text(HEADER + row + "\n")
        with pytest.raises(BadDataError, match=message):
            load_domain("emoji-subgroups/noto", root)


@pytest.mark.data
def test_the_real_set(data_root: Path) -> None:
    domain = load_domain("emoji-subgroups/noto", data_root)
    assert len(domain.classes) == 85
    assert set(domain.classes) < set(emoji_subgroups.SUBGROUPS)
    for file, width in (("glove.twitter.25d.12k.txt", 25), ("word2vec.googlenews.300d.1k.txt", 300)):
        assert load_signatures(f"keywords:{file}", domain.classes, data_root).values.shape == (85, width)
