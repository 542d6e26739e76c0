"""What the zero-shot classifiers share: checked features, labels and signatures, and scores of any set of classes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted

from landbridge.core.errors import BadDataError, LandbridgeWarning

Array = NDArray[Any]

SCALINGS = ("none", "length", "standard")


class ZeroShotClassifier(BaseEstimator):  # type: ignore[misc]
    """A classifier that scores classes by their signatures, so that it needs no example of a class to know it.

    A class is the number of its row in a table of signatures (attributes, or the vector of its name). The table that
    `fit` is given holds all classes. Those in `y` are the *seen* ones; of all others nothing is known but their rows.

    Features are scaled as `scaling` says: `length`: each example has length 1; `standard`: each feature has mean 0 and
    variance 1 / D over the training examples; `none`. Signatures are taken as they come.

    A subclass learns in `_learn` and scores in `_scores`.

    Attributes:
        signatures_: the table [C, A], float64.
        classes_: 0 to C - 1.
        seen_: the classes that had examples, sorted.
        n_features_in_: D.
    """

    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {}
    """Argument -> values that a protocol tries on validation classes."""

    SCORING: ClassVar[tuple[str, ...]] = ()
    """Arguments that only scores depend on, not what is learned: `grid` learns once for all their values."""

    paper: ClassVar[str] = ""

    scaling: str

    def fit(self, X: ArrayLike, y: ArrayLike, signatures: ArrayLike) -> Self:  # noqa: N803
        """Learn from examples of the seen classes, and from what is said of all classes.

        Args:
            X: features [n, D].
            y: classes [n], as row numbers of `signatures`; at least two different ones.
            signatures: what is said of each class, seen or not [C, A]; no two rows alike.

        Returns:
            The classifier itself.

        Raises:
            BadDataError: something about them is wrong; the message says what.
        """
        self._learn(*self._prepared(X, y, signatures))
        return self

    def decision_function(self, X: ArrayLike, classes: ArrayLike | None = None) -> Array:  # noqa: N803
        """How much speaks for each class [n, classes]; higher is better. Scales differ between methods.

        Args:
            X: features [n, D].
            classes: row numbers of the classes that are in question; by default all.

        Raises:
            BadDataError: features do not fit those of `fit`, or a class is none of the table.
        """
        check_is_fitted(self, "signatures_")
        return self._scores(self._scaled(self._features(X)), self._asked(classes))

    def predict(self, X: ArrayLike, classes: ArrayLike | None = None) -> Array:  # noqa: N803
        """The row number of the class with the highest score [n], among `classes`."""
        best = self.decision_function(X, classes).argmax(1)
        predicted: Array = self._asked(classes)[best]
        return predicted

    def grid(
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        signatures: ArrayLike,
        held_out: ArrayLike,
        classes: ArrayLike | None = None,
        grid: Mapping[str, Sequence[Any]] | None = None,
    ) -> Iterator[tuple[dict[str, Any], Array]]:
        """Scores of held-out examples at each point of a grid of arguments, at the least cost the method allows.

        Args:
            X: features to fit on [n, D].
            y: their classes [n].
            signatures: as for `fit`.
            held_out: features to score [m, D].
            classes: as for `decision_function`.
            grid: argument -> values; by default `GRID`.

        Yields:
            A point, and its scores [m, classes]: what fitting with these arguments and scoring would give.
        """
        values = dict(self.GRID if grid is None else grid)
        scoring = {name: values.pop(name) for name in self.SCORING if name in values}
        for learned in ParameterGrid(values):
            fitted = clone(self).set_params(**learned).fit(X, y, signatures)
            for scored in ParameterGrid(scoring):
                yield learned | scored, fitted.set_params(**scored).decision_function(held_out, classes)

    def _learn(self, X: Array, codes: Array) -> None:  # noqa: N803
        """Learn from scaled features [n, D] and the positions of their classes in `seen_` [n]."""
        raise TypeError(f"{type(self).__name__} must define `_learn`")

    def _scores(self, X: Array, classes: Array) -> Array:  # noqa: N803
        """The scores [n, classes] of scaled features [n, D] for these row numbers."""
        raise TypeError(f"{type(self).__name__} must define `_scores`")

    def _prepared(self, X: ArrayLike, y: ArrayLike, signatures: ArrayLike) -> tuple[Array, Array]:  # noqa: N803
        """All of `fit` before learning: scaled features, and the positions of their classes in `seen_`."""
        features = _table(X, "features", "[examples, width]")
        self.signatures_ = checked_signatures(signatures)
        self.seen_, codes = np.unique(_labels(y, len(features), len(self.signatures_)), return_inverse=True)
        if len(self.seen_) < 2:
            raise BadDataError(f"all {len(features)} examples are of one class: there is nothing to tell apart")
        self.classes_, self.n_features_in_ = np.arange(len(self.signatures_)), features.shape[1]
        one_of("scaling", self.scaling, SCALINGS)
        if self.scaling == "standard":
            deviation = features.std(0, dtype=np.float64)
            self.centre_: Array = features.mean(0, dtype=np.float64)
            self.spread_: Array = np.where(deviation > 0, deviation, 1.0) * np.sqrt(features.shape[1])
        return self._scaled(features), codes

    def _scaled(self, features: Array) -> Array:
        scaled = features.astype(np.float64, copy=False)
        if self.scaling == "standard":
            scaled = (scaled - self.centre_) / self.spread_
        return unit_rows(scaled) if self.scaling == "length" else scaled

    def _features(self, X: ArrayLike) -> Array:  # noqa: N803
        features = _table(X, "features", "[examples, width]")
        if features.shape[1] != self.n_features_in_:
            raise BadDataError(f"features of width {features.shape[1]}, where {self.n_features_in_} were learned from")
        return features

    def _asked(self, classes: ArrayLike | None) -> Array:
        """The row numbers that are in question."""
        if classes is None:
            return self.classes_
        asked = np.asarray(classes)
        if asked.ndim != 1 or not asked.size:
            raise BadDataError("no class to choose from: name at least one row of the signatures")
        return _rows(asked, len(self.classes_), "classes to choose from")


def unit_rows(table: Array) -> Array:
    """Each row scaled to length 1; a row of zeros stays.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    unit: Array = table / np.where(lengths > 0, lengths, 1.0)
    return unit


