"""The page of several tasks, from folders made up on the spot."""

import json
from pathlib import Path
from typing import Any

import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.core.files import write_json
from landbridge.reports.multitask import write_multitask_report
from landbridge.runs import Result, Run

ACCURACY = {"joint": (0.80, 0.82, 0.81), "separate": (0.70, 0.71, 0.73), "sequential": (0.79, 0.83, 0.80)}


def about(name: str, metric: str = "accuracy") -> dict[str, Any]:
    facts = {"domain": f"toy/{name}", "answers": "one", "classes": ["a", "b"], "metric": metric, "shots": 5}
    return {"name": name, **facts, "train": 10, "test": 100, "note": f"a cut of {name}"}


def comparison(folder: Path, seeds: int = 3, weighting: str = "uncertainty", missing: str = "") -> Path:
    """Two tasks, in three modes, of some seeds."""
    settings = {"weighting": weighting, "head": "own", "width": 8, "steps": 60, "batch_size": 4, "weights": None}
    plan = {
        "tasks": [about("kind"), about("colour", "variance_explained")],
        "networks": {"kind": "lenet", "colour": "lenet"},
        "modes": list(ACCURACY),
        "seeds": list(range(seeds)),
        "settings": settings,
        "command": "landbridge multitask kind=toy/kind colour=toy/colour",
        "versions": {"landbridge": "0"},
    }
    write_json(folder / "multitask.json", plan)
    for mode, values in ACCURACY.items():
        for seed in range(seeds):
            for task in ("",) if mode == "joint" else ("kind", "colour"):
                cell = folder / "cells" / mode / task / str(seed)
                run = Run(cell, {"mode": mode, "seed": seed})
                run.start_log(0)
                for step in (20, 40, 60):
                    logged = {"kind_accuracy": step / 60, "kind_weight": 1 + step / 60, "colour_weight": 1.0}
                    if weighting == "pcgrad":
                        logged = {"kind_accuracy": step / 60, "conflict": 0.4}
                    run.log(step, "kind+colour", logged)
                if str(cell).endswith(missing) and missing:
                    continue
                numbers = {"kind": {"accuracy": values[seed]}, "colour": {"variance_explained": -0.2 + seed / 10}}
                metrics = {name: found for name, found in numbers.items() if task in ("", name)}
                result = Result(
                    mode, None, task or "kind+colour", "lenet", "inductive", "last", seed, 60, "cpu", 1.0, metrics
                )
                run.finish(result)
    return folder


def test_a_table_a_page_and_verdicts(tmp_path: Path) -> None:
    table = write_multitask_report(comparison(tmp_path))
    kind, colour = table.verdicts()[0], table.verdicts()[2]
    assert kind.startswith("kind: joint is above separate by 9.7 points; the 95 % interval of the difference")
    assert "is +5.9 to +13.5 (without 0); their own intervals lie apart." in kind
    assert colour.startswith("colour: joint is level with separate; ")
    page = (tmp_path / "report.html").read_text()
    for text in ("9.7 points", "Weights of the tasks", "Learning", "toy/kind", "a cut of colour"):
        assert text in page
    assert "Conflicts" not in page
    assert page.count("<svg") >= 5
    row = json.loads((tmp_path / "table.json").read_text())["rows"][0]
    assert row["differences"]["joint - separate"]["mean"] == pytest.approx(0.29 / 3)
    assert "| kind | 10 | accuracy | 81.0 ± 1.0 [78.5, 83.5] |" in (tmp_path / "table.md").read_text()
    assert table.provenance().endswith("`landbridge multitask kind=toy/kind colour=toy/colour`; landbridge 0")
    assert "weights of the last step" in table.provenance()


def test_conflicts_are_drawn_where_gradients_were_combined(tmp_path: Path) -> None:
    write_multitask_report(comparison(tmp_path, weighting="pcgrad"))
    page = (tmp_path / "report.html").read_text()
    assert "Conflicts of gradients" in page
    assert "Weights of the tasks" not in page


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    table = write_multitask_report(comparison(tmp_path, seeds=1))
    assert table.verdicts()[0] == "kind: joint is above separate by 10.0 points (one seed, so no interval)."
    assert "[" not in table.to_markdown()


def test_unfinished_cells_are_said(tmp_path: Path) -> None:
    table = write_multitask_report(comparison(tmp_path, missing="separate/kind/2"))
    assert table.unfinished == 1
    assert list(table.row("kind").figures["separate"].values) == [0, 1]
    difference = table.row("kind").difference("joint", "separate")
    assert difference is not None
    assert set(difference.values) == {0, 1}
    assert "1 cells are not finished" in (tmp_path / "report.html").read_text()


def test_a_folder_without_anything_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no table of tasks in .*: it has no multitask.json"):
        write_multitask_report(tmp_path)
    (tmp_path / "multitask.json").write_text("{")
    with pytest.raises(BadDataError, match=r"multitask.json is not readable JSON"):
        write_multitask_report(tmp_path)
    (tmp_path / "multitask.json").write_text("{}")
    with pytest.raises(BadDataError, match=r"does not have all of modes, seeds, settings, tasks"):
        write_multitask_report(tmp_path)
    plan = json.loads((comparison(tmp_path / "x") / "multitask.json").read_text())
    write_json(tmp_path / "multitask.json", plan)
    with pytest.raises(MissingDataError, match=r"no cell of .* is finished yet"):
        write_multitask_report(tmp_path)
