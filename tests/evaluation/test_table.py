"""The table of the field, against NumPy."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from landbridge.core.errors import BadDataError
from landbridge.evaluation.table import Table, apart, interval, make_table, spread
from landbridge.runs import Result


def result(method: str, accuracy: float | None, seed: int = 0, **changes: Any) -> Result:
    metrics = {"target_accuracy": accuracy, "source_accuracy": 0.9 + 0.01 * seed, "a_distance": 1.5} | changes.pop(
        "metrics", {}
    )
    row: dict[str, Any] = {
        "source": "here",
        "target": "there",
        "backbone": "lenet",
        "protocol": "inductive",
        "selection": "last",
        "steps": 100,
        "device": "cpu",
        "train_seconds": 10.0 + seed,
        "versions": {"torch": "2"},
    }
    return Result(method=method, seed=seed, metrics=metrics, **(row | changes))


def field() -> list[Result]:
    numbers = {"target-only": (0.95, 0.96, 0.94), "dann": (0.80, 0.84, 0.79), "source-only": (0.50, 0.55, 0.52)}
    return [result(m, a, s, oracle=m == "target-only") for m, row in numbers.items() for s, a in enumerate(row)]


def test_numbers_agree_with_numpy() -> None:
    table = make_table(field())
    assert [row.method for row in table.rows] == ["source-only", "dann", "target-only"]
    row = table.row("dann")
    assert row is not None
    values = np.array([0.80, 0.84, 0.79])
    assert row.mean == pytest.approx(values.mean())
    assert row.deviation == pytest.approx(values.std(ddof=1))
    assert row.interval == pytest.approx(stats.t.interval(0.95, 2, values.mean(), stats.sem(values)))
    low, high = np.mean([0.50, 0.55, 0.52]), np.mean([0.95, 0.96, 0.94])
    assert row.gap_closed == pytest.approx((values.mean() - low) / (high - low))
    assert row.source_accuracy == pytest.approx(0.91)
    assert row.train_seconds == pytest.approx(11.0)
    assert [r.oracle for r in table.rows] == [False, False, True]
    assert (table.steps, table.seeds, table.backbone) == (100, [0, 1, 2], "lenet")


def test_an_open_set_is_headed_by_the_h_score() -> None:
    numbers = {"known_accuracy": 0.9, "unknown_accuracy": 0.6, "all_accuracy": 0.85, "h_score": 0.72}
    opened = {"metrics": {f"target_{name}": value for name, value in numbers.items()}}
    table = make_table([result("osbp", 0.8, settings={"headline": "h_score"}, **opened)])
    assert (table.metric, table.rows[0].mean) == ("target_h_score", 0.72)
    columns = table.columns()
    assert [columns[name] for name in ("known classes, OS* (%)", "unknown (%)", "all, OS (%)")] == [
        ["90.0"], ["60.0"], ["85.0"],
    ]  # fmt: skip
    assert "target H-score" in table.to_markdown()
    assert not set(make_table(field()).columns()) & {"unknown (%)", "all, OS (%)"}


def test_segmenters_of_a_target_with_classes_of_its_own_have_columns_for_both_kinds() -> None:
    numbers = {"miou": 0.4, "shared_miou": 0.45, "private_miou": 0.2, "harmonic_miou": 0.277}
    seeds = [{f"target_{name}": value + 0.1 * seed for name, value in numbers.items()} for seed in (0, 1)]
    results = [
        result("boundless", 0.0, seed, settings={"headline": "miou"}, metrics=found) for seed, found in enumerate(seeds)
    ]
    columns = make_table(results).columns()
    assert [columns[name] for name in ("shared classes (%)", "private classes (%)", "harmonic mean (%)")] == [
        ["50.0"], ["25.0"], ["32.7"],
    ]  # fmt: skip
    assert "private classes (%)" not in make_table(field()).columns()


def test_rows_follow_the_methods_with_source_only_first_and_the_oracle_last() -> None:
    results = [*field(), *(result("sa", 0.6, s) for s in range(3))]
    table = make_table(results, ["target-only", "sa", "dann", "source-only", "absent"])
    assert [row.method for row in table.rows] == ["source-only", "sa", "dann", "target-only"]
    assert [row.method for row in table.adapting] == ["sa", "dann"]


def test_one_seed_has_no_deviation() -> None:
    row = make_table([result("dann", 0.8)]).rows[0]
    assert (row.mean, row.deviation, row.interval, row.gap_closed, spread(row)) == (0.8, None, None, None, "80.0")


def test_without_labels_numbers_are_unknown_not_zero() -> None:
    table = make_table([result("source-only", None), result("dann", None), result("dann", 0.5, 1)])
    assert [row.mean for row in table.rows] == [None, None]
    assert "unknown: no labels" in table.to_markdown()
    assert table.rows[1].deviation is None


def test_without_an_oracle_no_gap_is_closed() -> None:
    assert all(row.gap_closed is None for row in make_table(field()[3:]).rows)


def test_the_headline_metric_is_the_fields() -> None:
    given = {"metrics": {"target_mean_class_accuracy": 0.4}}
    table = make_table([result("dann", 0.8, settings={"headline": "mean_class_accuracy"}, **given)])
    assert (table.metric, table.rows[0].mean) == ("target_mean_class_accuracy", 0.4)
    assert make_table([result("dann", 0.8)]).metric == "target_accuracy"


def test_json_is_plain_and_markdown_tells_how() -> None:
    table = make_table(field(), command="landbridge compare here there", versions={"torch": "2.4"}, unfinished=["sa/0"])
    plain = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert plain["rows"][1]["method"] == "dann"
    text = table.to_markdown()
    for part in ("81.0 ± 2.6", "target-only (oracle)", "inductive", "last", "seeds 0, 1, 2", "100 steps", "lenet",
                 "torch 2.4", "`landbridge compare here there`", "unfinished: sa/0"):  # fmt: skip
        assert part in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_a_table_holds_one_pair() -> None:
    with pytest.raises(BadDataError, match="one pair"):
        make_table([result("dann", 0.8), result("dann", 0.8, target="elsewhere")])
    with pytest.raises(BadDataError, match="no finished run"):
        make_table([])


def test_intervals() -> None:
    assert interval([]) is None
    assert apart(interval([0.5, 0.51, 0.52]), interval([0.8, 0.81, 0.82])) is True
    assert apart(interval([0.5, 0.6, 0.7]), interval([0.6, 0.7, 0.8])) is False
    assert isinstance(make_table(field()), Table)
