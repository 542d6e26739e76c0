"""The table over copied layers: its sums against a naive computation, and what it says of layers."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.evaluation.study import Estimate
from landbridge.finetuning.copying import ENDS, MODES, Copying, chosen_depths, chosen_names, copyings
from landbridge.finetuning.depth import DepthTable, clear, deviation, read_depths, spread
from landbridge.runs import Result, Run

GROUPS = ["stem", "a", "b", "c"]
SEEDS = [0, 1, 2]
Accuracy = Callable[[Copying, int], float]


def plan_of(**changes: Any) -> dict[str, Any]:
    settings = {"shots": 5, "steps": 100, "weights": None}
    return {
        "source": "one", "target": "two", "backbone": "net", "groups": GROUPS, "inputs": "images",
        "settings": settings, "depths": [0, 1, 2, 3, 4], "ends": list(ENDS), "modes": list(MODES), "seeds": SEEDS,
        "command": "landbridge transfer-depth one two", "versions": {"landbridge": "0"},
    } | changes  # fmt: skip


def write(folder: Path, plan: dict[str, Any], accuracy: Accuracy) -> Path:
    """A folder with all its cells; a NaN stands for one that is not finished."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "depth.json").write_text(json.dumps(plan))
    for seed in plan["seeds"]:
        _finish(folder / "source" / str(seed), seed, 0.9)
        for copying in copyings(plan):
            value = accuracy(copying, seed)
            if not math.isnan(value):
                _finish(folder / "cells" / copying.name / str(seed), seed, value)
    return folder


def _finish(folder: Path, seed: int, accuracy: float) -> None:
    metrics = {"target_accuracy": accuracy}
    Run(folder, {"seed": seed}).finish(
        Result("full", "one", "two", "net", "5 labels a class", "last", seed, 100, "cpu", 1.0, metrics, versions={})
    )


def uneven(copying: Copying, seed: int) -> float:
    """Anything that differs between all cells."""
    number = copying.copied + 7 * (copying.end == "last") + 3 * (copying.mode == "tuned")
    return 0.5 + 0.02 * math.sin(5 * number) + 0.01 * math.cos(3 * seed + number)


def table_of(tmp_path: Path, accuracy: Accuracy, **changes: Any) -> DepthTable:
    return read_depths(write(tmp_path / "t", plan_of(**changes), accuracy))


def test_a_cell_is_shared_where_end_or_mode_mean_nothing() -> None:
    names = [copying.name for copying in copyings(plan_of(depths=[0, 1, 4]))]
    assert names == [
        "scratch", "first-1-frozen", "first-1-tuned", "last-1-frozen", "last-1-tuned", "all-frozen", "all-tuned",
    ]  # fmt: skip
    options = {copying.name: copying.options for copying in copyings(plan_of(depths=[0, 2, 4]))}
    assert options == {
        "scratch": {"copy": "none"},
        "first-2-frozen": {"copy": "first:2", "freeze": "first:2"},
        "first-2-tuned": {"copy": "first:2"},
        "last-2-frozen": {"copy": "last:2", "freeze": "last:2"},
        "last-2-tuned": {"copy": "last:2"},
        "all-frozen": {"copy": "all", "freeze": "all"},
        "all-tuned": {"copy": "all"},
    }


def test_means_deviations_and_intervals(tmp_path: Path) -> None:
    table = table_of(tmp_path, uneven)
    for end in ENDS:
        for mode in MODES:
            assert list(table.curve(end, mode)) == [0, 1, 2, 3, 4]
            for count in (1, 2, 3):
                values = np.array([uneven(Copying(end, count, mode, 4), seed) for seed in SEEDS])
                figure = table.figure(end, count, mode)
                assert figure is not None
                assert figure.mean == pytest.approx(values.mean(), abs=1e-12)
                assert deviation(figure) == pytest.approx(values.std(ddof=1), abs=1e-12)
                naive = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
                assert figure.interval == pytest.approx(naive, abs=1e-9)
    assert table.source is not None
    assert spread(table.source) == "90.0 ± 0.0 (90.0 to 90.0)"
    assert table.unfinished == 0


def test_the_first_layers_minus_the_last(tmp_path: Path) -> None:
    table = table_of(tmp_path, uneven)
    for mode in MODES:
        found = table.first_minus_last(mode)
        assert found is not None
        for seed in SEEDS:
            naive = 0.0
            for count in (1, 2, 3):
                naive += uneven(Copying("first", count, mode, 4), seed) - uneven(Copying("last", count, mode, 4), seed)
            assert found.values[seed] == pytest.approx(naive / 3, abs=1e-12)
    assert table_of(tmp_path / "ends", uneven, ends=["first"]).first_minus_last("tuned") is None
    assert table_of(tmp_path / "none", uneven, depths=[0, 4]).first_minus_last("tuned") is None


def test_a_seed_that_is_not_finished_is_in_no_difference(tmp_path: Path) -> None:
    def cut(copying: Copying, seed: int) -> float:
        return math.nan if copying.name == "last-2-tuned" and seed == 1 else uneven(copying, seed)

    table = table_of(tmp_path, cut)
    assert table.unfinished == 1
    assert "1 cells unfinished" in table.provenance()
    found = table.first_minus_last("tuned")
    assert found is not None
    assert list(found.values) == [0, 2]


