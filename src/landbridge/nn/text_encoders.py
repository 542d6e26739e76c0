"""Text encoders: texts to one feature vector each, by name."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.core.registry import Registry, nearest
from landbridge.nn.tokenizers import END, PAD, Kind, Tokenizer, Tokenizes, train_tokenizer

TEXT_ENCODERS = Registry(
    "text encoder",
    {
        "transformer": "landbridge.nn.text_encoders:TextTransformer",
        "open_clip": "landbridge.nn.open_clip_towers:OpenClipText",
        "recipe": "landbridge.nn.recipe_encoder:RecipeEncoder",
        "sentence-transformers": "landbridge.nn.sentence_encoders:SentenceEncoder",
    },
)
DESCRIPTION, TOKENIZER = "text.json", "tokenizer.json"


@dataclass(frozen=True)
class TextSpec:
    """A text encoder's name, taken apart.

    Attributes:
        text: as it was written.
        kind: a name of `TEXT_ENCODERS`.
        name: what remains between the kind and the keys.
        keys: what stands after the `?`.

    >>> TextSpec.parse("open_clip/ViT-B-32")
    TextSpec(text='open_clip/ViT-B-32', kind='open_clip', name='ViT-B-32', keys={})
    >>> TextSpec.parse("transformer?width=128").keys
    {'width': '128'}
    """

    text: str
    kind: str
    name: str
    keys: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "TextSpec":
        """Take a name apart.

        Raises:
            UnknownNameError: no such kind.
            LandbridgeError: something after the `?` cannot be read.
        """
        path, _, query = text.partition("?")
        kind, _, name = path.partition("/")
        TEXT_ENCODERS[kind]
        pairs = [pair.partition("=") for pair in filter(None, query.split("&"))]
        for key, equals, value in pairs:
            if not key or not equals:
                raise LandbridgeError(f"text encoder '{text}': '{key}{equals}{value}' is not key=value")
        return cls(text, kind, name, {key: value for key, _, value in pairs})

    def values(self, known: Mapping[str, type]) -> dict[str, Any]:
        """The keys that were given, each read as its type.

        Raises:
            LandbridgeError: an unknown key, or a value of another type.
        """
        read = {}
        for key, value in self.keys.items():
            if key not in known:
                hint = nearest(key, known) or (f"; it takes {', '.join(known)}" if known else "; it takes none")
                raise LandbridgeError(f"text encoder '{self.text}': unknown key '{key}'{hint}")
            try:
                read[key] = known[key](value)
            except ValueError as error:
                what = {int: "a whole number", float: "a number"}[known[key]]
                raise LandbridgeError(f"text encoder '{self.text}': {key} is {what}, not '{value}'") from error
        return read


class TextEncoder(nn.Module, ABC):
    """Tokens of texts to one feature vector a text. What all kinds share.

    Attributes:
        name: the spec that it was made from.
        tokenizer: texts to tokens.
        width: number of features.
    """

    name: str
    tokenizer: Tokenizes
    width: int

    @classmethod
    @abstractmethod
    def make(cls, spec: TextSpec, texts: Sequence[str] | None, weights: str | Path | None) -> "TextEncoder":
        """One of this kind, as the spec says; see `make_text_encoder`."""

    @classmethod
    @abstractmethod
    def restored(cls, folder: Path, described: Mapping[str, Any]) -> "TextEncoder":
        """What `write` wrote, its weights still to be read."""

    @abstractmethod
    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [n, t] to features [n, width]."""

    @abstractmethod
    def lengths(self, tokens: Tensor) -> Tensor:
        """How many columns of its tokens each text needs, int64 [n]: what is behind changes no feature."""

    @property
    @abstractmethod
    def word_vectors(self) -> nn.Embedding:
        """What turns tokens into vectors: where other vectors may be put in the place of words, by a hook on it."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """As plain data, all that features are a function of beside texts, code and weights."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Make a folder from which `read_text_encoder` makes the same encoder, but for the weights."""


