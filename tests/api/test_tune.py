"""A search for settings with one command: the same wherever it was cut off, and blind to the target's labels."""

import csv
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

import landbridge
import refusals
from landbridge.adaptation import METHODS
from landbridge.api import _searching
from landbridge.api._cell import Settings
from landbridge.api._spans import spans_of
from landbridge.cli import main, parse
from landbridge.core.errors import LandbridgeError
from landbridge.runs import Run
from landbridge.training.options import Range, ranges_of

Tune = Callable[..., int]
SMALL = ["--steps", "40", "--batch-size", "16", "--backbone", "mlp?inputs=2&hidden=16", "--quiet", "--device", "cpu"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two classes of points in the plane, and the same ones moved."""
    folder, paths = tmp_path_factory.mktemp("clouds"), []
    for name, shift in (("here", 0.0), ("there", 1.2)):
        rng = np.random.default_rng(len(name))
        y = np.arange(240) % 2
        x = (rng.normal(size=(240, 2)) * 0.6 + np.stack([4.0 * y - 2.0 + shift, shift * np.ones(240)], 1)).astype(
            np.float32
        )
        np.savez(folder / f"{name}.npz", x=x[:160], y=y[:160], x_test=x[160:], y_test=y[160:])
        paths.append(str(folder / f"{name}.npz"))
    return paths


@pytest.fixture
def tune(pair: list[str]) -> Tune:
    """The command on this pair."""

    def run(out: Path, *words: str) -> int:
        return main(["tune", *pair, *SMALL, "--checkpoint-every", "20", "--out", str(out), *words])

    return run


def rows(out: Path) -> list[dict[str, Any]]:
    """The table's rows without what the clock says."""
    table = json.loads((out / "table.json").read_text())["rows"]
    return [{name: value for name, value in row.items() if name != "train_seconds"} for row in table]


def test_a_search(tune: Tune, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "search"
    assert tune(out, "--method", "mcc", "--trials", "4", "--search", "weight,temperature,rate") == 0
    printed = capsys.readouterr().out
    assert "0 (to begin with)" in printed
    assert str(out / "report.html") in printed.replace("\n", "")
    found = rows(out)
    assert sorted(str(row["trial"]) for row in found) == ["0", "1", "2", "3", "source-only"]
    first = next(row for row in found if row["trial"] == 0)
    assert first["values"] == {"weight": 1.0, "temperature": 2.5, "rate": 0.01}
    tried = [row["values"] for row in found if row["trial"] not in (0, "source-only")]
    assert all(0.1 <= t["weight"] <= 10 and 1 <= t["temperature"] <= 5 and 0.001 <= t["rate"] <= 0.1 for t in tried)
    assert len({json.dumps(values) for values in tried}) == 3
    chosen = next(row for row in found if row["chosen"])
    measured = [row["trial"] for row in found if row["target"] is not None]
    assert set(measured) == {"source-only", 0, chosen["trial"]}
    csv_rows = list(csv.DictReader((out / "trials.csv").open()))
    assert [int(row["trial"]) for row in csv_rows] == [row["trial"] for row in found if row["trial"] != "source-only"]

    run = out / ("source-only" if chosen["trial"] == "source-only" else f"trials/{chosen['trial']}")
    ours, its = (load_file(place / "model/model.safetensors") for place in (out, run))
    assert all(ours[name].equal(its[name]) for name in its)
    scores = {row["trial"]: row["score"] for row in found}
    for number in range(4):
        validators = json.loads((out / f"trials/{number}/metrics.json").read_text())["metrics"]["validators"]
        assert scores[number] == validators["im"]
    assert landbridge.evaluate(str(out), pair[1])["accuracy"] == pytest.approx(chosen["target"])

    page = (out / "report.html").read_text()
    assert "no label of the target had a say" in page
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == page


def test_the_best_command_trains_the_best_model(tune: Tune, tmp_path: Path) -> None:
    out, again = tmp_path / "search", tmp_path / "again"
    assert tune(out, "--method", "dann+mcc", "--trials", "3", "--search", "mcc-temperature,rate", "--no-baseline") == 0
    command = json.loads((out / "table.json").read_text())["best_command"]
    words = shlex.split(command)[1:]
    assert words[0] == "adapt"
    places = ["--quiet", "--device", "cpu", "--checkpoint-every", "20", "--no-baseline", "--out", str(again)]
    assert main([*words, *places]) == 0
    ours, its = (load_file(place / "model/model.safetensors") for place in (out, again))
    assert all(ours[name].equal(its[name]) for name in its)
    searched = json.loads((out / "tune.json").read_text())["command"]
    given = parse("tune", shlex.split(searched)[2:])
    assert (given["method"], given["search"], given["baseline"]) == ("dann+mcc", "mcc-temperature,rate", False)


class Killed(BaseException):
    """What a kill looks like from inside."""


def cut(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: int) -> None:
    """Die in the so-many-eth call of a function."""
    original: Callable[..., Any] = getattr(owner, name)
    left = [calls]

    def dying(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise Killed
        return original(*given, **named)

    monkeypatch.setattr(owner, name, dying)


def test_cut_off_anywhere_a_search_ends_with_the_same_numbers(tune: Tune, tmp_path: Path) -> None:
    words = ["--trials", "4", "--search", "weight,rate"]
    assert tune(tmp_path / "whole", *words) == 0
    whole = rows(tmp_path / "whole")
    # Before the first trial is asked for; in training (each run has three checkpoints, one of them at its start);
    # with the model written and no numbers; with numbers that nobody was told.
    places = [(_searching, "_ask", 1), (Run, "save_checkpoint", 8), (Run, "finish", 2), (_searching, "_tell", 2)]
    out = tmp_path / "cut"
    for owner, name, calls in places:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            cut(patch, owner, name, calls)
            tune(out, *words)
        assert not (out / "table.json").exists()
    assert tune(out, *words) == 0
    assert rows(out) == whole
    one, other = (load_file(folder / "model/model.safetensors") for folder in (tmp_path / "whole", out))
    assert all(one[name].equal(other[name]) for name in one)


def test_more_trials_keep_those_that_are_done(
    tune: Tune, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "search"
    assert tune(out, "--trials", "2") == 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/metrics.json")}
    assert len(kept) == 2
    assert tune(out, "--trials", "3") == 0
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    assert len(rows(out)) == 4
    other = ["tune", *pair, *SMALL, "--out", str(out), "--validator", "entropy"]
    refusals.refused(capsys, other, "another search (validator differ)", "choose another --out")


def test_what_diverges_is_an_outcome(tune: Tune, tmp_path: Path) -> None:
    out = tmp_path / "search"
    assert tune(out, "--trials", "3", "--rate", "1e9", "--search", "rate=0.001:0.01") == 0
    outcomes = {row["trial"]: row["outcome"] for row in rows(out)}
    assert outcomes[0] == outcomes["source-only"] == "diverged"
    assert outcomes[1] != "diverged"
    assert outcomes[2] != "diverged"
    why = next(row["why"] for row in rows(out) if row["trial"] == 0)
    assert why.startswith("training diverged at step")
    assert "What speaks against some" in (out / "report.html").read_text()


def test_all_diverged_is_one_line(pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "search"
    words = ["tune", *pair, *SMALL, "--out", str(out), "--trials", "2", "--rate", "1e9"]
    refusals.refused(capsys, words, "none of the 2 trials can be used (2 diverged)", "--rate", "report.html")
    assert not (out / "model").exists()
    refusals.refused(capsys, words, "none of the 2 trials can be used")


def test_a_judge_that_needs_the_source_has_examples_held_out(tune: Tune, tmp_path: Path) -> None:
    out = tmp_path / "search"
    assert tune(out, "--trials", "2", "--validator", "source-accuracy") == 0
    for run in (out / "trials/0", out / "trials/1", out / "source-only"):
        assert json.loads((run / "metrics.json").read_text())["selection"] == "source-accuracy"
    assert all(0 <= row["score"] <= 1 for row in rows(out))


def test_bad_words(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "search"
    command = ["tune", *pair, *SMALL, "--out", str(out)]
    for words, parts in {
        ("--trials", "0"): ("--trials must be at least 1",),
        ("--jobs", "0"): ("--jobs must be at least 1",),
        ("--validator", "iim"): ("unknown validator 'iim'", "did you mean 'im'"),
        ("--validator", "last"): ("unknown validator 'last'",),
        ("--executor", "slurm"): ("--executor is local or ray",),
        ("--method", "dan+dnan"): ("unknown method 'dnan'",),
        ("--method", "source-only"): ("no option left to search", "--search rate"),
        ("--method.weight", "2"): ("no option left to search",),
        ("--search", ","): ("--search names nothing",),
        ("--search", "wieght"): ("'dann' has no such setting", "did you mean 'weight'"),
        ("--search", "momentum"): ("no usual range", "momentum=LOW:HIGH"),
        ("--search", "weight=2:1"): ("after the = comes LOW:HIGH",),
        ("--search", "weight=a:b"): ("after the = comes LOW:HIGH",),
        ("--search", "weight=1..2:3"): ("after the = comes LOW:HIGH",),
        ("--search", "play"): ("no usual range",),
    }.items():
        refusals.refused(capsys, [*command, *words], *parts)
    monkeypatch.setitem(sys.modules, "optuna", None)
    refusals.refused(capsys, command, "tune needs Optuna: pip install 'landbridge[tune]'")
    assert not out.exists(), "nothing half-written was left"


def test_what_is_searched() -> None:
    first = Settings("cdan-e+mcc", "a", "b", rate=0.02, options={"mcc_weight": 3.0})
    assert list(spans_of(first, None)) == ["cdan_e_weight", "mcc_temperature"]
    named = spans_of(first, "mcc-weight, rate, batch-size=8:64, momentum=0.8:0.95")
    assert (named["mcc_weight"].start, named["mcc_weight"].option) == (3.0, True)
    assert (named["rate"].low, named["rate"].high, named["rate"].log) == (0.002, 0.2, True)
    assert (named["batch_size"].whole, named["batch_size"].start) == (True, 64)
    assert named["momentum"].log is False
    assert not spans_of(Settings("dann", "a", "b", rate=5.0), "rate=1e-3:1e-2")["rate"].holds(5.0)
    with pytest.raises(LandbridgeError, match="no such setting"):
        spans_of(first, "weight")


def test_ranges_of_every_method_hold_what_is_usual() -> None:
    ranged = {name: ranges_of(METHODS.resolve(name)) for name in METHODS}
    assert ranged["mcc"] == {"weight": Range(0.1, 10, log=True), "temperature": Range(1, 5)}
    assert ranged["source-only"] == {}
    for name, ranges in ranged.items():
        for option, span in spans_of(Settings(name, "a", "b"), ",".join(ranges)).items() if ranges else ():
            assert span.holds(span.start), f"{name}: {option} begins outside its range"


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_trials_side_by_side(executor: str, tune: Tune, tmp_path: Path) -> None:
    """Side by side as one after the other: what is asked for is the same, and the numbers up to rounding."""
    if executor == "ray":
        pytest.importorskip("ray", reason="needs Ray: pip install 'landbridge[ray]'")
    words = ["--trials", "4", "--jobs", "2"]
    assert tune(tmp_path / "one", *words, "--executor", executor) == 0
    assert tune(tmp_path / "two", *words, "--executor", executor) == 0
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert len(rows(tmp_path / "one")) == 5


@pytest.mark.slow
def test_cells_of_a_comparison_on_ray(pair: list[str], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'landbridge[ray]'")
    words = ["compare", *pair, *SMALL, "--methods", "source-only,dann", "--seeds", "2", "--no-illustrate"]
    assert main([*words, "--jobs", "2", "--executor", "ray", "--out", str(tmp_path / "ray")]) == 0
    assert main([*words, "--jobs", "2", "--out", str(tmp_path / "local")]) == 0
    tables = [json.loads((tmp_path / name / "table.json").read_text())["rows"] for name in ("ray", "local")]
    assert [row["values"] for row in tables[0]] == [row["values"] for row in tables[1]]
