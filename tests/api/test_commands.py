"""What a person does in the first hour, from the shell and from Python."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import landbridge
from landbridge.adaptation import METHODS
from landbridge.cli import COMMANDS, main, overview, parse, parser_of
from landbridge.core.registry import resolve
from landbridge.finetuning import PRESETS
from landbridge.segmentation import METHODS as SEGMENTATION
from landbridge.zeroshot import METHODS as ZEROSHOT

Maker = Callable[..., Path]
SMALL = ["--steps", "6", "--batch-size", "8", "--backbone", "lenet", "--quiet", "--device", "cpu"]


def test_adapt_evaluate_predict_report(image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=80)), tmp_path / "run"
    assert main(["adapt", a, b, *SMALL, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "source-only" in printed
    assert str(out / "report.html") in printed.replace("\n", "")
    result = json.loads((out / "metrics.json").read_text())
    assert {
        "method", "source", "target", "backbone", "protocol", "selection", "seed", "steps", "device", "train_seconds",
        "versions", "command", "metrics",
    } <= set(result)  # fmt: skip
    assert {"source_accuracy", "target_accuracy", "per_class_accuracy"} <= set(result["metrics"])
    assert sorted(p.name for p in out.iterdir()) == [
        "baseline", "config.yaml", "log.csv", "metrics.json", "model", "report.html", "snapshot.npz",
    ]  # fmt: skip

    measured = landbridge.evaluate(str(out), b)
    assert measured["accuracy"] == pytest.approx(result["metrics"]["target_accuracy"])
    assert main(["predict", str(out), b, "--out", str(tmp_path / "said.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "said.csv").open()))
    assert len(rows) == 80
    assert all(float(row["cat"]) + float(row["dog"]) == pytest.approx(1.0, abs=2e-4) for row in rows)
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").stat().st_size > 10_000
    again = parse(*_split(result["command"]))
    assert (again["source"], again["steps"], again["method"]) == (a, 6, "dann")


def _split(command: str) -> tuple[str, list[str]]:
    words = command.split()
    return words[1], words[2:]


def test_compare_keeps_finished_cells(image_folder: Maker, tmp_path: Path) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=80)), tmp_path / "table"
    words = ["compare", a, b, *SMALL, "--seeds", "2", "--out", str(out)]
    assert main([*words, "--methods", "source-only,sa"]) == 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/*/metrics.json")}
    assert len(kept) == 4
    assert main([*words, "--methods", "source-only,sa,dann,target-only"]) == 0
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    table = json.loads((out / "table.json").read_text())
    assert [row["method"] for row in table["rows"]] == ["source-only", "sa", "dann", "target-only"]
    assert [row["oracle"] for row in table["rows"]] == [False, False, False, True]
    assert (out / "illustration/metrics.json").is_file()
    assert "target-only" in (out / "table.md").read_text()


@pytest.mark.slow
def test_cells_side_by_side_equal_one_after_the_other(image_folder: Maker, tmp_path: Path) -> None:
    a, b = str(image_folder("a")), str(image_folder("b", dark=80))
    words = ["compare", a, b, *SMALL, "--seeds", "2", "--methods", "source-only,dann"]
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    assert main([*words, "--out", str(tmp_path / "two"), "--jobs", "2"]) == 0
    for path in (tmp_path / "one").glob("cells/*/*/metrics.json"):
        one, two = (
            json.loads(path.read_text()),
            json.loads((tmp_path / "two" / path.relative_to(tmp_path / "one")).read_text()),
        )
        assert one["metrics"]["source_accuracy"] == pytest.approx(two["metrics"]["source_accuracy"], abs=0.03)
        assert one["settings"] == two["settings"]


def test_a_target_without_labels(image_folder: Maker, tmp_path: Path) -> None:
    a, b = image_folder("a"), image_folder("b", dark=80)
    loose = tmp_path / "loose"
    (loose / "deeper").mkdir(parents=True)
    for number, path in enumerate(sorted(b.rglob("*.png"))):
        path.rename((loose if number % 2 else loose / "deeper") / f"{number}.png")
    words = ["adapt", str(a), str(loose), *SMALL, "--unlabelled", "--protocol", "transductive"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())["metrics"]
    assert metrics["target_accuracy"] is None
    assert metrics["per_class_accuracy"] is None
    assert metrics["target_examples"] == 80
    assert "unknown" in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize("rule", ["source-accuracy", "dev", "im", "mixval"])
def test_label_free_selection_stands_in_the_row(rule: str, image_folder: Maker, tmp_path: Path) -> None:
    words = ["adapt", str(image_folder("a")), str(image_folder("b")), *SMALL, "--select", rule, "--no-baseline"]
    assert main([*words, "--checkpoint-every", "2", "--out", str(tmp_path / "run")]) == 0
    result = json.loads((tmp_path / "run/metrics.json").read_text())
    assert result["selection"] == rule
    assert isinstance(result["metrics"]["validators"][rule], float)


def test_a_study_of_validators(image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=80)), tmp_path / "table"
    words = ["compare", a, b, *SMALL, "--seeds", "1", "--checkpoint-every", "2", "--select", "snd", "--study"]
    assert main([*words, "--methods", "source-only,sa,mcc,target-only", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    table = json.loads((out / "table.json").read_text())
    assert table["chosen"]["method"] in ("source-only", "sa", "mcc")
    assert table["chosen"]["validator"] == "snd"
    assert [regret["validator"] for regret in table["regrets"]][-1] == "last"
    assert {regret["tasks"] for regret in table["regrets"][:-1]} == {1}
    for text in (printed, (out / "table.md").read_text()):
        assert "Chosen by snd, without target labels" in text
        assert "| class-ami |" in text
    assert "What it costs to trust a validator" in (out / "report.html").read_text()
    looks = [len(list(out.glob(f"cells/{method}/0/looks/*.npz"))) for method in ("source-only", "sa", "mcc")]
    assert looks == [3, 1, 3]
    assert "--study" in table["command"]


def test_a_study_takes_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "digits/photo", "--study"]) == 2
    assert "--study compares judges of adaptation: name a source and a target" in capsys.readouterr().err


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    for command, expected in (("methods", "dann"), ("backbones", "ganin-mnist"), ("domains", "digits/photo")):
        assert main([command]) == 0
        assert expected in capsys.readouterr().out
    assert set(METHODS) | set(SEGMENTATION) | set(PRESETS) | set(ZEROSHOT) == {
        record["name"] for record in landbridge.methods()
    }


def test_reproduce_names_the_cells_whose_data_are_absent(tmp_path: Path) -> None:
    out = landbridge.reproduce("ganin2015", out=str(tmp_path / "table"), data_root=str(tmp_path), only="mnist-m")
    assert "data absent" in (out / "table.md").read_text()
    assert "81.5" in (out / "table.md").read_text()
    column = json.loads((out / "table.json").read_text())["columns"][0]
    assert "mnist" in column["absent"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: landbridge {command}")
    assert "_" not in [word for word in text.split() if word.startswith("--")]
    for action in parser_of(command)._actions:
        assert action.help, f"{command}: {action.dest} is not explained"
    assert command in overview()


def test_public_names_resolve() -> None:
    for name in landbridge.__all__:
        assert getattr(landbridge, name) is not None
    with pytest.raises(AttributeError):
        _ = landbridge.no_such_name
    for reference, _ in COMMANDS.values():
        assert resolve(reference).__doc__


def test_help_imports_no_torch() -> None:
    code = "import sys; from landbridge.cli import main; main(['adapt', '--help']); main([])"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)


@pytest.mark.slow
def test_two_processes_from_the_shell(tmp_path: Path) -> None:
    words = [
        "adapt",
        "digits/handwritten",
        "digits/photo",
        "--steps",
        "20",
        "--batch-size",
        "8",
        "--quiet",
        "--no-baseline",
    ]
    words += ["--device", "cpu", "--devices", "2", "--strategy", "ddp", "--out", str(tmp_path / "run")]
    subprocess.run([sys.executable, "-m", "landbridge.cli", *words], check=True, timeout=300, stdout=subprocess.DEVNULL)
    assert json.loads((tmp_path / "run/metrics.json").read_text())["steps"] == 20
    assert (tmp_path / "run/report.html").is_file()


def test_a_runs_config_replays_it(image_folder: Maker, tmp_path: Path) -> None:
    words = [
        "adapt",
        str(image_folder("a")),
        str(image_folder("b")),
        *SMALL,
        "--no-baseline",
        "--method",
        "source-only",
    ]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    again = ["adapt", "--config", str(tmp_path / "run/config.yaml"), "--out", str(tmp_path / "again"), "--quiet"]
    assert main([*again, "--device", "cpu"]) == 0
    one, other = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("run", "again"))
    assert {**one, "train_seconds": 0} == {**other, "train_seconds": 0}
    assert main([*again, "--seed", "3", "--out", str(tmp_path / "third")]) == 0
    assert json.loads((tmp_path / "third/metrics.json").read_text())["seed"] == 3


def test_tensorboard_gets_the_same_numbers(image_folder: Maker, tmp_path: Path) -> None:
    words = ["adapt", str(image_folder("a")), str(image_folder("b")), *SMALL, "--no-baseline", "--tensorboard"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run/tensorboard"))
    events.Reload()
    logged = list(csv.DictReader((tmp_path / "run/log.csv").open()))
    assert {row["name"] for row in logged} == set(events.Tags()["scalars"])
    assert events.Scalars("classification")[-1].step == 6
