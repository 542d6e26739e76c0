"""Recipes to vectors: each field its encoder, and whatever fields there are, their mean."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe
from landbridge.nn.text_encoders import (
    TOKENIZER,
    TextEncoder,
    TextSpec,
    TextTransformer,
    last_kept,
    write_description,
)
from landbridge.nn.tokenizers import SPECIAL, Tokenizer, train_tokenizer

KINDS = ("bag", "transformer")


class RecipeTokenizer:
    """Recipes to tokens: the words of all fields in one row, each token telling its field.

    A recipe's text is taken apart by `parse_recipe`, so free text will do. With a vocabulary of V tokens, those of the
    title are 1 to V - 1 as the words' tokenizer has them, those of the ingredients V more, those of the instructions
    2 V more. A field that is missing has none.

    Args:
        words: what makes tokens of one field's text.

    Attributes:
        length: most tokens of a recipe.
        vocabulary: how many tokens there are, 3 V.
    """

    def __init__(self, words: Tokenizer) -> None:
        self.words = words
        self.length, self.vocabulary = len(FIELDS) * words.length, len(FIELDS) * words.vocabulary

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts to tokens, int64 [n, t], padded with 0 up to the longest of them.

        Raises:
            BadDataError: a text is empty.
        """
        recipes = [parse_recipe(text) for text in texts]
        return packed(torch.cat([self._field(number, recipes) for number in range(len(FIELDS))], 1))

    def _field(self, number: int, recipes: Sequence[Recipe]) -> Tensor:
        texts = [field_text(recipe, FIELDS[number]) for recipe in recipes]
        there = torch.tensor([bool(text) for text in texts], dtype=torch.bool)
        tokens = self.words(texts)
        return torch.where((tokens > 0) & there[:, None], tokens + number * self.words.vocabulary, 0)


def field_text(recipe: Recipe, field: str) -> str:
    """One field as running text: entries parted by a comma or a space; empty where the recipe lacks it.

    >>> field_text(Recipe("Toast", ("1 slice bread", "butter")), "ingredients")
    '1 slice bread, butter'
    """
    content = getattr(recipe, field)
    return content if field == "title" else (", " if field == "ingredients" else " ").join(content)


def packed(tokens: Tensor) -> Tensor:
    """Rows with their tokens first, in their order, and zeros behind; as short as the longest allows, at least 1.

    Args:
        tokens: int64 [n, t], 0 where there is none.

    >>> packed(torch.tensor([[0, 5, 0, 7], [3, 0, 0, 0]]))
    tensor([[5, 7],
            [3, 0]])
    """
    longest = int((tokens > 0).sum(1).max()) if len(tokens) else 0
    order = (tokens == 0).to(torch.int8).argsort(dim=1, stable=True)
    return tokens.gather(1, order)[:, : max(longest, 1)]


