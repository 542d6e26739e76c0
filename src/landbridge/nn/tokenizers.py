"""From texts to numbers: vocabularies of words or of pairs of bytes, learned from the training texts alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.packages import needed

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIAL = ("<pad>", "<unknown>", "<begin>", "<end>")
"""The tokens that are no words, by their numbers."""

BYTES = 256
SHORTEST = 3

Kind = Literal["words", "bpe"]


class Tokenizes(Protocol):
    """What every text encoder brings along: `Tokenizer`, or that of another library in its clothes."""

    length: int
    vocabulary: int

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts to int64 [n, t], t <= length."""
        ...


class Tokenizer:
    """Texts to the numbers of their words or pieces; made by `train_tokenizer`.

    A text becomes `<begin>`, its words, `<end>`. One that is too long is cut, with `<end>` kept. What spells a special
    token in a text is text like any other.

    Args:
        library: a tokenizer of the library `tokenizers`, its vocabulary learned.
        length: most tokens of a text, both ends counted; at least 3.

    Attributes:
        length: the same.
        vocabulary: how many different tokens there are.

    >>> tokenizer = train_tokenizer(["a red flower", "a blue flower"], least=1)
    >>> tokenizer(["A red flower", "flower"])
    tensor([[2, 4, 7, 5, 3],
            [2, 5, 3, 0, 0]])
    >>> again = Tokenizer.from_json(tokenizer.to_json())
    >>> again(["purple"]).tolist() == [[BEGIN, UNKNOWN, END]]
    True
    """

    def __init__(self, library: Any, length: int) -> None:
        _check_length(length)
        library.encode_special_tokens = True
        library.enable_truncation(length)
        library.enable_padding(pad_id=PAD, pad_token=SPECIAL[PAD])
        self._library, self.length = library, length
        self.vocabulary: int = library.get_vocab_size()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts to tokens.

        Args:
            texts: any number of them; one alone counts as a list of one.

        Returns:
            int64 [n, t]: begin, words, end, then zeros up to the longest of these texts; t <= length.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            return torch.zeros(0, 2, dtype=torch.int64)
        return torch.tensor([encoded.ids for encoded in self._library.encode_batch(texts)])

    def words(self, tokens: Tensor) -> list[str]:
        """What one text's tokens [t] stand for, without begin, end and padding.

        >>> tokenizer = train_tokenizer(["red flower"], least=1)
        >>> tokenizer.words(tokenizer(["blue flower"])[0])
        ['<unknown>', 'flower']
        """
        spelled: list[str] = [
            self._library.id_to_token(token) for token in tokens.tolist() if token not in (PAD, BEGIN, END)
        ]
        return spelled

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"length": self.length, "tokenizer": json.loads(self._library.to_str())}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "Tokenizer":
        """What `to_json` described.

        Raises:
            BadDataError: it describes no tokenizer.
            LandbridgeError: the library `tokenizers` is missing.
        """
        library = needed("tokenizers", "a text encoder of our own")
        try:
            made, length = library.Tokenizer.from_str(json.dumps(described["tokenizer"])), described["length"]
        except Exception as error:  # the library raises no narrower kind
            raise BadDataError(f"this describes no tokenizer ({error!r}): make one by train_tokenizer") from error
        return cls(made, length)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles go through JSON, which keeps what the library forgets."""
        return Tokenizer.from_json, (self.to_json(),)


def train_tokenizer(
    texts: Iterable[str], kind: Kind = "words", size: int = 8000, length: int = 64, least: int = 2
) -> Tokenizer:
    """Learn a vocabulary.

    Lower case, Unicode in its compatible form (NFKC). `words` are runs of letters and digits, and runs of other signs;
    those seen less than `least` times, or too rare for `size`, become `<unknown>`, which so is learned too. `bpe` joins
    pairs of bytes, the most frequent first (Sennrich et al., ACL 2016), within words: it spells anything.

    Args:
        texts: of the training split alone: words of others must be unknown.
        kind: `words` or `bpe`.
        size: most tokens, the four special ones counted; at least 5, for `bpe` at least 260.
        length: most tokens of a text, both ends counted; at least 3.
        least: how often a word, or a pair, must be seen; at least 1.

    Raises:
        BadDataError: there are no texts, or no words in them.
        LandbridgeError: a number is out of range, the kind is unknown, or the library `tokenizers` is missing.

    >>> train_tokenizer(["hello hello"], "bpe", size=280).words(train_tokenizer(["hello hello"], "bpe")(["hello"])[0])
    ['hello']
    """
    needed("tokenizers", "a text encoder of our own")
    _check_length(length)
    if kind not in ("words", "bpe"):
        raise LandbridgeError(f"tokens are words or bpe, not '{kind}'")
    smallest = len(SPECIAL) + (BYTES if kind == "bpe" else 1)
    if size < smallest:
        raise LandbridgeError(f"a vocabulary of {kind} has at least {smallest} tokens, not {size}")
    if least < 1:
        raise LandbridgeError(f"words are seen at least once, not {least} times: name least=1 or more")
    known = [text for text in texts if text.strip()]
    if not known:
        raise BadDataError("no text to learn a vocabulary from: all captions are empty, or there are none")
    made = _untrained(kind)
    made.train_from_iterator(known, _trainer(kind, size, least))
    if made.get_vocab_size() == len(SPECIAL):
        raise BadDataError(f"no word comes {least} times in these {len(known)} texts: name a smaller least")
    return Tokenizer(made, length)


def _untrained(kind: Kind) -> Any:
    from tokenizers import Tokenizer as Library
    from tokenizers import models, normalizers, pre_tokenizers, processors

    words = kind == "words"
    library = Library(models.WordLevel(unk_token=SPECIAL[UNKNOWN]) if words else models.BPE())
    library.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Whitespace()
    library.pre_tokenizer = split if words else pre_tokenizers.Sequence([split, by_bytes])
    library.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[BEGIN]} $A {SPECIAL[END]}",
        special_tokens=[(SPECIAL[token], token) for token in (BEGIN, END)],
    )
    return library


def _trainer(kind: Kind, size: int, least: int) -> Any:
    from tokenizers import pre_tokenizers, trainers

    asked: dict[str, Any] = {
        "vocab_size": size,
        "min_frequency": least,
        "special_tokens": list(SPECIAL),
        "show_progress": False,
    }
    if kind == "words":
        return trainers.WordLevelTrainer(**asked)
    return trainers.BpeTrainer(**asked, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def _check_length(length: int) -> None:
    if length < SHORTEST:
        raise LandbridgeError(f"texts have at least {SHORTEST} tokens, both ends counted, not length={length}")
