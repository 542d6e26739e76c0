"""Leaving a speaker out with one command, on three hands that write digits."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import refusals
from landbridge.api._recipe import Machine
from landbridge.api._speakers import run_leave_out
from landbridge.api._tuning import Tuning
from landbridge.cli import main
from landbridge.core.errors import RunFolderError
from landbridge.data import registry
from landbridge.data.registry import load_domain
from landbridge.evaluation.metrics import evaluate
from landbridge.nn.layers import group_of
from landbridge.nn.models import Classifier

QUICK = Machine("cpu", quiet=True)


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.DOMAINS, "toy", registry.Entry("toy_speakers:load", "three hands"))


def first(**changes: Any) -> Tuning:
    given: dict[str, Any] = {"shots": 3, "steps": 10, "source_steps": 20, "batch_size": 16, "rate": 0.05}
    return Tuning("full", "toy", **given | changes)


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str], *parts: str, target: str = "toy") -> None:
    shots = [] if "--shots" in words else ["--shots", "3"]
    refusals.refused(capsys, ["finetune", "usual", target, "--quiet", *shots, *words], *parts)


def test_each_hand_in_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["finetune", "usual", "toy", "--leave-out", "hand", "--shots", "3", "--episodes", "2", "--quiet"]
    words += ["--method", "full,first-1:1,frozen", "--steps", "10", "--source-steps", "20", "--batch-size", "16"]
    assert main([*words, "--rate", "0.05", "--device", "cpu", "--out", str(tmp_path / "table")]) == 0
    out = tmp_path / "table"
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text().strip() in printed
    table = json.loads((out / "table.json").read_text())
    assert [row["group"] for row in table["rows"]] == ["ann", "bob", "cy"]
    by_name = {row["group"]: row for row in table["rows"]}
    assert by_name["cy"]["everything"] < 0.6 < 0.9 < by_name["ann"]["everything"]
    assert by_name["cy"]["after"]["full"]["mean"] > by_name["cy"]["before"]["mean"]
    assert {method: len(found["values"]) for method, found in by_name["bob"]["after"].items()} == {
        "full": 2, "first-1": 1, "frozen": 2,
    }  # fmt: skip
    assert "--leave-out hand" in table["command"]
    assert "--source-steps 20" in table["command"]
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").is_file()


def test_before_and_after_are_on_the_same_examples_and_start_from_the_same_network(tmp_path: Path) -> None:
    table = run_leave_out(tmp_path, first(steps=1, rate=1e-9, source_steps=15), "hand=cy", {"full": 2}, {}, QUICK)
    (row,) = table.rows
    # A step at next to no rate changes nothing: not the head either, which is the source's.
    assert row.after["full"].values == pytest.approx(dict(row.before.values))
    model, cy = Classifier.load(tmp_path / "source/cy"), load_domain("toy?group=cy")
    assert row.everything == pytest.approx(evaluate(model, cy.unlabelled()).accuracy)
    assert row.before.values[1] == pytest.approx(evaluate(model, cy.draw(3, 1)[1]).accuracy)
    assert len(load_domain("toy?group=cy").draw(3, 1)[1]) == len(cy.unlabelled()) - 6
    config = (tmp_path / "source/cy/config.yaml").read_text()
    assert "toy?without-group=cy" in config


def test_a_part_of_the_layers_moves(tmp_path: Path) -> None:
    run_leave_out(tmp_path, first(), "group=ann", {"first-1": 1, "last-1": 1, "frozen": 1}, {}, QUICK)
    start, moved = Classifier.load(tmp_path / "source/ann"), {}
    for method in ("first-1", "last-1", "frozen"):
        tuned = Classifier.load(tmp_path / f"cells/ann/{method}/0")
        pairs = zip(tuned.backbone.network.state_dict().items(), start.backbone.network.state_dict().values())
        names = [name for (name, value), earlier in pairs if not torch.equal(value, earlier)]
        moved[method] = {group_of(name, tuned.backbone.groups) for name in names}
        assert not torch.equal(tuned.head.output.weight, start.head.output.weight)
    assert moved == {"first-1": {"stem"}, "last-1": {"conv2"}, "frozen": set()}


def test_a_table_goes_on_where_it_was(tmp_path: Path) -> None:
    one = run_leave_out(tmp_path, first(), "hand=bob", {"frozen": 1}, {}, QUICK)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.json")}
    two = run_leave_out(tmp_path, first(), "hand=bob", {"frozen": 2}, {}, QUICK)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert two.rows[0].after["frozen"].values[0] == one.rows[0].after["frozen"].values[0]
    assert list(two.rows[0].before.values) == [0, 1]
    with pytest.raises(RunFolderError, match=r"another table of groups left out \(shots differ\): choose another"):
        run_leave_out(tmp_path, first(shots=2), "hand=bob", {"frozen": 1}, {}, QUICK)


def test_bad_input_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, ["--leave-out", "hand=an"], "toy has no hand 'an'; did you mean 'ann'?")
    refused(
        capsys, ["--leave-out", "speaker=ann"], "a group of toy is a hand, so say hand=ann, or hand for each in turn"
    )
    refused(capsys, ["--leave-out", "hand"], "belong to no groups with names", target="digits/handwritten")
    refused(capsys, ["--leave-out", "hand", "--shots", "500"], "500 shots asked for, but class '0' of toy has")
    refused(capsys, ["--leave-out", "hand", "--shots", "1,2"], "say with --shots how many a class")
    refused(capsys, ["--leave-out", "hand", "--method", "frosen"], "unknown method 'frosen'; did you mean 'frozen'?")
    refused(
        capsys, ["--leave-out", "hand", "--method", "first-9"], "'lenet' has 2 layer groups, so say first-1 to first-2"
    )
    refused(capsys, ["--leave-out", "hand", "--method", "full:none"], "after the colon comes a number of episodes")
    refused(capsys, ["--leave-out", "hand", "--episodes", "0"], "--episodes must be at least 1, not 0")
    refused(capsys, ["--leave-out", "hand", "--method", "full,frozen", "--method.l2-sp.l2_sp", "1"], "for 'l2-sp'")
    (tmp_path / "note.txt").write_text("mine")
    refused(capsys, ["--leave-out", "hand", "--method", "full", "--out", str(tmp_path)], "no table of groups left out")
