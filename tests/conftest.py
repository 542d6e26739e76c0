"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from two_processes import Pair

settings.register_profile("landbridge", deadline=None, max_examples=50)
settings.load_profile("landbridge")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets; tests that need it skip without it."""
    named = os.environ.get("LANDBRIDGE_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("needs real data: set LANDBRIDGE_DATA to their folder")
    return Path(named)


def gaussians(name: str, shift: tuple[float, float], turn: float, count: int = 300, seed: int = 0) -> Domain:
    """Two classes of points in the plane, the whole moved by `shift` and turned by `turn` radians."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(2 * count) % 2
    x = torch.randn(2 * count, 2, generator=generator) * torch.tensor([0.6, 0.6]) + torch.stack(
        [4.0 * y - 2.0, 0.0 * y], 1
    )
    cosine, sine = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    x = x @ torch.stack([torch.stack([cosine, sine]), torch.stack([-sine, cosine])]) + torch.tensor(shift)
    half = {"train": slice(0, count), "test": slice(count, None)}
    splits = {split: Examples(Arrays(x[part]), y[part]) for split, part in half.items()}
    return Domain(name, ("left", "right"), splits, backbone="mlp?inputs=2&hidden=32")


@pytest.fixture(scope="session")
def toy_source() -> Domain:
    """The labelled side of the toy shift."""
    return gaussians("toy-source", (0.0, 0.0), 0.0, seed=1)


@pytest.fixture(scope="session")
def toy_target() -> Domain:
    """The other side: turned by 35 degrees and moved along the line between the classes."""
    return gaussians("toy-target", (2.2, 0.0), 0.6, seed=2)


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """Two processes with a gloo group between them."""
    two = Pair()
    yield two
    two.close()
