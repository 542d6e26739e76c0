"""From two domains to what the strategies learn from: features of a frozen network, and the labels that were given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landbridge.advice.facts import Facts, compare_classes, distances, yardstick
from landbridge.advice.strategies import Material
from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain, Examples, View
from landbridge.evaluation.class_overlap import class_overlap

Array = NDArray[Any]
Extract = Callable[[Domain], Domain]
"""A domain of inputs to a domain of features [n, D]; unreadable examples are left out."""

HELD = 0.2
"""Share of the labelled source that no strategy learns from."""

FEWEST = 8
"""Examples of a domain below which no distance can be measured."""


@dataclass(frozen=True)
class Gathered:
    """All that is looked at of a pair.

    Attributes:
        facts: what is known before anything is learned.
        classes: names of the classes that the strategies tell apart; empty where there are none.
        material: what they learn from.
        held_x: source features that they do not learn from.
        held_y: the class numbers of those.
        views: some examples of `source` and of `target`, for pictures; labels sealed or not, they are not read.
    """

    facts: Facts
    classes: tuple[str, ...]
    material: Material
    held_x: Array
    held_y: Array
    views: dict[str, View]


def gather(
    source: Domain, target: Domain, extract: Extract, shots: int = 0, most: int = 2000, seed: int = 0
) -> Gathered:
    """Look at a pair: at most `most` training examples of each side, and the target labels that were given.

    Args:
        source: labelled or not; which, it tells itself.
        target: its labels stay sealed but for `shots` a class.
        extract: makes features.
        shots: labels a class of the target; 0 for none.
        most: examples of a side that are looked at, drawn by `seed`.
        seed: which ones, and which shots.

    Raises:
        BadDataError: a domain whose examples have several labels; fewer than two classes to tell apart; shots where
            there are no labels, or too few; or hardly any examples.
    """
    labelled = source.unlabelled().has_labels
    _check(source, target, labelled, shots)
    classes = compare_classes(source.classes if labelled else (), target.classes)
    if classes.relation == "within":
        source = source.only(classes.shared)
    carries = labelled and classes.relation in ("same", "within", "unknown")
    names = source.classes if carries else target.classes if shots else ()
    if len(names) == 1:
        raise BadDataError(
            f"only '{names[0]}' is left to tell of {source.name} and {target.name}: two classes are needed"
        )

    learn, held = source.validation(HELD, seed) if labelled else (source.unlabelled(), None)
    learn, everything = _some(learn, most, seed), target.unlabelled()
    seen = _some(everything, most, seed)
    source_x, source_y = _features(learn, extract)
    target_x, _ = _features(seen, extract)
    for domain, found in ((source, source_x), (target, target_x)):
        if len(found) < FEWEST:
            raise BadDataError(f"{domain.name} has {len(found)} training examples: advice takes {FEWEST} at least")
    width = source_x.shape[1]
    held_x, held_y = _features(_some(held, most // 4, seed), extract) if held is not None else _nothing(width)
    shots_x, shots_y = _features(target.labelled(shots, seed), extract) if shots else _nothing(width)
    if shots and carries:
        shots_y = _numbers(target.classes, names)[shots_y]
    facts = Facts(
        labelled,
        shots,
        classes,
        distances(source_x, target_x, seed),
        yardstick(source_x, len(target_x), seed),
        len(source.splits["train"]),
        len(everything),
    )
    material = Material(source_x, source_y, target_x, shots_x, shots_y, len(names))
    return Gathered(facts, tuple(names), material, held_x, held_y, {"source": learn, "target": seen})


def _check(source: Domain, target: Domain, labelled: bool, shots: int) -> None:
    for domain in (source, target):
        if domain.multi_label:
            raise BadDataError(
                f"an example of {domain.name} may have several labels: advice takes one class an example"
            )
    if labelled and len(source.classes) < 2:
        raise BadDataError(f"the source {source.name} has {len(source.classes)} class: a classifier needs at least two")
    if shots < 0:
        raise LandbridgeError(f"--target-shots must be at least 0, not {shots}")
    if shots and not target.unlabelled().has_labels:
        raise BadDataError(
            f"--target-shots {shots}: {target.name} has no labels; put labelled images into class folders"
        )


def _some(view: View, most: int, seed: int) -> View:
    order = torch.randperm(len(view), generator=torch.Generator().manual_seed(seed))
    return view.subset(order[:most].sort().values)


def _features(view: View, extract: Extract) -> tuple[Array, Array]:
    """The features of a view, and its class numbers where they are shown; else none."""
    labels = view.y if view.shown and view.has_labels else None
    made = extract(Domain(view.domain, view.classes, {"train": Examples(view.x.pick(view.index), labels)}))
    features = made.unlabelled().read().numpy()
    return features, made.labelled().y.numpy() if labels is not None else np.empty(0, np.int64)


def _nothing(width: int) -> tuple[Array, Array]:
    return np.empty((0, width), np.float32), np.empty(0, np.int64)


def _numbers(names: tuple[str, ...], known: tuple[str, ...]) -> Array:
    """For each of some class names its number among those known, spellings apart."""
    found = [[n for n, other in enumerate(known) if class_overlap([name], [other]).shared] for name in names]
    return np.array([numbers[0] for numbers in found], dtype=np.int64)
