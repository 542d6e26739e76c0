import math

import pytest
import torch
from torch import Tensor

from landbridge.data.label_maps import VOID
from landbridge.segmentation.boundless.classes import ClassSpace
from landbridge.segmentation.boundless.pseudo_labels import Shares, trust, trusted_labels

SPACE = ClassSpace(("road", "car", "sky"), ("tuk-tuk", "animal"))


def probabilities(count: int, seed: int = 0) -> Tensor:
    return (2 * torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))).softmax(1)


def naive_labels(p: Tensor, shares: Shares) -> list[int]:
    """Pixel by pixel, ranks by sorting."""
    rows, total = p.double().tolist(), len(p)
    called = [row.index(max(row)) for row in rows]
    limits = []
    for c in range(5):
        if c < 3:
            ranked = sorted((max(row) for row, k in zip(rows, called) if k == c), reverse=True)
            limits.append(ranked[max(0, math.floor(shares.shared * len(ranked)) - 1)] if ranked else math.inf)
        else:
            count = max(math.floor(shares.private * called.count(c)), math.ceil(shares.least * total))
            limits.append(sorted((row[c] for row in rows), reverse=True)[count - 1])
    labels = []
    for row, k in zip(rows, called):
        private = max((3, 4), key=lambda c: row[c] / limits[c])
        if row[private] >= limits[private]:
            labels.append(private)
        else:
            labels.append(k if k < 3 and row[k] >= limits[k] else VOID)
    return labels


@pytest.mark.parametrize("shares", [Shares(0.5, 0.25, 0.01), Shares(0.9, 0.5, 0.3), Shares(0.3, 0.0, 0.05)])
def test_labels_are_those_of_the_rule_by_hand(shares: Shares) -> None:
    p = probabilities(200)
    found = trusted_labels(p.T[None, :, :, None], trust(p, SPACE, shares), SPACE)
    assert found.shape == (1, 200, 1)
    assert found.flatten().tolist() == naive_labels(p, shares)


def test_a_class_that_no_pixel_is_called_still_gets_the_first_of_its_ranking() -> None:
    p = torch.tensor([[0.9, 0, 0, 0.05 + i / 1000, 0.01] for i in range(100)])
    thresholds = trust(p, SPACE, Shares(0.5, 0.5, 0.03))
    labels = trusted_labels(p.T[None, :, :, None], thresholds, SPACE).flatten()
    assert (labels == 3).nonzero().flatten().tolist() == [97, 98, 99]
    assert thresholds[1:3].tolist() == [math.inf, math.inf]


def test_shared_classes_can_be_left_to_the_source() -> None:
    p = probabilities(100, 1)
    labels = trusted_labels(p.T[None, :, :, None], trust(p, SPACE, Shares(0.0, 0.5, 0.02)), SPACE)
    assert set(labels.unique().tolist()) == {3, 4, VOID}


def test_what_is_called_private_without_being_trusted_is_void() -> None:
    p = torch.tensor([0.1, 0.1, 0.1, 0.6, 0.1]).view(1, 5, 1, 1)
    assert trusted_labels(p, torch.tensor([0.0, 0, 0, 0.7, 0.7]), SPACE).item() == VOID
