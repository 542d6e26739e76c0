"""Folders of tables made up on the spot, so that tables and pages are tested without training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from landbridge.evaluation import shots, speakers
from landbridge.evaluation.trials import DIVERGED, PLAN, folder_of
from landbridge.runs import Result

VALUES = {"svm": (0.5, 0.8), "deep": (0.49, 0.806), "full": (0.3, 0.6)}


def study(folder: Path, methods: dict[str, int] | None = None, ways: int | None = None, unfinished: int = 0) -> Path:
    """Cells whose accuracies differ by draw, the same way for all methods."""
    methods = methods or {"svm": 4, "deep": 4, "full": 2}
    settings: dict[str, Any] = {"seed": 3, "ways": ways, "weights": "net.safetensors", "steps": 50, "batch_size": 8}
    plan = {
        "source": None, "target": "caltech101", "backbone": "lenet", "metric": "mean_class_accuracy", "classes": 101,
        "shots": [1, 10], "methods": methods, "on_features": [name for name in methods if name in ("svm", "deep")],
        "settings": settings | {"rate": 0.01, "augment": "none"}, "options": {}, "notes": ["a cut"],
        "command": "landbridge finetune lenet caltech101", "versions": {"landbridge": "0"},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shots.json").write_text(json.dumps(plan))
    cells = list(shots.cells_of(plan))
    for method, k, seed, file in cells[: len(cells) - unfinished]:
        value = VALUES[method][k == 10] + 0.02 * (seed - 4.5) + 0.001 * (method == "deep") * (-1) ** seed
        names = ("target_mean_class_accuracy", "target_train_mean_class_accuracy")
        content = {"metrics": dict(zip(names, (value, 0.9))), "train_seconds": 2.0}
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))
    return folder


BEFORE = {"ann": 0.8, "bob": 0.6, "cy": 1.0}
LEFT = {"full": {"ann": 0.3, "bob": 0.45, "cy": 1.0}, "frozen": {"ann": 0.4, "bob": 0.9, "cy": 1.0}}
"""The share of the error that is left."""


def left_out(
    folder: Path, groups: tuple[str, ...] = ("ann", "bob", "cy"), measured: bool = True, unfinished: int = 0
) -> Path:
    """Three speakers, one of whom makes no errors."""
    settings: dict[str, Any] = {"seed": 0, "steps": 50, "source_steps": None, "batch_size": 8, "rate": 0.01}
    plan = {
        "target": "fsdd", "kind": "speaker", "groups": {name: f"{name}-1" for name in groups}, "backbone": "speech-cnn",
        "layers": ["stem", "conv2", "conv3"], "metric": "accuracy", "shots": 5, "methods": {"full": 2, "frozen": 2},
        "options": {}, "settings": settings | {"augment": "none"}, "notes": [],
        "command": "landbridge finetune speech-cnn fsdd", "versions": {"landbridge": "0"},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "leave_out.json").write_text(json.dumps(plan))
    shift = {0: 0.0, 1: -0.1}
    for name in groups if measured else ():
        held = {str(seed): BEFORE[name] + by * (BEFORE[name] < 1) for seed, by in shift.items()}
        path = folder / "before" / f"{name}-1.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"everything": BEFORE[name], "held": held}))
    cells = list(speakers.cells_of(plan))
    for name, method, seed, cell in cells[: len(cells) - unfinished]:
        before = BEFORE[name] + shift[seed] * (BEFORE[name] < 1)
        value = 1 - LEFT[method][name] * (1 - before)
        (folder / cell).mkdir(parents=True)
        (folder / cell / "metrics.json").write_text(json.dumps({"metrics": {"target_accuracy": value}}))
    return folder


SEARCHED = {"weight": {"low": 0.1, "high": 10.0, "log": True, "whole": False, "option": True, "start": 1.0}}


def trials(folder: Path, found: Mapping[int, Mapping[str, Any] | None], asked: int = 4) -> Path:
    """A search with trials: number -> what differs of its numbers, None where it diverged."""
    settings: dict[str, Any] = {"protocol": "inductive", "select": "last", "seed": 0, "steps": 5}
    plan = {
        "method": "dann", "source": "a", "target": "b", "validator": "im", "trials": asked, "jobs": 1,
        "space": SEARCHED, "settings": settings | {"batch_size": 8, "augment": "none"},
        "command": "landbridge tune a b", "versions": {"landbridge": "0"},
    }  # fmt: skip
    folder.mkdir()
    (folder / PLAN).write_text(json.dumps(plan))
    for number, changed in found.items():
        place = folder_of(folder, number)
        place.mkdir(parents=True)
        options = {} if number < 1 else {"weight": 2.0 * number}
        (place / "config.yaml").write_text(yaml.safe_dump({"method": "dann", "options": options}))
        if changed is None:
            (place / DIVERGED).write_text("training diverged at step 3\n")
            continue
        given = {"score": 1.0, "diversity": 0.9, "target_accuracy": 0.5 + number / 100} | dict(changed)
        metrics = {**given, "validators": {"im": given["score"]}, "target_mean_class_accuracy": None}
        result = Result(
            "dann",
            "a",
            "b",
            "lenet",
            "inductive",
            "last",
            0,
            5,
            "cpu",
            2.0,
            metrics,
            command=f"landbridge adapt {number}",
        )
        (place / "metrics.json").write_text(json.dumps(result.to_json()))
    return folder
