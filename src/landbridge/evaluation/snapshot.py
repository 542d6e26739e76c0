"""What a report needs to show about a model, taken once while data and model are at hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landbridge.core.files import atomic_path
from landbridge.data.domain import View, unseal
from landbridge.data.images import resize
from landbridge.evaluation.domain_distance import proxy_a_distance
from landbridge.nn.models import Classifier

POINTS, PICTURES, LARGEST = 500, 24, 96
"""Examples a domain in the embedding, sample images a domain, and their largest side in pixels."""

Snapshot = dict[str, NDArray[Any]]


@torch.inference_mode()
def take(
    model: Classifier, source: View, target: View, translated: Callable[[Tensor], Tensor | None] | None = None
) -> Snapshot:
    """Features, predictions and labels of the same few examples for every model, and some of them as images.

    Args:
        model: the model to look at.
        source: held-out source examples.
        target: held-out target examples; their labels, if any, are opened to colour and judge the pictures.
        translated: makes images of the target's look, uint8 [k, 3, H, W], of preprocessed source examples, or None.

    Returns:
        Arrays by name: `source_features` [n, D], `source_label`, `source_predicted`, `source_confidence` [n],
        `source_images` uint8 [k, H, W, 3], the same for the target, `a_distance` (one number), and
        `translated_images` [k, H, W, 3] where source images were translated.
    """
    model.eval()
    taken: Snapshot = {}
    for side, view in (("source", source), ("target", target)):
        order = torch.randperm(len(view), generator=torch.Generator().manual_seed(0))[:POINTS]
        some = view.subset(order)
        inputs = some.read(size=model.preprocessing.size)
        device = next(model.parameters()).device
        features = torch.cat([model.backbone(model.preprocessing(x.to(device))) for x in inputs.split(250)])
        confidence, predicted = model.answer(model.head(features)).max(1)
        labels = unseal(some)
        taken |= {
            f"{side}_features": features.float().cpu().numpy().astype(np.float16),
            f"{side}_predicted": predicted.cpu().numpy(),
            f"{side}_confidence": confidence.float().cpu().numpy(),
            f"{side}_label": np.full(len(some), -1) if labels is None else labels.numpy(),
            f"{side}_images": pictures(inputs[:PICTURES]),
        }
        if side == "source" and translated is not None:
            made = translated(model.preprocessing(inputs[:PICTURES].to(device)))
            taken |= {} if made is None else {"translated_images": pictures(made)}
    distance = proxy_a_distance(
        taken["source_features"].astype(np.float32), taken["target_features"].astype(np.float32)
    )
    return taken | {"a_distance": np.array(distance)}


def save(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot as a compressed `.npz`."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **snapshot)


def load(path: Path) -> Snapshot:
    """Read a snapshot; plain arrays only."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def pictures(images: Tensor) -> NDArray[np.uint8]:
    """Images [k, C, H, W] as a report shows them, no larger than it needs, [k, H, W, 3]; none of other inputs."""
    if images.dim() != 4:
        return np.empty((0, 1, 1, 3), np.uint8)
    height, width = images.shape[-2:]
    if max(height, width) > LARGEST:
        scale = LARGEST / max(height, width)
        images = resize(images, (round(height * scale), round(width * scale)))
    colour = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    return colour.cpu().numpy()
