"""Sentence encoders of the library sentence-transformers, where it is installed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.nn.packages import needed
from landbridge.nn.text_encoders import TextEncoder, TextSpec, last_kept, vocabulary_of, write_description

LIBRARY = "library"


class SentenceTokenizer:
    """The tokenizer of a sentence-transformers model: padded to the longest text, with whatever its padding is.

    Args:
        model: of that library.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.length = int(model.max_seq_length)
        self.vocabulary, self.pad = len(model.tokenizer), int(model.tokenizer.pad_token_id)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts to int64 [n, t], t <= length."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            return torch.zeros(0, 1, dtype=torch.int64)
        tokens: Tensor = self._model.tokenize(texts)["input_ids"]
        return tokens


class SentenceEncoder(TextEncoder):
    """A model of sentence-transformers (Reimers and Gurevych, EMNLP 2019), whose weights may go on learning.

    Its attention is told which tokens are padding, so padding changes no feature.

    Args:
        model: of that library.
        name: the spec that it is made from.
    """

    def __init__(self, model: Any, name: str) -> None:
        super().__init__()
        self.name, self.model, self.tokenizer = name, model, SentenceTokenizer(model)
        self._pad = self.tokenizer.pad
        with torch.no_grad():
            self.width = int(self(self.tokenizer([""])).shape[1])

    @classmethod
    def make(cls, spec: TextSpec, texts: Sequence[str] | None, weights: str | Path | None) -> "SentenceEncoder":
        """One of this kind; see `make_text_encoder`."""
        spec.values({})
        if weights is not None:
            raise LandbridgeError(
                f"text encoder '{spec.text}' brings its own weights: name a folder instead of weights"
            )
        return cls(_model(spec.name, spec.text), spec.text)

    @classmethod
    def restored(cls, folder: Path, described: Mapping[str, Any]) -> "SentenceEncoder":
        """What `write` wrote, its weights still to be read."""
        return cls(_model(str(folder / LIBRARY), described["name"]), described["name"])

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [n, t] to features [n, width], not scaled to length 1 unless the model does so itself."""
        made = self.model({"input_ids": tokens, "attention_mask": (tokens != self._pad).long()})
        features: Tensor = made["sentence_embedding"]
        return features

    def lengths(self, tokens: Tensor) -> Tensor:
        """How many columns of its tokens each text needs, int64 [n]."""
        return last_kept(tokens, self._pad)

    @property
    def word_vectors(self) -> nn.Embedding:
        """What turns tokens into vectors."""
        found: nn.Embedding = self.model[0].auto_model.get_input_embeddings()
        return found

    def facts(self) -> dict[str, Any]:
        """As plain data, all that features are a function of beside texts, code and weights."""
        spelled = vocabulary_of(self.model.tokenizer)
        return {"kind": "sentence-transformers", "length": self.tokenizer.length, "tokenizer": spelled}

    def write(self, folder: Path) -> None:
        """Make a folder from which `read_text_encoder` makes the same encoder, in that library's own form."""
        write_description(folder, {"kind": "sentence-transformers", "name": self.name})
        self.model.save(str(folder / LIBRARY))


def _model(name: str, spec: str) -> Any:
    library = needed("sentence_transformers", f"text encoder '{spec}'", "sentence-transformers")
    if not name:
        raise LandbridgeError(
            f"text encoder '{spec}' needs a name: sentence-transformers/all-MiniLM-L6-v2, or a folder"
        )
    try:
        return library.SentenceTransformer(name, device="cpu")
    except Exception as error:  # hubs and files fail in many ways
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise LandbridgeError(
            f"no model '{name}' of sentence-transformers ({reason}): name a folder that holds one"
        ) from error
