"""A small dual encoder that tells words and templates apart, and images around where it sees some of them."""

import copy
import functools

import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.text_encoders import make_text_encoder

CLASSES = ("cat", "dog", "bird", "fish", "horse")
TEMPLATES = ("{}", "a photo of a {}.", "some sketch of the {}")
WIDTH, STEPS, APART = 16, 150, 1.0
"""Of the shared space; of the training; how far the templates of a class lie from what they have in common."""


@functools.lru_cache(maxsize=4)
def _learned(seed: int) -> DualEncoder:
    torch.manual_seed(seed)
    texts = [template.format(name) for template in TEMPLATES for name in CLASSES]
    text = make_text_encoder("transformer?width=32&layers=1&heads=2&least=1&dropout=0", texts)
    model = DualEncoder(make_backbone(f"identity?inputs={WIDTH}"), text, WIDTH)
    shared, own = torch.randn(len(CLASSES), WIDTH), torch.randn(len(TEMPLATES), len(CLASSES), WIDTH)
    targets = F.normalize((shared + APART * own).flatten(0, 1), dim=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        optimiser.zero_grad()
        (model.encode_text(texts) - targets).square().sum(1).mean().backward()
        optimiser.step()
    optimiser.zero_grad()
    torch.nn.init.eye_(model.image_head.output.weight)
    torch.nn.init.zeros_(model.image_head.output.bias)
    return model.eval()


def toy_encoder(seed: int = 0) -> DualEncoder:
    """It has learned where each class lies under each template; its images are vectors of the shared space."""
    return copy.deepcopy(_learned(seed))


def around(centres: Tensor, each: int, noise: float, seed: int) -> tuple[Tensor, Tensor]:
    """Unit vectors around unit vectors [C, D], `each` a class, and their classes."""
    y = torch.arange(len(centres)).repeat_interleave(each)
    noisy = centres[y] + noise * torch.randn(len(y), centres.shape[1], generator=torch.Generator().manual_seed(seed))
    return F.normalize(noisy), y