def cosines(a: Array, b: Array) -> Array:
    """The cosine of the angle between each row of `a` [n, A] and each of `b` [m, A]: [n, m]; 0 for a row of zeros."""
    between: Array = unit_rows(a) @ unit_rows(b).T
    return between


def class_sums(X: Array, codes: Array, classes: int) -> Array:  # noqa: N803
    """The sum of the examples of each class [classes, D]."""
    sums = np.zeros((classes, X.shape[1]))
    for code in range(classes):
        sums[code] = X[codes == code].sum(0)
    return sums


def checked_signatures(signatures: ArrayLike) -> Array:
    """A table of signatures as float64.

    A column that is the same for all classes tells nothing apart: a warning names it.

    Raises:
        BadDataError: not a table, a value that is not finite, or two classes with the same row.
    """
    table = _table(signatures, "signatures", "[classes, attributes]").astype(np.float64)
    _, group, sizes = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    if len(sizes) < len(table):
        alike = [np.flatnonzero(group == number) for number in np.flatnonzero(sizes > 1)]
        first = min(alike, key=lambda rows: int(rows[0]))
        more = f" (and so in {len(alike) - 1} more groups)" if len(alike) > 1 else ""
        raise BadDataError(
            f"classes {', '.join(map(str, first))} have the same signature{more}: nothing tells them apart; "
            "describe them further, or leave all but one out"
        )
    constant = np.flatnonzero((table == table[0]).all(0))
    if len(constant) and len(table) > 1:
        some = ", ".join(map(str, constant[:10])) + (", ..." if len(constant) > 10 else "")
        warnings.warn(
            f"signatures: the same value for all {len(table)} classes in column {some}: it tells nothing apart",
            LandbridgeWarning,
            stacklevel=2,
        )
    return table


def one_of(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse a word that an argument does not know.

    Raises:
        BadDataError: the message lists those it knows.
    """
    if value not in known:
        raise BadDataError(f"{name} is one of {', '.join(map(str, known))}, not '{value}'")


def above_zero(**values: float) -> None:
    """Refuse arguments that are not above 0.

    Raises:
        BadDataError: one is not.
    """
    for name, value in values.items():
        if not value > 0:
            raise BadDataError(f"{name} must be above 0, not {value:g}")


def _table(values: ArrayLike, what: str, shape: str) -> Array:
    try:
        table = np.asarray(values)
    except ValueError as error:
        raise BadDataError(f"{what} are a table {shape}; these rows differ in length") from error
    if table.ndim != 2 or not table.size:
        raise BadDataError(f"{what} are a table {shape}, not {list(table.shape)}")
    if table.dtype.kind not in "biuf":
        raise BadDataError(f"{what} are real numbers, not {table.dtype}")
    finite = np.isfinite(table)
    if not finite.all():
        wrong = np.argwhere(~finite)
        row, column = wrong[0]
        raise BadDataError(
            f"{what} must be finite; {len(wrong)} are not, the first in row {row}, column {column} (counted from 0)"
        )
    return table


def _labels(y: ArrayLike, examples: int, classes: int) -> Array:
    labels = np.asarray(y)
    if labels.shape != (examples,):
        raise BadDataError(f"one label an example: {examples} examples, but labels of shape {list(labels.shape)}")
    return _rows(labels, classes, "labels")


def _rows(numbers: Array, classes: int, what: str) -> Array:
    if numbers.dtype.kind not in "iu":
        raise BadDataError(f"{what} are row numbers of the signatures, not {numbers.dtype}")
    outside = numbers[(numbers < 0) | (numbers >= classes)]
    if len(outside):
        raise BadDataError(f"{what}: {outside[0]} is no row of the signatures, which are numbered 0 to {classes - 1}")
    return numbers
