"""Captions that tests make: coloured shapes with sentences, and vectors with words."""

import itertools

import torch
from lightning.fabric import Fabric

from landbridge.data.captions import Captions
from landbridge.data.domain import Examples, View
from landbridge.data.images import Arrays
from landbridge.data.shapes import CLASSES, render
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.text_encoders import make_text_encoder
from landbridge.training.trainer import Trainer

SENTENCES = ("a {}", "here is a {} on a grey ground")
WORDS = ("red", "blue", "round", "flat", "old", "new")
TINY_TEXT = "transformer?width=32&layers=1&heads=2&least=1&dropout=0"


def shapes(each: int, seed: int, sentences: int = 2) -> Captions:
    """Every one of the 96 kinds of shapes, `each` images of it, with sentences that name its attributes."""
    labels = torch.arange(len(CLASSES)).repeat_interleave(each)
    texts = [SENTENCES[n].format(CLASSES[label]) for label in labels.tolist() for n in range(sentences)]
    owner = torch.arange(len(labels)).repeat_interleave(sentences)
    return Captions("shapes", Arrays(render(labels, [seed, 5])), tuple(texts), owner, (), labels, CLASSES)


def vectors(count: int = 40, seed: int = 0) -> Captions:
    """Points with one axis a word, and a sentence or two that name the words of each."""
    generator = torch.Generator().manual_seed(seed)
    pairs = list(itertools.combinations(range(len(WORDS)), 2))
    chosen = torch.randint(len(pairs), (count,), generator=generator).tolist()
    x = 0.1 * torch.randn(count, len(WORDS), generator=generator)
    texts, owner = [], []
    for row, pair in enumerate(chosen):
        x[row, list(pairs[pair])] += 1
        first, second = (WORDS[word] for word in pairs[pair])
        for text in [f"{first} and {second}", f"{second} {first} thing"][: 1 + row % 2]:
            texts.append(text)
            owner.append(row)
    return Captions("vectors", Arrays(x), tuple(texts), torch.tensor(owner), (), torch.tensor(chosen), ())


def dual(captions: Captions, image: str = "mlp?inputs=6&hidden=32", width: int = 16, seed: int = 0) -> DualEncoder:
    """A small dual encoder that knows the words of these captions."""
    torch.manual_seed(seed)
    return DualEncoder(make_backbone(image), make_text_encoder(TINY_TEXT, captions.texts), width)


def view_of(captions: Captions) -> View:
    """The images as training sees them."""
    count = len(captions.images)
    return View(captions.name, "train", (), Examples(captions.images), torch.arange(count), shown=False)


def trainer(steps: int, **changes: object) -> Trainer:
    """A trainer on the CPU."""
    settings = {"batch_size": 16, "checkpoint_every": 10, "log_every": 10} | changes
    return Trainer(Fabric(accelerator="cpu", devices=1), steps, **settings)  # type: ignore[arg-type]
