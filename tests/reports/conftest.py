"""Run folders made up on the spot, so that reports are tested without training."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from landbridge.evaluation import snapshot
from landbridge.runs import Result, Run

DIGITS = load_digits()


def images(labels: Any, rng: Any, *, photo: bool) -> Any:
    chosen = [rng.choice(np.flatnonzero(DIGITS.target == label % 10)) for label in labels]
    grey = (DIGITS.images[chosen] / 16)[..., None].repeat(3, -1).repeat(3, 1).repeat(3, 2)
    if photo:
        ground = rng.random((len(grey), 1, 1, 3)) * np.linspace(0.4, 1, 24)[None, :, None, None]
        grey = np.abs(ground - grey)
    return (255 * grey).astype(np.uint8)


def make_run(
    folder: Path,
    method: str = "dann",
    *,
    seed: int = 0,
    accuracy: float | None = 0.8,
    domain_accuracy: float | None = 0.54,
    shift: float = 1.0,
    points: int = 60,
    classes: Sequence[str] = tuple("0123456789"),
    oracle: bool = False,
    finished: bool = True,
    log: bool = True,
    flat: bool = False,
    **changes: Any,
) -> Run:
    """A run folder with everything in it; `accuracy=None` is a target without labels."""
    rng, n = np.random.default_rng([seed, len(method)]), len(classes)
    run = Run(folder, {"method": method, "seed": seed, "source": "digits/printed", "target": "digits/photo"})
    run.start_log(0)
    for step in range(50, 2001, 50) if log else ():
        done = step / 2000
        values = {"classification": 2.3 * np.exp(-4 * done) + 0.05 * rng.random()}
        if domain_accuracy is not None:
            towards = 0.95 + (domain_accuracy - 0.95) * min(1, 2 * done)
            values["domain"] = 0.69 * (1 - abs(towards - 0.5)) + 0.03 * rng.normal()
        values["source_accuracy"] = min(1.0, 1 - 0.9 * np.exp(-5 * done) + 0.01 * rng.normal())
        if domain_accuracy is not None:
            values |= {"domain_accuracy": towards + 0.02 * rng.normal(), "lambda": 2 / (1 + np.exp(-10 * done)) - 1}
        run.log(step, "train", {name: float(value) for name, value in values.items()})

    drawn = np.random.default_rng(0)
    centres = drawn.normal(size=(n, 16)) * 3
    taken: snapshot.Snapshot = {"a_distance": np.array(2 * min(1, shift / 2))}
    for side in ("source", "target"):
        labels = drawn.integers(0, n, points)
        features = centres[labels] + drawn.normal(size=(points, 16)) + (shift * 3 if side == "target" else 0)
        rate = 0.97 if side == "source" else accuracy or 0.6
        predicted = np.where(rng.random(points) < rate, labels, rng.integers(0, n, points))
        taken |= {
            f"{side}_features": (0 * features if flat else features).astype(np.float16),
            f"{side}_predicted": predicted,
            f"{side}_confidence": rng.random(points).astype(np.float32),
            f"{side}_label": labels if side == "source" or accuracy is not None else np.full(points, -1),
            f"{side}_images": images(labels[:24], np.random.default_rng(1), photo=side == "target"),
        }
    snapshot.save(taken, folder / "snapshot.npz")

    confusion = by_class = None
    if accuracy is not None:
        rates = np.clip(accuracy + 0.2 * rng.normal(size=n), 0.02, 0.99)
        matrix = np.stack([rng.multinomial(50, _row(i, rate, n, rng)) for i, rate in enumerate(rates)])
        confusion, by_class = matrix.tolist(), (np.diag(matrix) / matrix.sum(1)).tolist()
    metrics = {
        "source_accuracy": 0.97,
        "source_examples": 2000,
        "target_accuracy": accuracy,
        "target_mean_class_accuracy": accuracy,
        "target_examples": 500,
        "per_class_accuracy": by_class,
        "confusion": confusion,
        "a_distance": float(taken["a_distance"]),
    }
    row: dict[str, Any] = {
        "source": "digits/printed",
        "target": "digits/photo",
        "backbone": "ganin-mnist",
        "protocol": "inductive",
        "selection": "last",
        "steps": 2000,
        "device": "cpu",
        "train_seconds": 31.4,
        "settings": {"batch_size": 64, "rate": 0.01, "options": {}, "clip": None, "classes": list(classes)},
        "notes": ["digits/photo: hand-written digits blended with crops of two photographs"],
        "command": f"landbridge adapt digits/printed digits/photo --method {method} --seed {seed}",
    }
    if finished:
        run.finish(Result(method=method, seed=seed, metrics=metrics, oracle=oracle, **(row | changes)))
    return run


def _row(i: int, rate: float, n: int, rng: Any) -> Any:
    others = rng.dirichlet(np.full(n, 0.3))
    others[i] = 0
    chances = (1 - rate) * others / max(others.sum(), 1e-9)
    chances[i] = rate
    return chances / chances.sum()


def make_comparison(folder: Path, seeds: Sequence[int] = (0, 1, 2), **changes: Any) -> Path:
    """A comparison of four methods, with the illustration; `changes` go to every run."""
    kinds: dict[str, dict[str, Any]] = {
        "source-only": {"accuracy": 0.54, "domain_accuracy": None, "shift": 1.9},
        "sa": {"accuracy": 0.57, "domain_accuracy": None, "shift": 1.9},
        "dann": {"accuracy": 0.78, "shift": 0.5},
        "target-only": {"accuracy": 0.95, "domain_accuracy": None, "shift": 1.7, "oracle": True},
    }
    for method, kind in kinds.items():
        for seed in seeds:
            accuracy = kind["accuracy"] + 0.013 * (seed - 1) * (-1) ** len(method)
            make_run(
                folder / "cells" / method / str(seed), method, seed=seed, **(kind | {"accuracy": accuracy} | changes)
            )
    confused = {"accuracy": 0.11, "domain_accuracy": 0.5, "shift": 0.05, "flat": False} | changes
    make_run(folder / "illustration", "dann", **confused)
    plan = {
        "source": "digits/printed",
        "target": "digits/photo",
        "methods": list(kinds),
        "seeds": {method: list(seeds) for method in kinds},
        "command": "landbridge compare digits/printed digits/photo --methods source-only,sa,dann,target-only --seeds 3",
        "versions": {"landbridge": "0.1.0", "torch": "2.15.0"},
        "title": "",
    }
    (folder / "comparison.json").write_text(json.dumps(plan))
    return folder


@pytest.fixture
def run_folder() -> Callable[..., Run]:
    """The factory of run folders."""
    return make_run


@pytest.fixture
def comparison_folder() -> Callable[..., Path]:
    """The factory of comparison folders."""
    return make_comparison