def write_description(folder: Path, described: Mapping[str, Any]) -> None:
    """Write down which kind of encoder a folder describes, by its name and whatever `restored` needs."""
    folder.mkdir(exist_ok=True)
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def read_text_encoder(folder: Path) -> TextEncoder:
    """The text encoder that a folder describes, its weights still to be read.

    Raises:
        BadDataError: the folder does not describe one.
        LandbridgeError: a library that it needs is missing.
    """
    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        kind = TEXT_ENCODERS.resolve(described["kind"])
        return cast(TextEncoder, kind.restored(folder, described))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadDataError(f"{folder} does not describe a text encoder ({error!r})") from error


def make_text_encoder(spec: str, texts: Sequence[str] | None = None, weights: str | Path | None = None) -> TextEncoder:
    """Make a text encoder by name.

    Args:
        spec: `transformer`, a small one from scratch, with keys as in `transformer?width=256&layers=4&heads=4&
            dropout=0.1&tokens=words&vocabulary=8000&length=64&least=2`; `open_clip/NAME`, the text tower of one of its
            models; `sentence-transformers/NAME`, a name of its hub or a folder.
        texts: captions of the training split, from which `transformer` learns its vocabulary.
        weights: for `open_clip`, None or "none" for fresh ones, "hub", a tag of its list, or a checkpoint. The others
            take none: `sentence-transformers` brings its own.

    Returns:
        The encoder.

    Raises:
        UnknownNameError: no such encoder.
        BadDataError: there is no text to learn a vocabulary from.
        LandbridgeError: a key does not fit, a package is missing, weights cannot be had.

    >>> encoder = make_text_encoder("transformer?width=16&layers=1&heads=2&least=1", ["a red flower", "a blue one"])
    >>> encoder(encoder.tokenizer(["a red one", "flower"])).shape, encoder.width
    (torch.Size([2, 16]), 16)
    """
    parsed = TextSpec.parse(spec)
    choice = None if weights is None or str(weights) == "none" else weights
    return cast(TextEncoder, TEXT_ENCODERS.resolve(parsed.kind).make(parsed, texts, choice))


