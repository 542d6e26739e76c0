import copy
import pickle
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.tokenizers import BEGIN, END, PAD, SPECIAL, UNKNOWN, Kind, Tokenizer, train_tokenizer

TEXTS = ["a red flower", "a blue flower, with leaves", "a red rose", "red leaves", "a blue sky"]
WORDS = train_tokenizer(TEXTS, least=1, length=12)
PAIRS = train_tokenizer(TEXTS, "bpe", size=300, length=40)


def test_begin_words_end_and_zeros_up_to_the_longest() -> None:
    tokens = WORDS(["a red flower", "sky"])
    assert tokens.dtype == torch.int64
    assert tokens.shape == (2, 5)
    assert tokens[:, 0].tolist() == [BEGIN, BEGIN]
    assert tokens[0, -1] == END
    assert tokens[1, 2:].tolist() == [END, PAD, PAD]
    assert WORDS.words(tokens[0]) == ["a", "red", "flower"]


def test_words_never_seen_or_seldom_are_unknown() -> None:
    assert WORDS(["purple"])[0].tolist() == [BEGIN, UNKNOWN, END]
    seldom = train_tokenizer(TEXTS, least=2)
    assert seldom.words(seldom(["a red sky"])[0]) == ["a", "red", "<unknown>"]
    few = train_tokenizer(TEXTS, least=1, size=6)
    assert few.vocabulary == 6
    assert few.words(few(["a red sky"])[0]) == ["a", "red", "<unknown>"]


def test_the_most_frequent_words_come_first_and_learning_is_repeatable() -> None:
    assert train_tokenizer(TEXTS, least=1, length=12).to_json() == WORDS.to_json()
    assert train_tokenizer(TEXTS, "bpe", size=300, length=40).to_json() == PAIRS.to_json()
    assert WORDS(["a"])[0, 1] == len(SPECIAL)


def test_pairs_spell_anything() -> None:
    for text in ("purple", "naïve 花 🌼"):
        assert UNKNOWN not in PAIRS([text])
    assert PAIRS(["red"]).shape == (1, 3)
    assert PAIRS(["purple"]).shape[1] > 3
    assert PAIRS.vocabulary <= 300


def test_case_and_compatible_forms_are_one() -> None:
    assert torch.equal(WORDS(["Ａ RED Flower"]), WORDS(["a red flower"]))


@pytest.mark.parametrize("tokenizer", [WORDS, PAIRS], ids=["words", "bpe"])
def test_long_texts_are_cut_and_keep_their_end(tokenizer: Tokenizer) -> None:
    tokens = tokenizer(["red flower " * 50, "sky"])
    assert tokens.shape == (2, tokenizer.length)
    assert tokens[0, -1] == END
    assert (tokens[0, 1:-1] > END).all()


@pytest.mark.parametrize("tokenizer", [WORDS, PAIRS], ids=["words", "bpe"])
@given(st.lists(st.text(max_size=30) | st.sampled_from(SPECIAL), min_size=1, max_size=4))
def test_exactly_one_end_whatever_the_text(tokenizer: Tokenizer, texts: list[str]) -> None:
    tokens = tokenizer(texts)
    assert ((tokens == END).sum(1) == 1).all()
    assert ((tokens == BEGIN).sum(1) == 1).all()
    ends = (tokens == END).int().argmax(1)
    assert int(ends.max()) == tokens.shape[1] - 1
    for row, end in zip(tokens, ends.tolist()):
        assert (row[end + 1 :] == PAD).all()
        assert (row[:end] != PAD).all()


@pytest.mark.parametrize("tokenizer", [WORDS, PAIRS], ids=["words", "bpe"])
def test_through_json_copies_and_pickles(tokenizer: Tokenizer) -> None:
    texts = ["a red <end> flower", "purple", "<pad>"]
    for again in (
        Tokenizer.from_json(tokenizer.to_json()),
        copy.deepcopy(tokenizer),
        pickle.loads(pickle.dumps(tokenizer)),
    ):
        assert torch.equal(again(texts), tokenizer(texts))
        assert (again.length, again.vocabulary) == (tokenizer.length, tokenizer.vocabulary)


def test_one_text_alone_and_none() -> None:
    assert torch.equal(WORDS("red"), WORDS(["red"]))
    assert WORDS([]).shape == (0, 2)
    assert WORDS([""]).tolist() == [[BEGIN, END]]


@pytest.mark.parametrize(
    ("texts", "kind", "keys", "message"),
    [
        ([], "words", {}, "no text to learn a vocabulary from"),
        (["", "  "], "words", {}, "no text to learn a vocabulary from"),
        (["red blue"], "words", {}, "no word comes 2 times in these 1 texts"),
        (TEXTS, "letters", {}, "tokens are words or bpe, not 'letters'"),
        (TEXTS, "words", {"size": 4}, "a vocabulary of words has at least 5 tokens, not 4"),
        (TEXTS, "bpe", {"size": 259}, "a vocabulary of bpe has at least 260 tokens, not 259"),
        (TEXTS, "words", {"length": 2}, "at least 3 tokens"),
        (TEXTS, "words", {"least": 0}, "seen at least once, not 0 times"),
    ],
)
def test_what_cannot_be_learned(texts: list[str], kind: Kind, keys: dict[str, int], message: str) -> None:
    with pytest.raises(LandbridgeError, match=message):
        train_tokenizer(texts, kind, **keys)


@pytest.mark.parametrize("described", [{}, {"tokenizer": {}, "length": 5}, {"tokenizer": "x"}])
def test_what_describes_no_tokenizer(described: dict[str, object]) -> None:
    with pytest.raises(BadDataError, match="describes no tokenizer"):
        Tokenizer.from_json(described)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landbridge.nn.packages.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "tokenizers")
    with pytest.raises(LandbridgeError, match=r"a text encoder of our own needs tokenizers: pip install"):
        train_tokenizer(TEXTS)