@pytest.mark.parametrize(
    ("frozen", "general", "valley"),
    [
        ([0.80, 0.80, 0.80, 0.80], 4, None),
        ([0.80, 0.795, 0.70, 0.60], 2, None),
        ([0.70, 0.80, 0.80, 0.80], 0, (1, 0.05)),
        ([0.80, 0.72, 0.66, 0.79], 1, (3, 0.13)),
    ],
)
def test_general_layers_and_the_valley_between_split_ones(
    frozen: list[float], general: int, valley: tuple[int, float] | None, tmp_path: Path
) -> None:
    def accuracy(copying: Copying, seed: int) -> float:
        if copying.copied == 0:
            return 0.75 + 0.01 * seed
        return 0.01 * seed + (frozen[copying.copied - 1] if copying.mode == "frozen" else 0.80)

    table = table_of(tmp_path, accuracy)
    for end in ENDS:
        assert table.general(end) == general
        found = table.valley(end)
        assert (found is None) == (valley is None)
        if found and valley:
            assert found.copied == valley[0]
            assert found.fall.mean == pytest.approx(valley[1])
    costs = table.frozen_minus_tuned("first")
    assert [costs[count].mean for count in (1, 2, 3, 4)] == pytest.approx([value - 0.80 for value in frozen])


def test_one_mode_tells_nothing_about_general_layers(tmp_path: Path) -> None:
    tuned = table_of(tmp_path, uneven, modes=["tuned"])
    assert tuned.general("first") is None
    assert tuned.valley("first") is None
    assert tuned.frozen_minus_tuned("first") == {}


def test_the_best_is_the_one_that_copies_less_of_equals(tmp_path: Path) -> None:
    table = table_of(tmp_path, lambda copying, seed: 0.7 if copying.copied < 2 else 0.9)
    copying, figure = table.best()
    assert (copying.name, figure.mean) == ("first-2-frozen", pytest.approx(0.9))


def test_clear_differences() -> None:
    assert clear(Estimate.of({0: 0.02, 1: 0.03, 2: 0.025}))
    assert not clear(Estimate.of({0: -0.02, 1: 0.03, 2: 0.025}))
    assert clear(Estimate.of({0: -0.02}))
    assert not clear(Estimate.of({0: 0.005}))


def test_the_markdown_says_how_the_numbers_came_about(tmp_path: Path) -> None:
    table = table_of(tmp_path, lambda copying, seed: 0.5 + 0.1 * copying.copied + 0.01 * seed)
    page = table.to_markdown()
    assert page.splitlines()[0].startswith("| copied groups | first frozen, target accuracy (%) | first tuned")
    assert "| 0 of 4, from scratch | 51.0 ± 1.0 (48.5 to 53.5) |" in page
    assert "| 4 of 4, all | 91.0 ± 1.0" in page
    for said in (
        "5 labels a class",
        "selection: the last one",
        "seeds 0, 1, 2",
        "`landbridge transfer-depth",
        "stem, a",
    ):
        assert said in table.provenance()
    rows = table.to_json()["rows"]
    assert rows[0]["values"] == {0: 0.5, 1: 0.51, 2: 0.52}
    assert {(row["end"], row["mode"], row["copied"]) for row in rows} == {
        (end, mode, count) for end in ENDS for mode in MODES for count in range(5)
    }
    weights = plan_of(source=None, settings={"shots": None, "steps": 9, "weights": "w.safetensors"})
    given = read_depths(write(tmp_path / "w", weights, uneven))
    assert "weights w.safetensors -> two (all labels)" in given.provenance()
    assert given.title == "given weights to two"


def test_depths_ends_and_modes_that_are_not_there() -> None:
    with pytest.raises(
        LandbridgeError, match="--depths 5: 'net' has 4 layer groups, so say 0 to 4, or all: stem, a, b"
    ):
        chosen_depths("0,5", GROUPS, "net")
    for bad in ("-1", "half", "1.5"):
        with pytest.raises(LandbridgeError, match=f"--depths {bad}: "):
            chosen_depths(bad, GROUPS, "net")
    with pytest.raises(LandbridgeError, match="--depths names no number"):
        chosen_depths(" , ", GROUPS, "net")
    with pytest.raises(UnknownNameError, match=r"--ends lists first and last, .* not 'frist'; did you mean 'first'\?"):
        chosen_names("frist", ENDS, "ends")
    with pytest.raises(UnknownNameError, match="--modes lists nothing: say frozen, tuned"):
        chosen_names("", MODES, "modes")
    assert chosen_depths("all,2,0,2", GROUPS, "net") == [0, 2, 4]


def test_folders_that_hold_no_table(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"it has no depth\.json"):
        read_depths(tmp_path)
    with pytest.raises(MissingDataError, match="none of the cells"):
        read_depths(write(tmp_path / "t", plan_of(), lambda *_: math.nan))
    for text in ("{", "[1]", "{}"):
        (tmp_path / "depth.json").write_text(text)
        with pytest.raises(BadDataError, match=r"depth\.json"):
            read_depths(tmp_path)
