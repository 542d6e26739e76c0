from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.registry import load_domain
from landbridge.data.signatures import load_signatures
from landbridge.data.word_vectors import name_vectors, read_vectors, word_vectors, words_of

LINES = "polar 1 0 0\nbear 0 1 0\nParis 0 0 1\nblue_whale 5 5 5\nblue 9 9 9\nwhale 9 9 9\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "word_vectors").mkdir()
    (tmp_path / "word_vectors" / "glove.txt").write_text(LINES)
    return tmp_path


@pytest.fixture
def glove(root: Path) -> Path:
    return root / "word_vectors" / "glove.txt"


@pytest.mark.parametrize("header", ["", "6 3\n"])
def test_both_formats_give_only_the_words_wanted(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(header + LINES)
    assert {word: row.tolist() for word, row in read_vectors(path, ["bear", "Paris", "chimp"]).items()} == {
        "bear": [0, 1, 0],
        "Paris": [0, 0, 1],
    }


def test_a_trailing_space_and_letters_beyond_ascii(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes("käse 0.5 -1.5e-1 \n".encode() + b"\xff\xfe 1 2 \nat home 3 4\nat 5 6\n")
    found = read_vectors(path, ["käse", "at"])
    np.testing.assert_allclose(found["käse"], [0.5, -0.15], rtol=1e-6)
    assert found["at"].tolist() == [5, 6]  # `at home` is an entry of its own


def test_case_is_that_of_the_file(glove: Path) -> None:
    found = word_vectors(glove, ["Bear", "paris", "POLAR", "chimp"])
    assert list(found) == ["Bear", "paris", "POLAR"]
    assert found["paris"].tolist() == [0, 0, 1]


def test_names_of_several_words(glove: Path) -> None:
    found, missing = name_vectors(glove, ["polar+bear", "Blue whale", "bear", "brown_bear", "killer-whale"])
    assert {name: row.tolist() for name, row in found.items()} == {
        "polar+bear": [0.5, 0.5, 0],  # the mean
        "Blue whale": [5, 5, 5],  # known as a whole
        "bear": [0, 1, 0],
    }
    assert missing == ["brown", "killer"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("blue+whale", ["blue", "whale"]),
        ("001.Black_footed_Albatross", ["Black", "footed", "Albatross"]),
        ("bishop of llandaff", ["bishop", "of", "llandaff"]),
        ("colt's foot", ["colt's", "foot"]),
        ("thorn apple (white)", ["thorn", "apple", "white"]),
        ("!?", []),
    ],
)
def test_words_of_names(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_signatures_name_the_missing_words_and_how_many_classes_are_left(root: Path) -> None:
    classes = ("brown_bear", "polar_bear", "Paris")
    with pytest.raises(BadDataError) as caught:
        load_signatures("words:glove.txt", classes, root)
    assert str(caught.value) == (
        "words of glove.txt lacks 1 of 3 classes: brown_bear; it has no brown; "
        "go on with the other 2, or take a larger file"
    )
    kept = load_signatures("words:glove.txt", classes, root, missing="drop")
    assert (kept.classes, kept.kind, kept.names) == (("polar_bear", "Paris"), "word vectors", ("d0", "d1", "d2"))
    assert load_signatures(f"words:{root / 'word_vectors' / 'glove.txt'}", classes[1:]).values.tolist()[1] == [0, 0, 1]


def test_files_that_cannot_be_used(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no file of word vectors 'w2v\.txt'; .*there are glove\.txt"):
        load_signatures("words:w2v.txt", ("bear",), root)
    with pytest.raises(MissingDataError, match=r"words: needs a file, as in words:FILE\.txt"):
        load_signatures("words", ("bear",), root)
    with pytest.raises(MissingDataError, match="word_vectors of a data root"):
        load_signatures("words:w2v.txt", ("bear",))
    with pytest.raises(BadDataError, match=r"glove\.txt knows none of the 2 names \(lacks chimp, ape\)"):
        load_signatures("words:glove.txt", ("chimp", "ape"), root)
    path = tmp_path / "cut.txt"
    for text, message in (
        ("a 1 2\nbear 1\n", r"cut\.txt, line 2: 1 numbers where 2 are usual"),
        ("a 1 2\nbear 1 x\n", r"cut\.txt, line 2: could not convert .* word vectors in text format"),
        ("", "holds no word vectors"),
    ):
        path.write_text(text)
        with pytest.raises(BadDataError, match=message):
            read_vectors(path, ["bear"])


@pytest.mark.data
def test_the_real_files(data_root: Path) -> None:
    folder = data_root / "word_vectors"
    for name, width in (("glove.twitter.25d.12k.txt", 25), ("word2vec.googlenews.300d.1k.txt", 300)):
        vectors = read_vectors(folder / name, ["the", "on"])
        assert vectors["on"].shape == (width,)
        assert torch.isfinite(vectors["on"]).all()
    classes = load_domain("caltech101", data_root).classes
    kept = load_signatures("words:glove.twitter.25d.12k.txt", classes, data_root, missing="drop")
    assert kept.values.shape == (41, 25)
