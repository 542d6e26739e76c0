"""Training a dual encoder: images and the sentences that describe them come to lie in one place."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.core.processes import gather, noise_like, world
from landbridge.data.batches import Batch
from landbridge.losses import sum_of_hinges
from landbridge.nn.chunked import chunked
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.lora import add_adapters, merged
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.method import Group, Losses, Method, Moment, Phase
from landbridge.training.schedules import warm_cosine
from landbridge.vision_language import LOSSES
from landbridge.vision_language.tuning import adamw, batch_norms, interpolated

HARDEST, HINGE_WARMUP = "hardest-triplet", 0.2
"""The loss that begins with all negatives, and in which part of the steps it does so by default."""

LARGEST_SCALE = 100.0
"""The inverse temperature is kept at or below this, so that no step makes logits explode (as CLIP does)."""


ROWS = 1024
"""Images that look for their sentence in a batch at once."""


class Alignment(Method):
    """Learn two encoders whose outputs agree for an image and its sentence, and disagree for others of the batch.

        min over f, g of  L(f(images), g(sentences)),   f, g of length 1,

    with L one of `LOSSES`: Radford et al. (ICML 2021), Zhai et al. (ICCV 2023), Faghri et al. (BMVC 2018), and others.
    A step draws one sentence for each image. Pairs of the batch that share their image or their very sentence belong
    together, and no loss takes them for negatives. AdamW; the rate rises, then follows a cosine down to 0.

    What it knew is kept by small rates, by a locked image tower (LiT, Zhai et al., CVPR 2022), by low-rank additions
    (LoRA), or by going back part of the way (WiSE-FT).

    Args:
        model: the dual encoder to train; it is changed in place.
        texts: the sentences.
        owner: which image of the view `pairs` each sentence describes, int64 [T]; each image has one or more.
        loss: a name of `LOSSES`.
        classes: the class of each image, int64 [N], for losses that use them.
        rate: learning rate of the heads and the temperature, > 0.
        weight_decay: of AdamW, on matrices and kernels, >= 0.
        image_rate_ratio: rate of the image tower over `rate`, >= 0; 0 locks the tower.
        text_rate_ratio: rate of the text tower over `rate`, likewise.
        warmup: part of the steps in which the rate rises, in [0, 1).
        hinge_warmup: part of the steps in which `hardest-triplet` takes the `sum_of_hinges` over all negatives, before
            it takes the hardest alone, in [0, 1); 0 is the loss as published. The hardest alone can draw everything
            into one place at the start (Schroff et al., CVPR 2015, on the selection of triplets). None is 0.2 for
            `hardest-triplet` and 0 for others.
        temperature: of the softmax, > 0; None learns it, from where the model's stands.
        margin: of losses with a margin, > 0; None takes the loss's own.
        lora: rank of what is added to the linear layers of towers that are not locked, while their own weights and
            statistics stay; 0 adds nothing.
        wise_ft: how far the final model goes from the start to the tuned weights, in (0, 1].
        batch_norm: `train`; or `frozen`: BatchNorm of the image tower keeps its weights and statistics.
        chunk: images and sentences that pass through an encoder at once, for batches larger than memory: the encoders
            run again, chunk by chunk, in the backward pass. BatchNorm then sees chunks. 0 for the whole batch.

    Raises:
        UnknownNameError: no such loss.
        LandbridgeError: a value out of its range, options that exclude each other, or a loss without its classes.
    """

    needs = {"pairs": "unlabelled"}
    paper = "Radford et al., ICML 2021"
    tokens: Tensor
    sentence: Tensor
    order: Tensor
    first: Tensor
    count: Tensor
    classes: Tensor

    def __init__(
        self,
        model: DualEncoder,
        texts: Sequence[str],
        owner: Tensor,
        loss: str = "info-nce",
        *,
        classes: Tensor | None = None,
        rate: float = 1e-3,
        weight_decay: float = 0.1,
        image_rate_ratio: float = 1.0,
        text_rate_ratio: float = 1.0,
        warmup: float = 0.1,
        hinge_warmup: float | None = None,
        temperature: float | None = None,
        margin: float | None = None,
        lora: int = 0,
        wise_ft: float = 1.0,
        batch_norm: Literal["train", "frozen"] = "train",
        chunk: int = 0,
    ) -> None:
        nn.Module.__init__(self)  # not Method's: there is no head over classes
        for name, value in (("image_rate_ratio", image_rate_ratio), ("text_rate_ratio", text_rate_ratio)):
            _check(value >= 0, name, value, "at least 0; 0 locks the tower")
        for name, value in (("lora", lora), ("chunk", chunk), ("weight_decay", weight_decay)):
            _check(value >= 0, name, value, "at least 0")
        _check(rate > 0, "rate", rate, "above 0")
        self.hinge_warmup = hinge_warmup_of(loss, hinge_warmup)
        for name, value in (("warmup", warmup), ("hinge_warmup", self.hinge_warmup)):
            _check(0 <= value < 1, name, value, "at least 0 and below 1")
        _check(margin is None or margin > 0, "margin", margin, "above 0")
        _check(0 < wise_ft <= 1, "wise_ft", wise_ft, "above 0 and at most 1; 1 is the tuned model as it is")
        _check(temperature is None or temperature > 0, "temperature", temperature, "above 0; leave it out to learn it")
        _check(batch_norm in ("train", "frozen"), "batch_norm", batch_norm, "train or frozen")
        self.function: Callable[..., Tensor] = LOSSES.resolve(loss)
        self.wanted = set(inspect.signature(self.function).parameters)
        if "classes" in self.wanted and classes is None:
            raise LandbridgeError(
                f"--loss {loss} compares classes, but these captions have none: name another loss, or give images a "
                "class"
            )
        self.dual, self.rate, self.weight_decay, self.warmup = model, rate, weight_decay, warmup
        self.margin, self.wise_ft, self.chunk, self.lora = margin, wise_ft, chunk, lora
        self.learned_temperature = temperature is None
        if temperature is not None:
            nn.init.constant_(model.log_scale, -math.log(temperature))
        if wise_ft < 1:
            self.start = copy.deepcopy(model).requires_grad_(False).eval()
        self.ratios = {"image": image_rate_ratio, "text": text_rate_ratio}
        towers: dict[str, nn.Module] = {"image": model.image, "text": model.text}
        locked = [tower for name, tower in towers.items() if self.ratios[name] == 0]
        self.still = [*locked, *(batch_norms(model.image) if lora or batch_norm == "frozen" else [])]
        self.towers = {
            "image": self._freed(model.image, image_rate_ratio, model.image.name),
            "text": self._freed(model.text, text_rate_ratio, "the text encoder"),
        }
        self._remember(texts, owner, classes)

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        """The loss between the images of the batch and a sentence drawn for each."""
        for part in self.still:
            part.eval()
        pairs = batch["pairs"]
        chosen = self.sentences_of(pairs.index)
        images = self._in_chunks(self.dual.encode_image, pairs.x)
        texts = self._in_chunks(self.dual.encode_text, self.tokens[chosen].long())
        offered: dict[str, Callable[[], Any]] = {
            "positives": lambda: self.together(pairs.index, chosen),
            "temperature": lambda: (-self.dual.log_scale).exp(),
            "scale": lambda: self.dual.log_scale.exp(),
            "bias": lambda: self.dual.bias,
            "classes": lambda: self.classes[pairs.index],
        }
        if self.margin is not None:
            offered["margin"] = lambda: self.margin
        given = {name: value() for name, value in offered.items() if name in self.wanted}
        function = sum_of_hinges if at.progress < self.hinge_warmup else self.function
        turn = Losses(loss=function(images, texts, **given))
        turn.measures = {"batch_recall": lambda: own_first(images, texts)}
        if self._scalars() and self.learned_temperature:
            turn.measures["temperature"] = lambda: (-self.dual.log_scale.detach()).exp()
        yield turn

    def sentences_of(self, index: Tensor) -> Tensor:
        """A sentence for each image, as one process would draw it for the whole batch.

        Args:
            index: positions of the images in their view, int64 [n].

        Returns:
            Numbers of sentences, int64 [n].
        """
        chance = torch.special.ndtr(noise_like(torch.empty(len(index), dtype=torch.float64, device=index.device)))
        place = (chance * self.count[index]).long().minimum(self.count[index] - 1)
        return self.order[self.first[index] + place]

    def together(self, index: Tensor, chosen: Tensor) -> Tensor:
        """A number for each pair, equal where pairs of the batch, of all processes, share an image or a sentence.

        Args:
            index: positions of the images, int64 [n].
            chosen: numbers of their sentences, int64 [n].

        Returns:
            int64 [n].
        """
        shared = (gather(index), gather(self.sentence[chosen]))
        keys = [numbers.unique(return_inverse=True)[1] for numbers in shared]
        found = keys[1]
        before = torch.empty(0)
        while not torch.equal(found, before):
            before = found
            for key in keys:
                lowest = found.new_full((int(key.max()) + 1,), len(found))
                found = lowest.scatter_reduce(0, key, found, "amin")[key]
        rank, size = world()
        ours: Tensor = found.chunk(size)[rank]
        return ours

    def phases(self) -> Sequence[Phase]:
        """One phase over the pairs."""
        return (Phase("align", inputs=("pairs",)),)

    def preprocessing(self, name: str) -> Preprocessing:
        """That of the image tower."""
        return self.dual.image.preprocessing

    def groups(self) -> Mapping[str, Group]:
        """The towers that move, the heads, and what scales the similarities, each at its rate."""
        heads = [*self.dual.image_head.parameters(), *self.dual.text_head.parameters()]
        parts = {
            "image": self._group(self.towers["image"], self.ratios["image"]),
            "text": self._group(self.towers["text"], self.ratios["text"]),
            "heads": self._group([p for p in heads if p.requires_grad], 1.0),
            "scale": self._group(self._scalars(), 1.0, decay=0.0),
        }
        return {name: group for name, group in parts.items() if group.parameters}

    def after_step(self, at: Moment) -> None:
        """Keep the temperature within bounds."""
        with torch.no_grad():
            self.dual.log_scale.clamp_(max=math.log(LARGEST_SCALE))

    def model(self) -> DualEncoder:
        """The tuned model; low-rank additions are added to the weights, and part of the way to the start gone back."""
        tuned = merged(self.dual) if self.lora else self.dual
        return interpolated(self.start, tuned, self.wise_ft) if self.wise_ft < 1 else tuned

    def _freed(self, tower: nn.Module, ratio: float, name: str) -> list[nn.Parameter]:
        """The parameters of a tower that may move; none of a locked one."""
        if ratio == 0:
            tower.requires_grad_(False)
            return []
        if self.lora:
            try:
                return add_adapters(tower, self.lora, name)
            except LandbridgeError as error:
                raise LandbridgeError(f"{error}; or lock that tower, by a rate ratio of 0") from error
        for part in self.still:
            part.requires_grad_(False)
        return [parameter for parameter in tower.parameters() if parameter.requires_grad]

    def _scalars(self) -> list[nn.Parameter]:
        """The temperature and the offset, where the loss has them and they are learned."""
        scaled = self.learned_temperature and bool({"temperature", "scale"} & self.wanted)
        return [self.dual.log_scale] * scaled + [self.dual.bias] * ("bias" in self.wanted)

    def _group(self, parameters: Sequence[nn.Parameter], ratio: float, decay: float | None = None) -> Group:
        amount = self.weight_decay if decay is None else decay
        return Group(
            parameters,
            lambda moved, rate: adamw(moved, rate, amount),
            self.rate * ratio,
            lambda at: warm_cosine(at.progress, self.warmup),
        )

    def _in_chunks(self, encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return chunked(encode, x, self.chunk, self.dual) if self.chunk else encode(x)

    def _remember(self, texts: Sequence[str], owner: Tensor, classes: Tensor | None) -> None:
        """The tokens of all sentences, and where those of an image stand: made from what is given, so not saved."""
        known: dict[str, int] = {}
        count = torch.bincount(owner)
        constants = {
            "tokens": self.dual.tokenize(texts).int(),
            "sentence": torch.tensor([known.setdefault(text, len(known)) for text in texts]),
            "order": owner.argsort(stable=True),
            "first": count.cumsum(0) - count,
            "count": count,
            "classes": torch.empty(0) if classes is None else classes,
        }
        for name, values in constants.items():
            self.register_buffer(name, values, persistent=False)


def hinge_warmup_of(loss: str, asked: float | None) -> float:
    """In which part of the steps all negatives count: what was asked for, else what is usual for the loss.

    Raises:
        LandbridgeError: it is asked for with a loss that has no such part.
    """
    if asked and loss != HARDEST:
        raise LandbridgeError(f"--hinge-warmup is of --loss {HARDEST}, not {loss}: leave it out")
    return asked if asked is not None else HINGE_WARMUP * (loss == HARDEST)


def own_first(images: Tensor, texts: Tensor) -> Tensor:
    """The share of the images of a batch whose own sentence is the nearest of the batch.

    >>> own_first(torch.eye(2), torch.eye(2)).item()
    1.0
    """
    others = texts.detach().T
    nearest = torch.cat([(some @ others).argmax(1) for some in images.detach().split(ROWS)])
    return (nearest == torch.arange(len(images), device=nearest.device)).float().mean()


def _check(holds: bool, option: str, value: object, allowed: str) -> None:
    if not holds:
        raise LandbridgeError(f"--{option.replace('_', '-')} must be {allowed}, not {value}")
