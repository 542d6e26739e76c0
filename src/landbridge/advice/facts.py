"""What is known about a pair of domains before anything is learned: labels, classes, distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.evaluation.class_overlap import class_overlap
from landbridge.evaluation.domain_distance import coral_distance, frechet_distance, mmd, proxy_a_distance

Array = NDArray[Any]


@dataclass(frozen=True)
class Distances:
    """How far two sets of features lie apart; see `landbridge.evaluation.domain_distance`.

    Attributes:
        proxy_a: proxy A-distance, in [0, 2].
        mmd: squared maximum mean discrepancy.
        frechet: squared Fréchet distance.
        coral: CORAL distance.
    """

    proxy_a: float
    mmd: float
    frechet: float
    coral: float


def distances(source: Array, target: Array, seed: int = 0, most: int = 2000) -> Distances:
    """All four distances between features [n, D] and [m, D], on as many examples of each.

    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> distances(x[:100], x[100:] + 9).proxy_a
    2.0
    """
    n = min(len(source), len(target), most)
    rng = np.random.default_rng(seed)
    a, b = (np.asarray(values[rng.permutation(len(values))[:n]]) for values in (source, target))
    return Distances(proxy_a_distance(a, b, seed), mmd(a, b), frechet_distance(a, b), coral_distance(a, b))


def yardstick(features: Array, size: int, seed: int = 0) -> Distances:
    """The distances between two random halves of one domain, no larger than `size` each: what chance alone makes."""
    order = np.random.default_rng(seed).permutation(len(features))
    half = min(size, len(order) // 2)
    return distances(features[order[:half]], features[order[half : 2 * half]], seed)


@dataclass(frozen=True)
class Classes:
    """Which classes two domains share, by their names.

    Attributes:
        relation: `same`; `within`: the source knows the target's and more; `partly`: the target has some of its own;
            `none` shared; or `unknown`, where the target's names are not known.
        shared: names in both.
        only_source: names in the source alone.
        only_target: names in the target alone.
        jaccard: shared names divided by all; None where unknown.
    """

    relation: str
    shared: tuple[str, ...] = ()
    only_source: tuple[str, ...] = ()
    only_target: tuple[str, ...] = ()
    jaccard: float | None = None


def compare_classes(source: Sequence[str], target: Sequence[str]) -> Classes:
    """How the classes of two domains lie to each other.

    >>> compare_classes(["cat", "dog"], ["Dog"]).relation, compare_classes(["cat"], []).relation
    ('within', 'unknown')
    """
    if not source or not target:
        return Classes("unknown")
    found = class_overlap(source, target)
    if not found.shared:
        relation = "none"
    elif found.only_second:
        relation = "partly"
    else:
        relation = "within" if found.only_first else "same"
    return Classes(relation, found.shared, found.only_first, found.only_second, found.jaccard)


@dataclass(frozen=True)
class Facts:
    """All that the rules of `landbridge.advice.rules` go by.

    Attributes:
        source_labelled: whether the source has labels.
        shots: labels a class that were given on the target; 0 for none.
        classes: which classes are shared.
        distances: between the domains.
        yardstick: between two halves of the source.
        source_examples: training examples of the source.
        target_examples: training examples of the target.
    """

    source_labelled: bool
    shots: int
    classes: Classes
    distances: Distances
    yardstick: Distances
    source_examples: int
    target_examples: int
