"""A classifier of words alone: each class is the direction in which the encoder of texts sees its prompts."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.files import atomic_path, cache_folder
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.layers import evaluating
from landbridge.vision_language.prompts import Prompts

FORMAT = 1
"""Raised when heads that were kept before must not be read any more."""

WEIGHT = "weight"


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
    model: DualEncoder, prompts: Prompts, *, batch_size: int = 256, keep: bool = True, folder: Path | None = None
) -> ZeroShotHead:
    """The classifier that a dual encoder makes of prompts (Radford et al., ICML 2021).

    The weight of a class is the mean of its prompts' unit vectors, brought to length 1 again: an ensemble in the space
    of embeddings costs no more than one prompt once it is made. It is kept by content, that is by model and prompts,
    and read from there the next time.

    Args:
        model: the dual encoder; it is put into evaluation mode for the while.
        prompts: what is said about each class.
        batch_size: prompts a forward pass.
        keep: whether to keep it, and to look for one that was kept.
        folder: where heads are kept; by default `heads` in the user's cache.

    Returns:
        The head, on the CPU.
    """
    scale = float(model.scale.detach())
    if not keep:
        return ZeroShotHead(prompts.classes, class_weights(model, prompts, batch_size), scale)
    kept = (folder or cache_folder("heads")) / f"{_key(model.fingerprint, prompts)}.safetensors"
    weight = _read(kept)
    if weight is None:
        weight = class_weights(model, prompts, batch_size)
        with atomic_path(kept) as temporary:
            save_file({WEIGHT: weight}, temporary)
    return ZeroShotHead(prompts.classes, weight, scale)


def class_weights(model: DualEncoder, prompts: Prompts, batch_size: int = 256) -> Tensor:
    """Unit vectors of the classes, float32 [C, D] on the CPU; see `zero_shot_head`. Equal prompts are encoded once."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(text for texts in prompts.texts for text in texts))}
    with evaluating(model):
        encoded = model.encode_text(list(rows), batch_size).float().cpu()
    said = torch.tensor([rows[text] for texts in prompts.texts for text in texts])
    counts = torch.tensor([len(texts) for texts in prompts.texts])
    owner = torch.arange(len(counts)).repeat_interleave(counts)
    total = encoded.new_zeros(len(counts), encoded.shape[1]).index_add(0, owner, encoded[said])
    return F.normalize(total / counts[:, None])


def _key(fingerprint: str, prompts: Prompts) -> str:
    content = json.dumps([FORMAT, fingerprint, prompts.classes, prompts.texts])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _read(kept: Path) -> Tensor | None:
    """The weight that lies in a file; None where there is none, or the file is damaged."""
    try:
        return load_file(kept)[WEIGHT] if kept.is_file() else None
    except (SafetensorError, KeyError, OSError):
        return None