class TextTransformer(TextEncoder):
    """A small causal transformer, pooled where the text ends (as in CLIP: Radford et al., ICML 2021).

    Token and position embeddings, blocks with layer normalisation before attention and before the perceptron (Xiong et
    al., ICML 2020), a last normalisation. Each token sees those before it only, and the feature is that of `<end>`: so
    whatever stands behind a text, padding above all, changes nothing.

    Args:
        tokenizer: its vocabulary learned.
        width: of the embeddings and of the feature; a multiple of `heads`.
        layers: number of blocks.
        heads: of each attention.
        dropout: share of activations dropped in training, in [0, 1).
        name: the spec that it is made from.

    Raises:
        LandbridgeError: an option is out of range.
    """

    MODEL: ClassVar[dict[str, type]] = {"width": int, "layers": int, "heads": int, "dropout": float}
    VOCABULARY: ClassVar[dict[str, type]] = {"tokens": str, "vocabulary": int, "length": int, "least": int}

    def __init__(
        self,
        tokenizer: Tokenizer,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        name: str = "transformer",
    ) -> None:
        super().__init__()
        for key, value in (("width", width), ("layers", layers), ("heads", heads)):
            if value < 1:
                raise LandbridgeError(f"text encoder '{name}': {key} is at least 1, not {value}")
        if width % heads:
            raise LandbridgeError(f"text encoder '{name}': width {width} is no multiple of its {heads} heads")
        if not 0 <= dropout < 1:
            raise LandbridgeError(f"text encoder '{name}': dropout is in [0, 1), not {dropout}")
        self.name, self.tokenizer, self.width = name, tokenizer, width
        self._options = {"width": width, "layers": layers, "heads": heads, "dropout": dropout}
        self.words = nn.Embedding(tokenizer.vocabulary, width)
        self.places = nn.Parameter(torch.empty(tokenizer.length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.places, std=0.01)

    @classmethod
    def make(cls, spec: TextSpec, texts: Sequence[str] | None, weights: str | Path | None) -> "TextTransformer":
        """One of this kind; see `make_text_encoder`."""
        if spec.name:
            raise LandbridgeError(f"text encoder '{spec.text}': a transformer has keys, no name: transformer?width=256")
        if weights is not None:
            raise LandbridgeError(f"text encoder '{spec.text}' starts from scratch: it takes no weights")
        asked = spec.values(cls.MODEL | cls.VOCABULARY)
        if texts is None:
            raise BadDataError(f"text encoder '{spec.text}' learns its vocabulary from training captions: give texts")
        tokenizer = train_tokenizer(
            texts,
            cast(Kind, asked.pop("tokens", "words")),
            asked.pop("vocabulary", 8000),
            asked.pop("length", 64),
            asked.pop("least", 2),
        )
        return cls(tokenizer, **asked, name=spec.text)

    @classmethod
    def restored(cls, folder: Path, described: Mapping[str, Any]) -> "TextTransformer":
        """What `write` wrote, its weights still to be read."""
        tokenizer = Tokenizer.from_json(json.loads((folder / TOKENIZER).read_text(encoding="utf-8")))
        return cls(tokenizer, **described["options"], name=described["name"])

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens to features.

        Args:
            tokens: int64 [n, t], of each text up to `<end>` at least; t <= the tokenizer's length.

        Returns:
            [n, width].

        Raises:
            BadDataError: there are more tokens than places.
        """
        count, longest = tokens.shape
        if longest > len(self.places):
            raise BadDataError(f"texts of {longest} tokens are longer than the {len(self.places)} of '{self.name}'")
        x = self.dropout(self.words(tokens) + self.places[:longest])
        past = nn.Transformer.generate_square_subsequent_mask(longest, x.device, x.dtype)
        for block in self.blocks:
            x = block(x, src_mask=past, is_causal=True)
        ends = x[torch.arange(count, device=x.device), self.lengths(tokens) - 1]
        features: Tensor = self.norm(ends)
        return features

    @property
    def word_vectors(self) -> nn.Embedding:
        """What turns tokens into vectors."""
        return self.words

    def lengths(self, tokens: Tensor) -> Tensor:
        """How many tokens each text has, up to its first `<end>`, int64 [n]."""
        return (tokens == END).int().argmax(1) + 1

    def facts(self) -> dict[str, Any]:
        """As plain data, all that features are a function of beside texts, code and weights."""
        return {"kind": "transformer", "options": self._options, "tokenizer": self._own_tokenizer().to_json()}

    def write(self, folder: Path) -> None:
        """Make a folder from which `read_text_encoder` makes the same encoder, but for the weights."""
        write_description(folder, {"kind": "transformer", "name": self.name, "options": self._options})
        tokenizer = json.dumps(self._own_tokenizer().to_json(), ensure_ascii=False)
        (folder / TOKENIZER).write_text(tokenizer, encoding="utf-8")

    def _own_tokenizer(self) -> Tokenizer:
        assert isinstance(self.tokenizer, Tokenizer)
        return self.tokenizer


def last_kept(tokens: Tensor, pad: int = PAD) -> Tensor:
    """How many columns of tokens [n, t] it takes to the last one that is no padding, int64 [n].

    >>> last_kept(torch.tensor([[2, 5, 3, 0], [2, 0, 5, 3]]))
    tensor([3, 4])
    """
    places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return ((tokens != pad) * places).amax(1)


def vocabulary_of(tokenizer: Any) -> Any:
    """What a tokenizer of the library transformers does to texts, as plain data; None for those written in Python.

    How it pads and cuts is left out, since each use changes that.
    """
    library = getattr(tokenizer, "backend_tokenizer", None)
    if library is None:
        return None
    described: dict[str, Any] = json.loads(library.to_str())
    return {key: value for key, value in described.items() if key not in ("padding", "truncation")}
