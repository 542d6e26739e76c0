"""The protocol of zero-shot learning: what is learned from, on which classes settings are chosen, what is measured.

Xian et al., TPAMI 2018, section 4. Settings, the calibration included, are chosen on validation classes, cut from the
seen ones, as if those were unseen. Nothing of an unseen class is touched before the final measurement but its row of
the table of signatures: the protocol is inductive.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning
from landbridge.core.registry import nearest
from landbridge.evaluation.zero_shot import best_share, class_averaged, leads, seen_unseen_curve
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.base import ZeroShotClassifier, unit_rows

Array = NDArray[Any]

FOLDS = 5
"""Of the class-wise cross-validation, where no validation classes are published."""

HELD_OUT = 0.2
"""Share of each training class that is kept from learning while the calibration is chosen."""


@dataclass(frozen=True)
class Known:
    """All that may be known before the measurement.

    Attributes:
        x: features of the training examples [n, D].
        y: their classes, as rows of `signatures` [n].
        signatures: what is said of each class, seen or not [C, A].
        seen: the classes that are seen, ascending.
        unseen: those that are not.
        folds: seen classes on which settings are chosen, one group after the other; none where they are too few.
        names: of all classes, for messages.
        kept: which training examples are kept from learning while the calibration is chosen [n]; see `a_share`.
    """

    x: Array
    y: Array
    signatures: Array
    seen: Array
    unseen: Array
    folds: tuple[Array, ...]
    names: tuple[str, ...]
    kept: Array

    def __post_init__(self) -> None:
        leaked = np.isin(self.y, self.unseen)
        if leaked.any():
            first = self.names[self.y[leaked][0]]
            raise BadDataError(
                f"a leak: {int(leaked.sum())} training examples are of unseen classes (first: '{first}'): "
                "leave them out of training, or call the class seen"
            )
        missing = np.setdiff1d(self.seen, self.y)
        if len(missing):
            raise BadDataError(
                f"class '{self.names[missing[0]]}' counts as seen, but has no training example: call it unseen, or "
                "leave it out"
            )

    @property
    def columns(self) -> Array:
        """All classes, seen and unseen, ascending: the columns of scores in the generalised protocol."""
        return np.sort(np.concatenate([self.seen, self.unseen]))

    def scaled(self, method: ZeroShotClassifier) -> Array:
        """The signatures as a method receives them.

        Rows have length 1 (Xian et al., section 4.1), but for methods that predict each attribute, which take the
        table's values as they stand.
        """
        return self.signatures if hasattr(method, "attributes") else unit_rows(self.signatures)


@dataclass(frozen=True)
class Chosen:
    """What validation classes say about a method.

    Attributes:
        settings: arguments of the constructor.
        accuracy: class-averaged top-1 on validation classes, in [0, 1]; None where nothing was chosen.
        tried: how many points of the grid.
    """

    settings: dict[str, Any]
    accuracy: float | None
    tried: int


@dataclass(frozen=True)
class Outcome:
    """A method that has learned.

    Attributes:
        method: fitted on all training examples.
        gamma: the calibration.
        seconds: spent on the choice of gamma and on learning.
    """

    method: ZeroShotClassifier
    gamma: float
    seconds: float


def make(name: str, settings: Mapping[str, Any], seed: int) -> ZeroShotClassifier:
    """A method by name, seeded if chance plays a part in it.

    Raises:
        UnknownNameError: there is no such method.
        LandbridgeError: it has no such argument.
    """
    cls: type[ZeroShotClassifier] = METHODS.resolve(name)
    method = cls()
    known = method.get_params()
    for argument in settings:
        if argument not in known:
            hint = nearest(argument, known) or f"; it has: {', '.join(known)}"
            raise LandbridgeError(f"{name} has no argument '{argument}'{hint}")
    seeded = {"random_state": seed} if "random_state" in known else {}
    method.set_params(**{**seeded, **settings})
    return method


def grid_of(name: str, given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values to try of each argument: the method's own grid, and in its place what a user has given.

    Args:
        name: of the method.
        given: argument -> value, or list of values to try.

    >>> grid_of("eszsl", {"alpha": 0.1, "gamma": [1, 10]})
    {'alpha': [0.1], 'gamma': [1, 10]}
    """
    grid = {argument: list(values) for argument, values in METHODS.resolve(name).GRID.items()}
    given = {argument: list(v) if isinstance(v, list | tuple) else [v] for argument, v in given.items()}
    for argument, values in given.items():
        if not values:
            raise LandbridgeError(f"{name}: no value to try for '{argument}'")
    make(name, {argument: values[0] for argument, values in given.items()}, 0)
    return grid | given


def choose(name: str, known: Known, given: Mapping[str, Any], seed: int) -> Chosen:
    """The point of the grid with the best accuracy among validation classes, on average over the folds.

    In each, the method learns from the other seen classes alone, and hears nothing of the unseen ones. Where there are
    no folds, what is given holds, and else the method's own defaults.
    """
    grid = grid_of(name, given)
    if not known.folds or all(len(values) == 1 for values in grid.values()):
        return Chosen({argument: values[0] for argument, values in grid.items() if len(values) == 1}, None, 0)
    found: dict[str, tuple[dict[str, Any], list[float]]] = {}
    method = make(name, {}, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LandbridgeWarning)
        for part in tunings(known):
            points = method.grid(part.x, part.y, part.scaled(method), part.held_x, part.unseen, grid)
            for settings, scores in points:
                right = part.unseen[scores.argmax(1)] == part.held_y
                found.setdefault(repr(sorted(settings.items())), (dict(settings), []))[1].append(
                    class_averaged(right, part.held_y)
                )
    settings, accuracies = max(found.values(), key=lambda point: fmean(point[1]))
    return Chosen(settings, fmean(accuracies), len(found))


