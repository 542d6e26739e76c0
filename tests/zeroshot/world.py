"""A small world of classes that attributes describe, for the tests of zero-shot learning."""

from dataclasses import dataclass

import numpy as np


@dataclass
class World:
    table: np.ndarray
    x: np.ndarray
    y: np.ndarray
    unseen: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Which examples are of seen classes."""
        return ~np.isin(self.y, self.unseen)

    def training(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.x[self.seen], self.y[self.seen], self.table


def world(classes: int = 15, unseen: int = 4, each: int = 20, noise: float = 0.3, seed: int = 0) -> World:
    """Classes with different binary attributes, scaled to length 1 a class.

    Features are a random linear map of the attributes, cut off below, and noise.
    """
    rng = np.random.default_rng(seed)
    rows = np.unique(rng.integers(0, 2, size=(60, 6)), axis=0)
    binary = rng.permutation(rows[rows.sum(1) > 1])[:classes].astype(float)
    y = np.repeat(np.arange(classes), each)
    clean = np.maximum(binary @ rng.normal(size=(6, 24)), -1)
    x = (clean[y] + noise * rng.normal(size=(len(y), 24))).astype(np.float32)
    return World(binary / np.linalg.norm(binary, axis=1, keepdims=True), x, y, np.arange(classes - unseen, classes))
