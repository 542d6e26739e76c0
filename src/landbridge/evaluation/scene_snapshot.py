"""What a report needs to show about a segmenter, taken once while data and model are at hand."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landbridge.data.domain import View
from landbridge.data.images import Size, resize
from landbridge.data.label_maps import VOID, Colour
from landbridge.data.masks import Masks, nearest_pixels
from landbridge.evaluation.collected import some
from landbridge.evaluation.domain_distance import proxy_a_distance
from landbridge.evaluation.metrics import labels_of
from landbridge.evaluation.snapshot import Snapshot
from landbridge.nn.segmenter_model import Segmenter

SCENES, LARGEST, DESCRIBED = 4, 240, 60
"""Images a domain that are shown, their largest side in pixels, and images a domain that distances are taken over."""

PLACES = 16
"""Places an image that distances are taken over."""


@torch.inference_mode()
def take_scenes(
    model: Segmenter, source: View, target: View, colours: Sequence[Colour], size: Size | None = None
) -> Snapshot:
    """A few images of both domains with their labels and what a segmenter says of them, and how far apart they lie.

    Args:
        model: the model to look at.
        source: held-out source images.
        target: held-out target images; their labels, if any, are opened to be shown beside the answers.
        colours: of each class of the target.
        size: height and width at which images are read; each at its own by default.

    Returns:
        Arrays by name: of either side `source_images` uint8 [k, H, W, 3] and `source_truth` uint8 [k, H, W] (all void
        where labels are unknown); of the target also `target_called` uint8 [k, H, W] and `target_entropy` uint8
        [k, H, W], 255 where the model knows nothing; `colours` uint8 [classes, 3]; and `a_distance`, one number.
    """
    model.eval()
    taken: Snapshot = {"colours": np.array(colours, dtype=np.uint8)}
    features = []
    for side, view in (("source", source), ("target", target)):
        shown = some(view, SCENES)
        images, truth = _shown(shown, size)
        taken |= {f"{side}_images": _pixels(images), f"{side}_truth": truth.numpy()}
        features.append(_described(model, some(view, DESCRIBED), size))
        if side == "target":
            probabilities = torch.cat([model.probabilities(image[None]) for image in images])
            entropy = torch.special.entr(probabilities).sum(1) / math.log(len(model.classes))
            taken |= {
                "target_called": probabilities.argmax(1).to(torch.uint8).numpy(),
                "target_entropy": entropy.mul(255).round().clamp(0, 255).to(torch.uint8).numpy(),
            }
    ours, theirs = features
    return taken | {"a_distance": np.array(proxy_a_distance(ours, theirs))}


def has_truth(snapshot: Snapshot) -> bool:
    """Whether the labels of the target's images are known."""
    return bool((snapshot["target_truth"] != VOID).any())


def _shown(view: View, size: Size | None) -> tuple[Tensor, Tensor]:
    """Images [k, 3, h, w] small enough to show, all of the first one's size, and their masks."""
    first = view.read(torch.tensor([0]), size)
    height, width = first.shape[-2:]
    scale = min(1.0, LARGEST / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    images = torch.cat([_small(view.read(torch.tensor([i]), size), small) for i in range(len(view))])
    labels = labels_of(view)
    if not isinstance(labels, Masks):
        return images, torch.full((len(view), *small), VOID, dtype=torch.uint8)
    masks = [nearest_pixels(labels.read(torch.tensor([i]), size), small) for i in range(len(view))]
    return images, torch.cat(masks)


def _small(image: Tensor, size: Size) -> Tensor:
    image = image.expand(-1, 3, -1, -1)
    return image if tuple(image.shape[-2:]) == size else resize(image, size)


def _pixels(images: Tensor) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = images.permute(0, 2, 3, 1).cpu().numpy()
    return np.ascontiguousarray(pixels)


def _described(model: Segmenter, view: View, size: Size | None) -> NDArray[np.float32]:
    """What the network's head reads at some places of each image, [n PLACES, D].

    Whole images, described by a mean over thousands of places, are told apart too easily: any two domains would be at
    the largest distance.
    """
    device, generator = next(model.parameters()).device, torch.Generator().manual_seed(0)
    rows = []
    for position in range(len(view)):
        image = view.read(torch.tensor([position]), size).expand(-1, 3, -1, -1)
        maps = model.network.features(model.preprocessing(image.to(device)))[0].flatten(1)
        places = torch.randint(maps.shape[1], (PLACES,), generator=generator).to(device)
        rows.append(maps[:, places].T.float().cpu())
    described: NDArray[np.float32] = torch.cat(rows).numpy()
    return described
