"""What the tests of losses over two sets share: sets, relations between them, and scores as their equations stand."""

import math
from collections.abc import Callable
from unittest.mock import patch

import torch

LAYOUTS = ("alone", "ids", "mask", "one row", "all")
"""What belongs together: each with its own, by ids, by a mask, nothing but one row's, or everything."""


def vectors(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relation(layout: str, n: int, m: int, seed: int) -> torch.Tensor | None:
    generator = torch.Generator().manual_seed(seed)
    if layout == "alone":
        return None
    if layout == "ids":
        return torch.randint(3, (n,), generator=generator)
    mask = torch.rand(n, m, generator=generator) < 0.4
    if layout != "mask":
        mask[:] = layout == "all"
        mask[0] = True
    return mask


def related(positives: torch.Tensor | None, n: int, m: int) -> list[list[bool]]:
    if positives is None:
        return [[i == j for j in range(m)] for i in range(n)]
    if positives.dtype == torch.bool:
        return positives.tolist()
    return [[bool(positives[i] == positives[j]) for j in range(m)] for i in range(n)]


def dot(x: list[float], y: list[float]) -> float:
    return math.fsum(p * q for p, q in zip(x, y, strict=True))


def cosine(x: list[float], y: list[float]) -> float:
    return dot(x, y) / math.sqrt(dot(x, x) * dot(y, y))


def distance(x: list[float], y: list[float]) -> float:
    return -math.sqrt(math.fsum((p - q) ** 2 for p, q in zip(x, y, strict=True)))


SCORES: dict[str, Callable[[list[float], list[float]], float]] = {"cosine": cosine, "dot": dot, "distance": distance}


def table(a: torch.Tensor, b: torch.Tensor, similarity: str) -> list[list[float]]:
    return [[SCORES[similarity](x, y) for y in b.tolist()] for x in a.tolist()]


def turned(rows: list[list]) -> list[list]:
    return [list(column) for column in zip(*rows, strict=True)]


def small_blocks(entries: int) -> object:
    """Inside, blocks have so few scores that even tiny sets need several."""
    return patch("landbridge.losses.pairs.ENTRIES", entries)