class RecipeEncoder(TextEncoder):
    """Tokens of recipes to vectors: the mean over those fields that there are.

        z = sum_f m_f E_f(t_f) / sum_f m_f,   m_f = 1 where field f is there, else 0

    Each field has its own encoder E_f, so one field alone is a query as good as a whole recipe: nothing stands in for
    what is missing. In training whole fields are dropped at random, so that each learns to speak for itself; one that a
    recipe has always stays.

    Published encoders join the fields' vectors and always have all of them (Salvador et al., CVPR 2017, section 3.1);
    leaving out fields is ours.

    Args:
        words: texts of one field to tokens, its vocabulary learned from all fields.
        width: of the vectors.
        kind: of the fields' encoders: `bag` (`BagOfWords`) or `transformer` (`TextTransformer`).
        drop: chance that training drops a field, in [0, 1).
        forget: share of the words that training leaves out of a bag, or dropout of a transformer, in [0, 1).
        layers: of a transformer.
        name: the spec that it was made from.

    >>> texts = ["Toast. 1 slice bread. Toast it.", "Soup. 1 cup peas. Cook it."]
    >>> encoder = RecipeEncoder(train_tokenizer(texts, least=1), width=8).eval()
    >>> tokens = encoder.tokenizer(["Soup", "Ingredients: bread, peas"])
    >>> encoder(tokens).shape, encoder.present(tokens).tolist()
    (torch.Size([2, 8]), [[True, False, False], [False, True, False]])
    """

    VOCABULARY: ClassVar[dict[str, type]] = {"tokens": str, "vocabulary": int, "length": int, "least": int}
    MODEL: ClassVar[dict[str, type]] = {"kind": str, "width": int, "drop": float, "forget": float, "layers": int}
    tokenizer: RecipeTokenizer

    def __init__(
        self,
        words: Tokenizer,
        width: int = 512,
        kind: str = "bag",
        drop: float = 0.2,
        forget: float = 0.5,
        layers: int = 2,
        name: str = "recipe",
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise LandbridgeError(
                f"text encoder '{name}': the kind of a field's encoder is {' or '.join(KINDS)}, not '{kind}'"
            )
        for key, share in (("drop", drop), ("forget", forget)):
            if not 0 <= share < 1:
                raise LandbridgeError(f"text encoder '{name}': {key} is at least 0 and below 1, not {share}")
        self.name, self.tokenizer, self.width, self.drop = name, RecipeTokenizer(words), width, drop
        self._options = {"width": width, "kind": kind, "drop": drop, "forget": forget, "layers": layers}

        def field_encoder() -> nn.Module:
            if kind == "bag":
                return BagOfWords(words, width, forget)
            return TextTransformer(words, width, layers, dropout=forget)

        self.encoders = nn.ModuleDict({field: field_encoder() for field in FIELDS})

    @classmethod
    def make(cls, spec: TextSpec, texts: Sequence[str] | None, weights: str | Path | None) -> "RecipeEncoder":
        """One of this kind; see `make_text_encoder`."""
        if spec.name:
            raise LandbridgeError(f"text encoder '{spec.text}': a recipe's has keys, no name: recipe?width=512")
        if weights is not None:
            raise LandbridgeError(f"text encoder '{spec.text}' starts from scratch: it takes no weights")
        asked = spec.values(cls.MODEL | cls.VOCABULARY)
        if texts is None:
            raise BadDataError(f"text encoder '{spec.text}' learns its vocabulary from training recipes: give texts")
        recipes = [parse_recipe(text) for text in texts]
        fields = {field: [text for recipe in recipes if (text := field_text(recipe, field))] for field in FIELDS}
        words = train_tokenizer(
            [text for texts in fields.values() for text in texts],
            asked.pop("tokens", "words"),
            asked.pop("vocabulary", 8000),
            asked.pop("length", 512),
            asked.pop("least", 2),
        )
        encoder = cls(words, **asked, name=spec.text)
        for field, part in encoder.encoders.items():
            if isinstance(part, BagOfWords):
                part.count(fields[field])
        return encoder

    @classmethod
    def restored(cls, folder: Path, described: Mapping[str, Any]) -> "RecipeEncoder":
        """What `write` wrote, its weights still to be read."""
        words = Tokenizer.from_json(json.loads((folder / TOKENIZER).read_text(encoding="utf-8")))
        return cls(words, **described["options"], name=described["name"])

    def write(self, folder: Path) -> None:
        """Make a folder from which `read_text_encoder` makes the same encoder, but for the weights."""
        write_description(folder, {"kind": "recipe", "name": self.name, "options": self._options})
        words = json.dumps(self.tokenizer.words.to_json(), ensure_ascii=False)
        (folder / TOKENIZER).write_text(words, encoding="utf-8")

    def facts(self) -> dict[str, Any]:
        """As plain data, all that features are a function of beside texts, code and weights."""
        return {"kind": "recipe", "options": self._options, "tokenizer": self.tokenizer.words.to_json()}

    @property
    def word_vectors(self) -> nn.Embedding:
        """A recipe is read field by field, mostly as a bag of words: no place is there for a learned context.

        Raises:
            LandbridgeError: always.
        """
        raise LandbridgeError("an encoder of recipes takes no learned context: take another --few-shot than coop")

    def lengths(self, tokens: Tensor) -> Tensor:
        """How many columns of its tokens each recipe needs, int64 [n]."""
        return last_kept(tokens).clamp(min=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, t] to vectors [n, width]; of a row without any tokens, zeros."""
        weights = self.kept(self.present(tokens)).to(torch.get_default_dtype())
        total = torch.zeros(len(tokens), self.width, device=tokens.device)
        for number, encoder in enumerate(self.encoders.values()):
            rows = weights[:, number].nonzero().flatten()
            if len(rows):
                total = total.index_add(0, rows, encoder(self.of_field(tokens[rows], number)).to(total.dtype))
        return total / weights.sum(1, keepdim=True).clamp(min=1)

    def present(self, tokens: Tensor) -> Tensor:
        """Which fields the recipes have, bool [n, 3]."""
        owner = self._owner(tokens)
        return torch.stack([(owner == number).any(1) for number in range(len(FIELDS))], 1)

    def kept(self, present: Tensor) -> Tensor:
        """Which of the fields [n, 3] count now: all of them, or in training those that are not dropped."""
        if not self.training or not self.drop:
            return present
        chance = torch.rand(present.shape, device=present.device).masked_fill(~present, -1)
        # The luckiest field of each recipe stays, whatever its luck.
        best = F.one_hot(chance.argmax(1), len(FIELDS)).bool()
        return present & ((chance >= self.drop) | best)

    def of_field(self, tokens: Tensor, number: int) -> Tensor:
        """The tokens of one field as its encoder knows them, [n, t']."""
        mine = self._owner(tokens) == number
        return packed(torch.where(mine, tokens - number * self.tokenizer.words.vocabulary, 0))

    def _owner(self, tokens: Tensor) -> Tensor:
        """The number of the field of each token; -1 for padding."""
        return torch.where(tokens > 0, tokens // self.tokenizer.words.vocabulary, -1)


class BagOfWords(nn.Module):
    """How often each word stands in a text, rare words counting more, and a linear map of that.

        x_w = log(1 + n_w) log((1 + N) / (1 + d_w)),   z = W x / |x| + b

    n_w is how often word w stands in the text, d_w in how many of N training texts it does: TF-IDF with logarithmic
    counts (Salton and Buckley, Information Processing and Management 1988, table 1, up to constants). Where texts are
    few and long it is hard to beat.

    Args:
        words: what the tokens come from.
        width: of the vectors.
        forget: share of the words that training leaves out, in [0, 1).

    >>> words = train_tokenizer(["salt peas", "salt bread"], least=1)
    >>> bag = BagOfWords(words, 4).count(["salt peas", "salt bread"])
    >>> bag(words(["salt"])).abs().sum().item()  # in every text: it tells nothing
    0.0
    """

    rarity: Tensor

    def __init__(self, words: Tokenizer, width: int, forget: float = 0.0) -> None:
        super().__init__()
        self.words, self.forget = words, forget
        self.map = nn.Linear(words.vocabulary, width)
        nn.init.zeros_(self.map.bias)
        self.register_buffer("rarity", torch.ones(words.vocabulary))

    def count(self, texts: Sequence[str]) -> "BagOfWords":
        """Learn from training texts how rare each word is; a word in all of them counts nothing."""
        seen = torch.zeros(self.words.vocabulary)
        for start in range(0, len(texts), 512):
            seen += (self._counts(self.words(texts[start : start + 512])) > 0).sum(0)
        self.rarity = ((1 + len(texts)) / (1 + seen)).log()
        self.rarity[: len(SPECIAL)] = 0  # no words
        return self

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, t] to vectors [n, width]."""
        vectors: Tensor = self.map(F.normalize(F.dropout(self._weights(tokens), self.forget, self.training)))
        return vectors

    def rows(self, tokens: Tensor) -> Tensor:
        """What the map reads: x / |x| of each text, [n, V]; zeros where no word is known."""
        return F.normalize(self._weights(tokens))

    def _weights(self, tokens: Tensor) -> Tensor:
        return self._counts(tokens).log1p() * self.rarity

    def _counts(self, tokens: Tensor) -> Tensor:
        counts = torch.zeros(len(tokens), self.words.vocabulary, device=tokens.device)
        return counts.scatter_add_(1, tokens, torch.ones_like(tokens, dtype=counts.dtype))
