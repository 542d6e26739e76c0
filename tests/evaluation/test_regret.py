"""Looks that a run keeps, and what trusting a validator would have cost, on rows where the answer is known."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain, View
from landbridge.evaluation import looks
from landbridge.evaluation.collected import Material
from landbridge.evaluation.looks import Watcher, read_looks
from landbridge.evaluation.metrics import evaluate
from landbridge.evaluation.regret import Row, as_markdown, chosen_of, measure, read_rows, regrets
from landbridge.evaluation.validators import VALIDATORS, scorer, scores
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier


def row(
    method: str, step: int, accuracy: float, im: float | None, told: float = 0.9, seed: int = 0, study: str = "s"
) -> Row:
    return Row(study, method, seed, step, accuracy, told, {"im": im})


ROWS = [
    row("source-only", 10, 0.60, 0.2), row("source-only", 20, 0.55, 0.4),
    row("good", 10, 0.80, 0.9), row("good", 20, 0.90, 0.8),
    row("sunk", 10, 0.50, 0.3), row("sunk", 20, 0.10, 2.0, told=0.1),
]  # fmt: skip


def test_regret_by_hand() -> None:
    im, last = regrets(ROWS)
    assert (im.validator, im.runs, im.tasks) == ("im", 3, 1)
    # Chosen through the gate: good at 10; without it: sunk at 20. The best is good at 20.
    assert (im.all, im.worst) == (pytest.approx(10), pytest.approx(10))
    assert (im.all_ungated, im.worst_ungated) == (pytest.approx(80), pytest.approx(80))
    # Runs: source-only loses 5, good 10, sunk 0 with the gate and 40 without.
    assert im.steps == pytest.approx((5 + 10 + 0) / 3)
    assert im.steps_ungated == pytest.approx((5 + 10 + 40) / 3)
    # Ranks of scores 1 3 5 4 2 6 and of accuracies 4 3 5 6 2 1: 1 - 6 * 42 / (6 * 35).
    assert im.correlation == pytest.approx(1 - 6 * (9 + 0 + 0 + 4 + 0 + 25) / 210)
    assert (last.validator, last.all) == ("last", None)
    assert last.steps == pytest.approx((5 + 0 + 40) / 3)


def test_worse_than_source_only_is_refused_across_methods() -> None:
    rows = [row("source-only", 20, 0.6, 0.5), row("a", 10, 0.9, 0.45), row("a", 20, 0.7, 0.4)]
    assert chosen_of(rows, "im", gate=True).method == "source-only"
    assert chosen_of(rows[1:], "im", gate=True, across=False) == rows[1]
    assert chosen_of(rows[:2], "snd", gate=False) == rows[1], "who has no scores takes the last"


def test_several_studies_are_pooled() -> None:
    other = [row("source-only", 10, 0.5, 0.1, study="t", seed=1), row("good", 10, 0.7, 0.3, study="t", seed=1)]
    im, _ = regrets([*ROWS, *other])
    assert (im.tasks, im.runs) == (2, 3)
    assert im.all == pytest.approx((10 + 0) / 2)
    assert im.worst == pytest.approx(10)
    text = as_markdown(regrets([*ROWS, *other]))
    assert "| im | 5.00 | 40.00 | 10.00 | 80.00 |" in text
    assert "(2 of them)" in text


def test_a_single_run_says_nothing_across_methods() -> None:
    im, _ = regrets([row("good", 10, 0.7, 0.3), row("good", 20, 0.7, 0.3)])
    assert (im.all, im.correlation, im.steps) == (None, None, 0)
    assert "| im | - | - |" in as_markdown([im])


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return Classifier(make_backbone("mlp?inputs=2&hidden=8"), Head(8, (), 2), ("left", "right"))


@pytest.fixture
def material(toy_source: Domain, toy_target: Domain) -> Material:
    training, held = toy_source.validation()
    return Material(toy_target.unlabelled(), training, held)


def test_a_look_keeps_what_validators_see_and_opens_no_label(
    model: Classifier, material: Material, toy_target: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    original = View._labels

    def labels(self: View) -> torch.Tensor:
        opened.append(self.domain)
        return original(self)

    monkeypatch.setattr(View, "_labels", labels)
    watch = Watcher(tmp_path, material, toy_target.unlabelled("test"))
    watch(model, 30)
    watch(model, 5)
    assert set(opened) == {"toy-source"}
    found = list(read_looks(tmp_path))
    assert [look.step for look in found] == [5, 30]
    live = scores(material.collect(model), also=VALIDATORS)
    assert set(found[0].scores) == set(VALIDATORS)
    for name, value in found[0].scores.items():
        assert value == pytest.approx(live[name], abs=0.02), "up to rounding features to 16 bits"
    assert found[0].diversity >= 0


def test_a_look_taken_again_is_the_same_file(
    model: Classifier, material: Material, toy_target: Domain, tmp_path: Path
) -> None:
    watch = Watcher(tmp_path, material, toy_target.unlabelled("test"))
    watch(model, 5)
    before = (tmp_path / "looks/0000005.npz").read_bytes()
    watch(model, 5)
    assert (tmp_path / "looks/0000005.npz").read_bytes() == before


def test_wide_features_are_kept_of_fewer_examples(
    model: Classifier, material: Material, toy_target: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "LARGEST", 3 * 2 * 8 * 11)
    Watcher(tmp_path, material, toy_target.unlabelled("test"))(model, 5)
    (look,) = read_looks(tmp_path)
    assert len(look.seen.target) == len(look.seen.held) == len(look.seen.labels) == len(look.seen.training) == 11
    assert len(look.test) == 300


def test_looks_are_measured_at_the_end(
    model: Classifier, material: Material, toy_target: Domain, tmp_path: Path
) -> None:
    test, run = toy_target.unlabelled("test"), tmp_path / "cells/good/3"
    Watcher(run, material, test)(model, 5)
    measure(run, test, oracle=False)
    (found,) = read_rows(tmp_path)
    assert (found.method, found.seed, found.step) == ("good", 3, 5)
    assert found.accuracy == evaluate(model, test).accuracy
    assert found.scores["im"] == pytest.approx(scorer("im", material)(model).score, abs=1e-6)
    (again,) = read_rows(tmp_path, again=True)
    assert again == found
    Watcher(tmp_path / "cells/target-only/3", material, test)(model, 5)
    measure(tmp_path / "cells/target-only/3", test, oracle=True)
    assert read_rows(tmp_path) == [found], "who saw target labels is no candidate"


def test_studies_are_pooled_by_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for study in ("one", "two"):
        for method, accuracy in (("source-only", 0.5), ("good", 0.75)):
            cell = tmp_path / study / "cells" / method / "0"
            cell.mkdir(parents=True)
            found = {"step": 5, "accuracy": accuracy, "diversity": 1.0, "scores": {"im": accuracy, "snd": -accuracy}}
            (cell / "looks.json").write_text(json.dumps({"oracle": False, "rows": [found]}))
    script = Path(__file__).parents[2] / "benchmarks/selection.py"
    main = runpy.run_path(str(script))["main"]
    words = ["selection.py", str(tmp_path / "one"), str(tmp_path / "two"), "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr("sys.argv", words)
    main()
    assert "| im | 0.00 | 0.00 |" in capsys.readouterr().out
    regret = {each["validator"]: each for each in json.loads((tmp_path / "found.json").read_text())}
    assert (regret["im"]["tasks"], regret["snd"]["all"], regret["snd"]["correlation"]) == (2, 25, pytest.approx(-1))
    monkeypatch.setattr("sys.argv", ["selection.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"kept no looks at a labelled target: compare with --study"):
        main()


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == []
    cell = tmp_path / "cells/good/0"
    (cell / "looks").mkdir(parents=True)
    (cell / "looks.json").write_text("{")
    with pytest.raises(BadDataError, match=r"looks\.json is damaged: remove it and metrics\.json beside it"):
        read_rows(tmp_path)
    np.savez((cell / "looks/0000005.npz").open("wb"), labels=np.zeros(3))
    with pytest.raises(BadDataError, match=r"0000005\.npz is damaged: remove it, and train its run again"):
        list(read_looks(cell))
    (cell / "looks.json").write_text(json.dumps({"oracle": False, "rows": [{"accuracy": None}]}))
    assert read_rows(tmp_path) == [], "without labels nothing is known"
