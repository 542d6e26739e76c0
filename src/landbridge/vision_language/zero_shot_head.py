"""A classifier of words alone: each class is the direction in which the encoder of texts sees its prompts."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.files import atomic_path, cache_folder
from landbridge.nn.layers import evaluating
from landbridge.vision_language.prompts import Prompts

FORMAT = 1
"""Raised when heads that were kept before must not be read any more."""

WEIGHT = "weight"


class SpeaksText(Protocol):
    """The part of a dual encoder that this needs."""

    log_scale: torch.nn.Parameter

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Texts to float32 [n, D] of length 1."""
        ...


@dataclass(frozen=True, eq=False)
class ZeroShotHead:
    """Classes as directions in the space that images and texts share.

    Attributes:
        classes: their names, C of them.
        weight: float32 [C, D], rows of length 1.
        scale: what cosines are multiplied by before the softmax: the model's own, divided by a temperature.

    >>> head = ZeroShotHead(("cat", "dog"), torch.eye(2), 10.0)
    >>> head.logits(torch.tensor([[0.6, 0.8]]))
    tensor([[6., 8.]])
    """

    classes: tuple[str, ...]
    weight: Tensor
    scale: float

    def logits(self, images: Tensor) -> Tensor:
        """Scaled cosines [n, C] of images [n, D] of length 1."""
        return self.scale * (images @ self.weight.T.to(images))


def zero_shot_head(
    model: torch.nn.Module,
    prompts: Prompts,
    fingerprint: str | None = None,
    *,
    batch_size: int = 256,
    folder: Path | None = None,
) -> ZeroShotHead:
    """The classifier that a dual encoder makes of prompts (Radford et al., ICML 2021, section 3.1.4).

    The weight of a class is the mean of its prompts' unit vectors, brought to length 1 again: an ensemble in the space
    of embeddings costs no more than one prompt once it is made. Prompts that classes share are encoded once; those of
    similar length go together, so that little is padded where the tower lets texts be short.

    Args:
        model: a dual encoder; it is put into evaluation mode for the while.
        prompts: what is said about each class.
        fingerprint: what tells the model with its weights from others; with it, the head is kept in `folder` by
            content, and read from there the next time.
        batch_size: prompts a forward pass.
        folder: where heads are kept; by default `heads` in the user's cache.

    Returns:
        The head, on the CPU.
    """
    scale = float(model.log_scale.detach().exp())  # type: ignore[operator]
    kept = None if fingerprint is None else (folder or cache_folder("heads")) / f"{_key(fingerprint, prompts)}.safetensors"
    weight = None if kept is None else _read(kept)
    if weight is None:
        weight = class_weights(model, prompts, batch_size)
        if kept is not None:
            with atomic_path(kept) as temporary:
                save_file({WEIGHT: weight}, temporary)
    return ZeroShotHead(prompts.classes, weight, scale)


def class_weights(model: torch.nn.Module, prompts: Prompts, batch_size: int = 256) -> Tensor:
    """Unit vectors of the classes, float32 [C, D] on the CPU; see `zero_shot_head`."""
    unique = {text: row for row, text in enumerate(dict.fromkeys(t for texts in prompts.texts for t in texts))}
    encoded = encode_texts(model, list(unique), batch_size)
    rows = torch.tensor([unique[text] for texts in prompts.texts for text in texts])
    counts = torch.tensor([len(texts) for texts in prompts.texts])
    owner = torch.arange(len(counts)).repeat_interleave(counts)
    total = encoded.new_zeros(len(counts), encoded.shape[1]).index_add(0, owner, encoded[rows])
    return F.normalize(total / counts[:, None])


def encode_texts(model: torch.nn.Module, texts: Sequence[str], batch_size: int = 256) -> Tensor:
    """Texts to unit vectors, float32 [n, D] on the CPU, the short ones together."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    speaks: SpeaksText = model  # type: ignore[assignment]
    with evaluating(model), torch.inference_mode():
        parts = [
            speaks.encode_text([texts[row] for row in order[start : start + batch_size]]).float().cpu()
            for start in range(0, len(order), batch_size)
        ]
    encoded = torch.cat(parts)
    result = torch.empty_like(encoded)
    result[torch.tensor(order)] = encoded
    return result


def _key(fingerprint: str, prompts: Prompts) -> str:
    content = json.dumps([FORMAT, fingerprint, prompts.classes, prompts.texts])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _read(kept: Path) -> Tensor | None:
    """The weight that lies in a file; None where there is none, or the file is damaged."""
    try:
        return load_file(kept)[WEIGHT] if kept.is_file() else None
    except (SafetensorError, KeyError, OSError):
        return None
