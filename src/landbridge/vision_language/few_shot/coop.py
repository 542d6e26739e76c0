"""Prompts that are learned: vectors in the place of the words around the class name."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.templates import spoken
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.layers import evaluating
from landbridge.vision_language.few_shot.base import FewShot, Labelled, Setting, batches, best, judged

EPOCHS = {1: 50, 4: 100}
"""Up to so many shots a class, so many passes over them; with more shots, `MOST`."""

MOST, WARM_UP = 200, 1e-5
"""Passes, and the rate of the first of them."""

MOMENTUM, DECAY = 0.9, 5e-4


class CoOp(FewShot):
    """Learned context before the class name, both encoders frozen (Zhou et al., IJCV 2022).

    min over v of  mean_i -log softmax(scale x_i g([v_1] ... [v_M] [class k .])^T)[y_i],  g the text encoder

    As published: SGD at 0.002 after a first epoch at 1e-5, a cosine to 0, batches of 32, and 50 epochs with one shot a
    class, 100 with up to four, 200 with more. Of the epochs, the start included, the one that is best on validation
    examples is kept. The paper takes the last, and varies the shots by crops and flips; here they are features that are
    computed once.

    Args:
        setting: what it starts from.
        start: the words at which the context starts, one vector a word, as in the paper; None starts at
            random.
        context: M, how many vectors, where they start at random; at least 1.
        by_class: whether each class learns a context of its own.
        epochs: passes over the shots; by default as above.
        rate: of SGD.
        batch_size: shots a step.
    """

    paper = "Zhou et al., IJCV 2022"

    def __init__(
        self,
        setting: Setting,
        start: str | None = "a photo of a",
        context: int = 16,
        by_class: bool = False,
        epochs: int | None = None,
        rate: float = 0.002,
        batch_size: int = 32,
    ) -> None:
        super().__init__(setting)
        self.epochs, self.rate, self.batch_size = epochs, rate, batch_size
        self.count = context if start is None else len(start.split())
        if self.count < 1:
            raise LandbridgeError("CoOp learns at least one vector: name a context of 1 or more, or words to start at")
        self.begin = begin_of(setting.model)
        self.tokens = with_places(setting.model, self.head.classes, self.count, self.begin)
        self.vectors = self._started(start, len(self.tokens) if by_class else 1)
        self.weight = self.head.weight

    def fit(self, shots: Labelled, validation: Labelled) -> Self:
        """Learn the context from the shots."""
        model, vectors = self.setting.model, self.vectors.clone().requires_grad_()
        epochs = self.epochs or _epochs(len(shots.y) / len(self.head.classes))
        optimiser = torch.optim.SGD([vectors], lr=self.rate, momentum=MOMENTUM, weight_decay=DECAY)
        contexts: list[Tensor] = []
        weights: list[Tensor] = []
        with evaluating(model), torch.enable_grad():
            for epoch, _, rows in batches(len(shots.y), self.batch_size, epochs, self.setting.seed):
                if epoch == len(contexts):
                    contexts.append(vectors.detach().clone())
                    weights.append(self._weight(contexts[-1]).detach())
                optimiser.param_groups[0]["lr"] = rate_at(epoch, epochs, self.rate)
                logits = self._logits(self._weight(vectors), shots.x[rows])
                (vectors.grad,) = torch.autograd.grad(F.cross_entropy(logits, shots.y[rows]), vectors)
                optimiser.step()
            contexts.append(vectors.detach().clone())
            weights.append(self._weight(contexts[-1]).detach())
        epoch = best(range(len(weights)), lambda place: judged(self._logits(weights[place], validation.x), validation))
        self.vectors, self.weight, self.chosen = contexts[epoch], weights[epoch], {"epoch": epoch}
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Scaled cosines [n, C] with the learned prompts."""
        return self._logits(self.weight, images)

    def _logits(self, weight: Tensor, images: Tensor) -> Tensor:
        return self.head.scale * images @ weight.T

    def _weight(self, vectors: Tensor) -> Tensor:
        """The classes' unit vectors [C, D] with this context, on the CPU."""
        model = self.setting.model
        with spoken_as(model.text.word_vectors, vectors, self.begin):
            return model.encode_text(self.tokens, len(self.tokens)).float().cpu()

    def _started(self, words: str | None, rows: int) -> Tensor:
        embedding = self.setting.model.text.word_vectors
        if words is None:
            generator = torch.Generator().manual_seed(self.setting.seed)
            spread = float(embedding.weight.detach().float().std())
            vectors = spread * torch.randn(self.count, embedding.embedding_dim, generator=generator)
        else:
            tokens = self.setting.model.tokenize([words])[0, self.begin : self.begin + self.count]
            vectors = embedding.weight.detach()[tokens.to(embedding.weight.device)].float().cpu()
        return vectors.expand(rows, -1, -1).clone()


def rate_at(epoch: int, epochs: int, rate: float) -> float:
    """The learning rate of an epoch: small in the first, then down a cosine.

    >>> [round(rate_at(epoch, 4, 1.0), 5) for epoch in range(4)]
    [1e-05, 1.0, 0.75, 0.25]
    """
    return WARM_UP if epoch == 0 else rate * (1 + math.cos(math.pi * (epoch - 1) / max(1, epochs - 1))) / 2


def begin_of(model: DualEncoder) -> int:
    """How many tokens stand before every text: 1 where the tokenizer marks the beginning, else 0."""
    first = model.tokenize(["a", "photo"])[:, 0]
    return int(first[0] == first[1])


def with_places(model: DualEncoder, classes: tuple[str, ...], count: int, begin: int) -> Tensor:
    """Tokens of `[places] [class].`, int64 [C, t]; what stands in the places is any word.

    Args:
        model: whose tokens.
        classes: names.
        count: how many places; at least 1.
        begin: how many tokens stand before every text.

    Raises:
        BadDataError: that is longer than the encoder reads.
    """
    tokens = model.tokenize([f"{spoken(name)}." for name in classes])
    word = model.tokenize(["a"])[:1, begin : begin + 1].expand(len(tokens), count)
    whole = torch.cat([tokens[:, :begin], word, tokens[:, begin:]], 1)
    longest = model.text.tokenizer.length
    behind = whole[:, longest:]
    if behind.numel() and bool((behind != behind[0, -1]).any()):
        most = longest - count
        raise BadDataError(f"{count} learned vectors leave {most} of {longest} tokens for the class names: use fewer")
    return whole[:, :longest]


@contextmanager
def spoken_as(embedding: nn.Embedding, vectors: Tensor, begin: int) -> Iterator[None]:
    """While this is open, `vectors` [1 or n, M, W] stand in the place of the words behind the first `begin` ones."""

    def put(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        context = vectors.to(output).expand(len(output), -1, -1)
        spoken: Tensor = torch.cat([output[:, :begin], context, output[:, begin + context.shape[1] :]], 1)
        return spoken

    hook = embedding.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()


def _epochs(shots: float) -> int:
    return next((epochs for most, epochs in EPOCHS.items() if shots <= most), MOST)
