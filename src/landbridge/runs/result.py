"""The numbers of one run, with all that is needed to know how they came about."""

import platform
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import landbridge


def versions() -> dict[str, str]:
    """Versions of what numbers depend on, and the machine."""
    found = {"landbridge": landbridge.__version__, "python": platform.python_version(), "machine": platform.platform()}
    for package in ("torch", "torchvision", "timm", "lightning", "scikit-learn", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class Result:
    """One row of a table: metrics, never without how they came about.

    Attributes:
        method: name of the method.
        source: name of the source domain, or None.
        target: name of the target domain.
        backbone: name of the network.
        protocol: `inductive` or `transductive`.
        selection: the rule that chose the weights, `last` by default.
        seed: what all randomness came from.
        steps: optimiser steps of the run.
        device: where it ran.
        train_seconds: time spent in training, resumed parts added up.
        metrics: name -> number in [0, 1], a list of numbers by class, or None where it cannot be known.
        oracle: whether the method saw labels that the setting does not give.
        settings: everything else that was chosen: batch size, rates, augmentation, options of the method.
        notes: what a reader must know (a cut of a data set).
        versions: of the software.
        command: the command line that does it again.
    """

    method: str
    source: str | None
    target: str
    backbone: str
    protocol: str
    selection: str
    seed: int
    steps: int
    device: str
    train_seconds: float
    metrics: dict[str, Any]
    oracle: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=versions)
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Result":
        """Back from plain data; keys that this version does not know are left out."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})