@dataclass(frozen=True)
class Tuning(Known):
    """The seen classes alone, some of them in the part of the unseen ones.

    Attributes:
        held_x: features of the validation classes' examples [m, D].
        held_y: their classes [m].
    """

    held_x: Array
    held_y: Array


def tunings(known: Known) -> list[Tuning]:
    """The problems on which settings are chosen, one a fold; classes are numbered anew, as they stand in `seen`."""
    numbers, every = np.searchsorted(known.seen, known.y), np.arange(len(known.seen))
    names, found = tuple(known.names[c] for c in known.seen), []
    for fold in known.folds:
        validation = np.searchsorted(known.seen, fold)
        held, training = np.isin(numbers, validation), np.setdiff1d(every, validation)
        rows = known.signatures[known.seen]
        x, y = known.x[~held], numbers[~held]
        kept = known.kept[~held]
        found.append(Tuning(x, y, rows, training, validation, (), names, kept, known.x[held], numbers[held]))
    return found


def class_folds(seen: Array, count: int = FOLDS) -> tuple[Array, ...]:
    """Seen classes in groups of at least two, by chance, for class-wise cross-validation.

    Changpinyo et al. (CVPR 2016, section 4.2) choose settings so. Fewer than four classes have no groups.

    >>> [len(fold) for fold in class_folds(np.arange(13))], class_folds(np.arange(3))
    ([3, 3, 3, 2, 2], ())
    """
    order = np.random.default_rng(0).permutation(seen)
    groups = min(count, len(seen) // 2)
    return tuple(np.sort(fold) for fold in np.array_split(order, groups)) if groups > 1 else ()


def calibration(name: str, settings: Mapping[str, Any], known: Known, seed: int) -> float:
    """The gamma of calibrated stacking, from validation classes and what is kept of the seen ones.

    In each fold, the method learns from the training classes without what is kept. The kept examples, and the
    validation classes, which it knows by their signatures alone, are then called one of all seen classes; that says
    which share of the kept examples to give up for the best harmonic mean. With all seen classes and the rows of the
    unseen ones, gamma is what gives up this share of the kept examples. Without folds it is 0, and where no class has
    an example to spare.
    """
    if not known.folds or not known.kept.any():
        return 0.0
    curves, led = [], []
    for part in tunings(known):
        seen = np.isin(part.columns, part.seen)
        kept, held = _without_kept(name, settings, part, seed, part.held_x)
        labels = np.concatenate([part.y[part.kept], part.held_y])
        curves.append(seen_unseen_curve(np.concatenate([kept, held]), labels, seen))
        led.append(leads(kept, seen))
    kept, _ = _without_kept(name, settings, known, seed, known.x[:0])
    return float(np.quantile(leads(kept, np.isin(known.columns, known.seen)), best_share(curves, led)))


def _without_kept(
    name: str, settings: Mapping[str, Any], known: Known, seed: int, others: Array
) -> tuple[Array, Array]:
    """Scores of the kept examples, and of others, by a method that learned without what is kept."""
    method = make(name, settings, seed)
    _fit(method, known.x[~known.kept], known.y[~known.kept], known.scaled(method))
    scores = method.decision_function(np.concatenate([known.x[known.kept], others]), known.columns)
    return scores[: known.kept.sum()], scores[known.kept.sum() :]


def learn(name: str, settings: Mapping[str, Any], known: Known, seed: int) -> Outcome:
    """Choose the calibration, then learn from all training examples."""
    start = time.perf_counter()
    gamma = calibration(name, settings, known, seed)
    method = make(name, settings, seed)
    _fit(method, known.x, known.y, known.scaled(method))
    return Outcome(method, gamma, time.perf_counter() - start)


def is_seeded(name: str) -> bool:
    """Whether chance plays a part in a method, so that it is learned with several seeds."""
    return "random_state" in METHODS.resolve(name)().get_params()


def few(y: Array, shots: int, seed: int, classes: Sequence[str]) -> Array:
    """Positions of `shots` examples of each class that has any, drawn by seed, ascending.

    Raises:
        BadDataError: a class has fewer.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    taken = []
    for c in np.unique(y):
        members = order[y[order] == c]
        if len(members) < shots:
            raise BadDataError(f"{shots} shots asked for, but class '{classes[c]}' has {len(members)} to train on")
        taken.append(members[:shots])
    return np.sort(np.concatenate(taken))


def a_share(y: Array, share: float = HELD_OUT) -> Array:
    """Which examples are kept aside: a share of each class by chance, at least one where it has two, bool [n].

    >>> a_share(np.repeat([0, 1], 10)).sum()
    np.int64(4)
    """
    kept, rng = np.zeros(len(y), bool), np.random.default_rng(0)
    for c in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == c))
        kept[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    return kept


def _fit(method: ZeroShotClassifier, x: Array, y: Array, signatures: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LandbridgeWarning)
        method.fit(x, y, signatures)
