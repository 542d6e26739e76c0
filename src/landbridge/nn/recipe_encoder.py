"""Recipes to vectors: each field its encoder, and whatever fields there are, their mean."""

import json
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.nn.recipe_text import FIELDS, Recipe, parse_recipe
from landbridge.nn.tokenizers import Tokenizer


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

    def to_json(self) -> str:
        """All of it as text."""
        return json.dumps({"recipe": self.words.to_json()})

    @classmethod
    def from_json(cls, text: str) -> "RecipeTokenizer":
        """What `to_json` wrote."""
        return cls(Tokenizer.from_json(json.loads(text)["recipe"]))


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
    order = (tokens == 0).to(torch.int8).argsort(1, stable=True)
    return tokens.gather(1, order)[:, : max(longest, 1)]


class RecipeEncoder(nn.Module):
    """Tokens of recipes to vectors: the mean over those fields that there are.

        z = sum_f m_f E_f(t_f) / sum_f m_f,   m_f = 1 where field f is there, else 0

    Each field has its own encoder E_f, so one field alone is a query as good as a whole recipe: nothing stands in for
    what is missing. In training whole fields are dropped at random, so that each learns to speak for itself; one that a
    recipe has always stays.

    Published encoders join the fields' vectors and always have all of them (Salvador et al., CVPR 2017, section 3.1);
    leaving out fields is ours.

    Args:
        tokenizer: what the tokens come from.
        encoders: by the names of `FIELDS`, all of one width.
        drop: chance that training drops a field, in [0, 1).
    """

    def __init__(self, tokenizer: RecipeTokenizer, encoders: Mapping[str, nn.Module], drop: float = 0.2) -> None:
        super().__init__()
        self.tokenizer, self.drop = tokenizer, drop
        self.encoders = nn.ModuleDict({field: encoders[field] for field in FIELDS})
        self.width = int(next(iter(encoders.values())).width)

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

        x_w = (1 + log n_w) log((1 + N) / (1 + d_w)),   z = W x / |x|

    n_w is how often word w stands in the text, d_w in how many of N training texts it does (Salton and Buckley,
    Information Processing and Management 1988: TF-IDF with logarithmic counts). Where texts are few and long it is hard
    to beat.

    Args:
        tokenizer: what the tokens come from.
        width: of the vectors.
        drop: share of the words that training leaves out, in [0, 1).
        hidden: units of a hidden layer; 0 for none.
    """

    rarity: Tensor

    def __init__(self, tokenizer: Tokenizer, width: int, drop: float = 0.0, hidden: int = 0) -> None:
        super().__init__()
        self.tokenizer, self.width, self.drop = tokenizer, width, drop
        self.map = nn.Linear(tokenizer.vocabulary, hidden or width, bias=bool(hidden))
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(hidden, width)) if hidden else nn.Identity()
        self.register_buffer("rarity", torch.ones(tokenizer.vocabulary))

    def count(self, texts: Sequence[str]) -> "BagOfWords":
        """Learn from training texts how rare each word is; a word in all of them counts nothing."""
        seen = torch.zeros(self.tokenizer.vocabulary)
        for start in range(0, len(texts), 512):
            seen += (self._counts(self.tokenizer(texts[start : start + 512])) > 0).sum(0)
        self.rarity = ((1 + len(texts)) / (1 + seen)).log()
        return self

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, t] to vectors [n, width]."""
        counts = F.dropout((self._counts(tokens).log1p()), self.drop, self.training)
        return self.rest(self.map(F.normalize(counts * self.rarity)))  # type: ignore[no-any-return]

    def _counts(self, tokens: Tensor) -> Tensor:
        counts = torch.zeros(len(tokens), self.tokenizer.vocabulary, device=tokens.device)
        counts.scatter_add_(1, tokens, torch.ones_like(tokens, dtype=counts.dtype))
        counts[:, 0] = 0
        return counts
