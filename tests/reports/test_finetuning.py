"""The pages of fine-tuning, from made-up runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landbridge.evaluation.table import Table, make_table
from landbridge.reports import verdicts
from landbridge.reports.adaptation import write_comparison_report, write_run_report
from landbridge.reports.console import show
from landbridge.reports.finetuning_plots import layer_bars, layer_lines
from landbridge.runs import Result, Run

Make = Callable[..., Run]

GROUPS: list[dict[str, Any]] = [
    {"name": "stem", "parameters": 1520, "rate": 0.0, "moved": 0.0},
    {"name": "conv2", "parameters": 25050, "rate": 0.001, "moved": 0.034},
    {"name": "head", "parameters": 405510, "rate": 0.01, "moved": None},
]


@pytest.fixture
def tuned(run_folder: Make) -> Make:
    """The factory of finished fine-tuned runs."""

    def make(folder: Path, method: str = "small-rate", *, accuracy: float = 0.7, seed: int = 0, shots: int = 5) -> Run:
        settings = {
            "shots": shots,
            "weights": "net.pt",
            "options": {"backbone_lr_ratio": 0.1},
            "classes": list("0123456789"),
        }
        run = run_folder(
            folder, method, seed=seed, accuracy=accuracy, domain_accuracy=None, source=None, settings=settings,
            protocol=f"{shots} labels a class", notes=["digits/photo has no split: each seed draws its own labels"],
            command=f"landbridge finetune lenet digits/photo --method {method}",
        )  # fmt: skip
        said = json.loads((folder / "metrics.json").read_text())
        for name in ("source_accuracy", "source_examples", "a_distance"):
            del said["metrics"][name]
        moved = [{**group, "moved": group["moved"] and group["moved"] * (1 + seed)} for group in GROUPS]
        said["metrics"] |= {"target_train_accuracy": 0.98, "labels": 10 * shots, "layer_groups": moved}
        (folder / "metrics.json").write_text(json.dumps(said))
        run.start_log(0)
        for step in range(50, 1001, 50):
            run.log(step, "tune", {"classification": 2.0 / step, "target_train_accuracy": 1 - 1 / step})
        return run

    return make


def test_a_run(tmp_path: Path, tuned: Make, capsys: pytest.CaptureFixture[str]) -> None:
    run = tuned(tmp_path / "run")
    page = write_run_report(run).read_text()
    for said in (
        "small-rate reaches 70.0\u00a0% target accuracy with 5 labels a class.",
        "98.0\u00a0% of the labels shown are called rightly, and 70.0\u00a0% of the test examples: 28.0 points",
        "1 of 2 layer groups stood still", "25,050 parameters · rate 0.001", "3.4 %", "frozen",
        "50 in all", "net.pt", "digits/photo has no split: each seed draws its own labels",
        "Commonest errors", "labels shown", "landbridge finetune lenet digits/photo --method small-rate",
    ):  # fmt: skip
        assert said in page, said
    for absent in ("None", "proxy A-distance", "gap closed", "had no say"):
        assert absent not in page, absent
    show(run)
    printed = capsys.readouterr().out
    assert "98.0" in printed
    assert "5 labels a class, last step selected" in printed


def comparison(folder: Path, methods: dict[str, float], make: Make, source: str | None = None) -> Path:
    for method, accuracy in methods.items():
        for seed in range(2):
            make(folder / "cells" / method / str(seed), method, seed=seed, accuracy=accuracy + 0.01 * seed)
    plan = {"source": source, "target": "digits/photo", "title": "digits/photo", "methods": list(methods),
            "seeds": {method: [0, 1] for method in methods}, "command": "landbridge compare digits/photo"}  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps(plan))
    return folder


def test_one_target(tmp_path: Path, tuned: Make) -> None:
    folder = comparison(tmp_path, {"scratch": 0.3, "frozen": 0.6, "small-rate": 0.8, "full": 0.78, "lp-ft": 0.5}, tuned)
    table = write_comparison_report(folder)
    page = (folder / "report.html").read_text()
    for said in (
        "small-rate reaches 80.5 ± 0.7\u00a0% target accuracy with 5 labels a class, 20.0 points above frozen.",
        "full reaches 78.5", "lp-ft reaches 50.5 ± 0.7\u00a0% target accuracy with 5 labels a class, 10.0 points below",
        "The same for each method", "Accuracy on the labels shown", "Confusion, frozen", "Confusion, small-rate",
        "95\u00a0% intervals over seeds",
    ):  # fmt: skip
        assert said in page, said
    assert "None" not in page
    rows = {row.method: row for row in table.rows}
    assert rows["small-rate"].labels == "5 a class"
    assert rows["small-rate"].train_gap == pytest.approx(0.98 - 0.805)
    assert all(row.gap_closed is None for row in table.rows)
    assert list(table.columns()) == ["95 % interval", "labels seen", "train accuracy (%)", "train - test (points)"]


def test_beside_adaptation(tmp_path: Path, tuned: Make, run_folder: Make) -> None:
    def make(folder: Path, method: str, **changes: float) -> Run:
        if method != "small-rate":
            return run_folder(folder, method, oracle=method == "target-only", **changes)
        run = tuned(folder, method, **changes)
        said = json.loads((folder / "metrics.json").read_text()) | {"source": "digits/printed"}
        (folder / "metrics.json").write_text(json.dumps(said))
        return run

    numbers = {"source-only": 0.5, "dann": 0.7, "small-rate": 0.8, "target-only": 0.9}
    folder = comparison(tmp_path, numbers, make, "digits/printed")
    table = write_comparison_report(folder)
    assert [row.labels for row in table.rows] == ["none", "none", "5 a class", "all"]
    assert table.row("dann").gap_closed == pytest.approx(0.5)  # type: ignore[union-attr]
    assert table.row("small-rate").gap_closed is None  # type: ignore[union-attr]
    page = (folder / "report.html").read_text()
    for said in ("small-rate (5 a class seen)", "Layer groups under small-rate", "dann reaches 70.5", "gap closed %",
                 "points above source-only, with 5 labels a class of the target", "target labels seen"):  # fmt: skip
        assert said in page, said


def field(numbers: dict[str, list[float]], train: float = 0.95) -> Table:
    return make_table([
        Result(method, None, "there", "net", "1 labels a class", "last", seed, 10, "cpu", 1.0,
               {"target_accuracy": accuracy, "target_train_accuracy": train}, settings={"shots": 1}, versions={})
        for method, row in numbers.items() for seed, accuracy in enumerate(row)
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("values", "tone", "said"),
    [
        (
            [0.80, 0.81, 0.82],
            "good",
            "with 1 label a class, 29.0 points above frozen. The 95 % intervals over seeds are",
        ),
        ([0.40, 0.60, 0.80], "mixed", "8.0 points above frozen. The 95 % intervals over seeds overlap"),
        ([0.20, 0.21, 0.22], "bad", "31.0 points below frozen"),
        ([0.45], "mixed", "One seed: what chance contributes is unknown"),
    ],
)
def test_the_verdict_holds_a_method_against_frozen_features(values: list[float], tone: str, said: str) -> None:
    table = field({"frozen": [0.51, 0.52, 0.53], "full": values})
    verdict = verdicts.tuned(table, table.rows[1])
    assert (verdict.tone, said in verdict.text) == (tone, True), verdict


def test_the_verdict_on_what_is_held_against() -> None:
    table = field({"frozen": [0.5, 0.51], "scratch": [0.3, 0.31]})
    assert "20.0 points above scratch" in verdicts.tuned(table, table.rows[0]).text
    assert verdicts.tuned(table, table.rows[1]).tone == "unknown"
    alone = field({"full": [0.5]})
    assert verdicts.tuned(alone, alone.rows[0]).text.endswith("with 1 label a class.")


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [(0.99, 0.6, "39.0 points of it were learned by heart"), (0.5, 0.4, "not learned yet"), (0.95, 0.93, "little was")],
)
def test_what_was_learned_by_heart(train: float, test: float, said: str) -> None:
    verdict = verdicts.by_heart(field({"full": [test]}, train).rows[0])
    assert verdict is not None
    assert said in verdict.text


def test_drawings_of_layer_groups_take_what_there_is() -> None:
    still = [{**group, "rate": 0.0, "moved": group["moved"] and 0.0} for group in GROUPS]
    assert "frozen" in layer_bars(still)
    many = [(f"features.{n}", 0.001 * (n + 1)) for n in range(19)]
    drawn = layer_lines(
        {"full": many, "small-rate": [(name, way / 10) for name, way in many], "frozen": [("stem", 0.0)]}
    )
    assert "full at most 1.9" in drawn
    assert ">frozen<" not in drawn
