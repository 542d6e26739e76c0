"""What a search tries: which settings, over which values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from landbridge.adaptation import METHODS
from landbridge.api._cell import Settings
from landbridge.api._recipe import Recipe
from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.training.options import Range, options_of, ranges_of

FIGURES = 3
"""Significant figures of a value that is tried: more would say nothing, and commands are for people."""


NUMBERS = ("rate", "momentum", "weight_decay", "ema", "clip", "batch_size", "steps")
"""The settings of training that may be searched."""


@dataclass(frozen=True)
class Span:
    """What a search tries of one setting.

    Attributes:
        low: smallest value.
        high: largest.
        log: whether on a logarithmic scale.
        whole: whether whole numbers only.
        option: whether it is an option of the method; else it is one of how to train.
        start: the value to begin with.
    """

    low: float
    high: float
    log: bool
    whole: bool
    option: bool
    start: Any

    @property
    def distribution(self) -> Any:
        """As Optuna calls it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def plain(self, value: float) -> float:
        """A value with few figures, within the span."""
        return value if self.whole else min(max(float(f"{value:.{FIGURES}g}"), self.low), self.high)

    def holds(self, value: Any) -> bool:
        """Whether a value is one that the search may try."""
        return isinstance(value, int | float) and self.low <= value <= self.high


def spans_of(first: Settings, search: str | None) -> dict[str, Span]:
    """What is searched.

    Args:
        first: the settings to begin with.
        search: names with commas, `NAME` or `NAME=LOW:HIGH`: options of the method, and settings of training. By
            default the options of the method that have a range, without those that were given a value.

    Raises:
        LandbridgeError: there is no such setting, it has no range, or there is nothing to search.

    >>> spans_of(Settings("dann", "a", "b"), "rate,weight=1:2")["weight"]
    Span(low=1.0, high=2.0, log=False, whole=False, option=True, start=1.0)
    """
    method = METHODS.resolve(first.method)
    ranges = ranges_of(method)
    if search is None:
        names = [name for name in ranges if name not in first.options]
        if not names:
            raise LandbridgeError(
                f"method '{first.method}' has no option left to search: name what to search, as in --search rate"
            )
    else:
        names = list(dict.fromkeys(filter(None, map(str.strip, search.split(",")))))
        if not names:
            raise LandbridgeError("--search names nothing: give names with commas, as in --search weight,rate")
    spans = {}
    for written in names:
        name, _, bounds = written.partition("=")
        name = name.strip().replace("-", "_")
        spans[name] = _span(name, bounds, first, ranges)
    return spans


def _span(name: str, bounds: str, first: Settings, ranges: Mapping[str, Range]) -> Span:
    options = options_of(METHODS.resolve(first.method))
    trained = {key: kind for key, kind in get_type_hints(Recipe).items() if key in NUMBERS}
    option = name in options
    if not option and name not in trained:
        hint = nearest(name, [*options, *trained]) or f"; it may be: {', '.join([*ranges, *trained])}"
        raise UnknownNameError(f"--search {name}: '{first.method}' has no such setting{hint}")
    if option:
        kind = get_type_hints(METHODS.resolve(first.method).__init__).get(name, float)
        start = first.options.get(name, options[name].default)
    else:
        kind, start = trained[name], getattr(first, name)
    known = ranges.get(name) if option else _usual(name, first)
    found = _bounds(name, bounds) if bounds else known
    if found is None:
        raise LandbridgeError(f"--search {name}: it has no usual range: give one, as in --search {name}=LOW:HIGH")
    return Span(found.low, found.high, found.log, kind is int, option, start)


def _usual(name: str, first: Settings) -> Range | None:
    """What to try of a setting of training, where that can be said."""
    usual = {"rate": Range(first.rate / 10, first.rate * 10, log=True), "weight_decay": Range(1e-5, 1e-2, log=True)}
    return usual.get(name)


def _bounds(name: str, text: str) -> Range:
    """`LOW:HIGH`; over a decade or more, on a logarithmic scale."""
    number = r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*"
    found = re.fullmatch(f"{number}:{number}", text)
    try:
        low, high = map(float, found.groups()) if found else (0.0, 0.0)
    except ValueError:
        low = high = 0.0
    if not low < high:
        raise LandbridgeError(f"--search {name}={text}: after the = comes LOW:HIGH, as in {name}=0.1:10")
    return Range(low, high, log=low > 0 and high / low >= 10)
