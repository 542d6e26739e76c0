import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.losses import centroid_labels


def naive(features: torch.Tensor, told: torch.Tensor) -> list[int]:
    """Sums, divisions and cosines one by one, as the equations stand."""
    weights = told.tolist()
    for _ in range(2):
        labels = []
        for f in features.tolist():
            distances = []
            for k in range(told.shape[1]):
                mass = sum(row[k] for row in weights)
                if mass == 0:
                    distances.append(math.inf)
                    continue
                sums = [sum(row[k] * g[d] for row, g in zip(weights, features.tolist())) for d in range(len(f))]
                centre = [value / mass for value in sums]
                product = sum(a * b for a, b in zip(f, centre))
                distances.append(1 - product / (math.hypot(*f) * math.hypot(*centre)))
            labels.append(distances.index(min(distances)))
        weights = [[float(label == k) for k in range(told.shape[1])] for label in labels]
    return labels


@given(st.integers(2, 12), st.integers(2, 5), st.integers(0, 99))
def test_equals_the_naive_rounds(n: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, 3, dtype=torch.float64, generator=generator)
    told = torch.randn(n, classes, dtype=torch.float64, generator=generator).softmax(1)
    assert centroid_labels(features, told).tolist() == naive(features, told)


def test_structure_of_the_features_overrules_the_predictions() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    features = torch.eye(3)[y] + 0.1 * torch.randn(60, 3, generator=generator)
    told = (torch.eye(3)[y] + 2 * torch.rand(60, 3, generator=generator)).softmax(1)
    wrong = told.argmax(1) != y
    assert wrong.any()
    assert torch.equal(centroid_labels(features, told), y)


def test_a_class_that_nothing_is_near_is_given_to_nothing() -> None:
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    told = torch.tensor([[0.98, 0.02, 0.0], [0.97, 0.03, 0.0], [0.01, 0.99, 0.0]])
    assert centroid_labels(features, told).tolist() == [0, 0, 1]
