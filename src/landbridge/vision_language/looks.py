"""What is looked at while a dual encoder learns: recall on held-out pairs, and how alike some training pairs are."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landbridge.core.files import atomic_path, write_json
from landbridge.data.captions import Captions
from landbridge.data.images import Inputs
from landbridge.evaluation.cross_retrieval import CrossRetrieval, cross_retrieval
from landbridge.evaluation.selection import Judged
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.layers import evaluating

FOLDER, PAIRS = "looks", 24
"""Where looks are kept in a run, and how many training pairs are looked at."""


def embeddings(model: DualEncoder, captions: Captions, batch_size: int = 256) -> tuple[Tensor, Tensor]:
    """All images and all sentences of a set in the common space.

    Args:
        model: the dual encoder.
        captions: the set, its images as the model reads them.
        batch_size: how many pass through an encoder at once.

    Returns:
        float32 [N, D] and [T, D], rows of length 1, on the CPU.
    """
    with evaluating(model):
        texts = model.encode_text(captions.texts, batch_size).float().cpu()
    return embedded_images(model, captions.images, batch_size), texts


def embedded_images(model: DualEncoder, images: Inputs, batch_size: int = 256) -> Tensor:
    """Images in the common space, read and encoded a batch at a time.

    Returns:
        float32 [N, D], rows of length 1, on the CPU.
    """
    device, size = next(model.parameters()).device, model.image.preprocessing.size
    with evaluating(model):
        parts = [
            model.encode_image(images.read(part, size).to(device)).float().cpu()
            for part in torch.arange(len(images)).split(batch_size)
        ]
    return torch.cat(parts)


def retrieval(model: DualEncoder, captions: Captions) -> CrossRetrieval:
    """How well images find their sentences in a set, and sentences their images."""
    images, texts = embeddings(model, captions)
    return cross_retrieval(images.numpy(), texts.numpy(), captions.owner.numpy())


def mean_recall(found: CrossRetrieval) -> float:
    """The mean of Recall@1, 5 and 10 in both directions: what a checkpoint is chosen by, on a validation split."""
    ways = (found.image_to_text.recall, found.text_to_image.recall)
    return sum(share for way in ways for share in way.values()) / sum(map(len, ways))


def judge(captions: Captions) -> Callable[[DualEncoder], Judged]:
    """A judge of models by their `mean_recall` on held-out pairs."""

    def judged(model: DualEncoder) -> Judged:
        value = mean_recall(retrieval(model, captions))
        return Judged(value, sound=math.isfinite(value))

    return judged


@dataclass(frozen=True)
class PairWatcher:
    """Looks at the same training pairs again and again, and keeps how alike each image and each sentence are.

    Attributes:
        run: the run's folder.
        pairs: the pairs, one sentence an image; their images may be features of a locked tower.
    """

    run: Path
    pairs: Captions

    def __call__(self, model: DualEncoder, step: int) -> None:
        """Look."""
        images, texts = embeddings(model, self.pairs)
        with atomic_path(self.run / FOLDER / f"{step:07d}.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, similarity=(images @ texts.T).numpy())

    def begin(self, model: DualEncoder, pictures: Tensor) -> None:
        """Keep what the pairs are, and how the model sees them before it learns, unless both are there.

        Args:
            model: the dual encoder at its start.
            pictures: the images of the pairs, uint8 [n, 3, H, W].
        """
        kept = self.run / FOLDER / "pairs.json"
        if kept.is_file():
            return
        save_pictures(self.run / FOLDER / "pairs.npz", pictures)
        self(model, 0)
        write_json(kept, {"texts": list(self.pairs.texts)})


def one_sentence_each(captions: Captions, count: int = PAIRS) -> tuple[Captions, Tensor]:
    """Some pairs of a set, spread over it, each image with the first of its sentences, no two sentences the same.

    Args:
        captions: the set.
        count: how many at most.

    Returns:
        The pairs, and their positions in the set, int64 [n].
    """
    first: dict[str, int] = {}
    spread = torch.linspace(0, len(captions.images) - 1, min(4 * count, len(captions.images))).long().unique()
    for position in spread.tolist():
        first.setdefault(captions.texts_of(position)[0], position)
    chosen = sorted(list(first.values())[:: max(1, len(first) // count)][:count])
    positions = torch.tensor(chosen)
    part = captions.subset(positions)
    texts = tuple(part.texts_of(number)[0] for number in range(len(chosen)))
    return replace(part, texts=texts, owner=torch.arange(len(texts))), positions


def save_pictures(path: Path, images: Tensor) -> None:
    """Keep images for a report: uint8 [n, 1 or 3, H, W] as an array [n, H, W, 3]."""
    pictures = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=pictures)


def samples(
    images: Tensor, texts: Tensor, captions: Captions, queries: int = 6, hits: int = 5
) -> tuple[dict[str, Any], Tensor]:
    """Some queries in both directions with what they find, drawn evenly over a set.

    Args:
        images: embeddings of the images [N, D].
        texts: embeddings of the sentences [T, D].
        captions: the set.
        queries: how many in each direction.
        hits: how many of what is found, the nearest first.

    Returns:
        Plain data for a report (`text_to_image`, `image_to_text`: a list of queries each, images by their place among
        those shown), and the positions of the images shown, int64 [k].
    """
    asked_texts = torch.linspace(0, len(texts) - 1, min(queries, len(texts))).long().unique()
    asked_images = torch.linspace(0, len(images) - 1, min(queries, len(images))).long().unique()
    to_images = (texts[asked_texts] @ images.T).topk(min(hits, len(images)))
    to_texts = (images[asked_images] @ texts.T).topk(min(hits, len(texts)))
    shown, place = torch.cat([to_images.indices.flatten(), asked_images]).unique(return_inverse=True)
    found, asked = place[: to_images.indices.numel()].view_as(to_images.indices), place[-len(asked_images) :]
    owner = captions.owner
    by_text = [
        {
            "text": captions.texts[number],
            "hits": [
                {"image": int(at), "score": float(score), "right": bool(owner[number] == position)}
                for at, score, position in zip(found[row], to_images.values[row], to_images.indices[row])
            ],
        }
        for row, number in enumerate(asked_texts.tolist())
    ]
    by_image = [
        {
            "image": int(asked[row]),
            "hits": [
                {"text": captions.texts[int(text)], "score": float(score), "right": bool(owner[text] == number)}
                for score, text in zip(to_texts.values[row], to_texts.indices[row])
            ],
        }
        for row, number in enumerate(asked_images.tolist())
    ]
    return {"text_to_image": by_text, "image_to_text": by_image}, shown
