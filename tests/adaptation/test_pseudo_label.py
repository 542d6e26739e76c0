"""Pseudo-labels: which examples teach, and how much."""

import pytest
import torch
from torch.nn import functional as F

from landbridge.adaptation.pseudo_label import PseudoLabel
from landbridge.data.batches import Sample
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.training.method import Moment, Setup


@pytest.mark.parametrize(("step", "alpha"), [(0, 0.0), (100, 0.0), (350, 1.5), (600, 3.0), (1000, 3.0)])
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_the_sure_teach_as_the_factor_says(step: int, alpha: float, threshold: float) -> None:
    torch.manual_seed(0)
    backbone = make_backbone("mlp?inputs=2&hidden=8")
    method = PseudoLabel(Setup(backbone, Head(8, (), 3), ("a", "b", "c")), threshold=threshold)
    x = 9 * torch.randn(32, 2)
    batch = {
        "source": Sample(x[:16], torch.arange(16), torch.arange(16) % 3),
        "target": Sample(x[16:], torch.arange(16)),
    }
    turn = next(iter(method.losses(batch, Moment("train", step, 1000))))
    logits = method.head(method.backbone(x[16:]))
    told = logits.softmax(1).max(1)
    sure = told.values >= threshold
    assert threshold == 0 or 0 < sure.sum() < 16
    expected = alpha * F.cross_entropy(logits[sure], told.indices[sure], reduction="sum") / 16
    torch.testing.assert_close(turn["pseudo_labels"], expected)
    assert float(turn.measures["sure"]()) == pytest.approx(float(sure.float().mean()))
