"""What the tables of repeated draws share: a mean over draws with its interval, differences draw by draw, cells."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.text import percent
from landbridge.evaluation.table import apart, interval

METRICS = {"accuracy": "accuracy", "mean_class_accuracy": "class-averaged accuracy"}
"""What a domain may be measured by, and how people call it."""


@dataclass(frozen=True)
class Estimate:
    """A metric over draws.

    Attributes:
        mean: in [0, 1].
        interval: 95 % interval of the mean, by Student's t; None for a single draw.
        values: by seed of the draw.
    """

    mean: float
    interval: tuple[float, float] | None
    values: Mapping[int, float]

    @classmethod
    def of(cls, values: Mapping[int, float]) -> "Estimate":
        """That of some draws, one at least."""
        every = list(values.values())
        return cls(fmean(every), interval(every), dict(values))

    @property
    def text(self) -> str:
        """In percent, ± half of the interval.

        >>> Estimate.of({0: 0.80, 1: 0.82, 2: 0.84}).text, Estimate.of({0: 0.8}).text
        ('82.0 ± 5.0', '80.0')
        """
        return percent(self.mean) + (f" ± {percent(self.interval[1] - self.mean)}" if self.interval else "")

    def minus(self, other: "Estimate") -> "Estimate | None":
        """The difference draw by draw, over the draws that both have; None where there is none."""
        paired = {seed: value - other.values[seed] for seed, value in self.values.items() if seed in other.values}
        return Estimate.of(paired) if paired else None

    def differs(self, other: "Estimate") -> bool | None:
        """Whether two means differ beyond chance; None where that is unknown.

        The interval of the difference, draw by draw, is without 0; with fewer than two draws in common, the two
        intervals are apart.
        """
        found = self.minus(other)
        if found is None or found.interval is None:
            return apart(self.interval, other.interval)
        return not found.interval[0] <= 0 <= found.interval[1]


def read_plan(path: Path, what: str) -> dict[str, Any]:
    """What a folder's table is of.

    Raises:
        MissingDataError: there is none.
        BadDataError: it cannot be read.
    """
    plan = read_cell(path)
    if plan is None:
        raise MissingDataError(f"no {what} in {path.parent}: it has no {path.name}")
    return plan


def read_cell(path: Path) -> dict[str, Any] | None:
    """The content of a file of plain data; None of one that is not there.

    Raises:
        BadDataError: it cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadDataError(f"{path} is damaged: remove it, and give the command again") from error
    return found
