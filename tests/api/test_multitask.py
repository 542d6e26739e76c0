"""`landbridge multitask`: the table from the shell, going on with it, and one line for what cannot be."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import landbridge
from landbridge.api._multitask import by_task
from landbridge.cli import main
from landbridge.core.errors import LandbridgeError, UnknownNameError
from landbridge.data.tasks import Asked, task_domain
from landbridge.multitask.table import MultitaskTable, read_table
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Answers, Classifier
from landbridge.runs import Run
from landbridge.training.trainer import Trainer


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Three npz files about the same eight numbers: classes, other classes with few labels, and numbers."""
    rng = np.random.default_rng(0)
    paths = {}
    for name in ("corner", "side", "size"):
        x = rng.normal(size=(160, 8)).astype(np.float32)
        u = x[:, :2] + x[:, 2:4]
        y = {
            "corner": np.array(["a", "b", "c", "d"])[(u > 0).astype(int) @ [1, 2]],
            "side": np.where(u[:, 0] > 0, "right", "left"),
            "size": u[:, 0],
        }[name]
        np.savez(tmp_path / f"{name}.npz", x=x[:120], y=y[:120], x_test=x[120:], y_test=y[120:])
        paths[name] = f"{name}={tmp_path / name}.npz" + (":number" if name == "size" else "")
    return paths


QUICK = ["--backbone", "mlp?inputs=8&hidden=16", "--steps", "12", "--seeds", "2", "--device", "cpu", "--quiet"]


def run(out: Path, *words: str) -> int:
    return main(["multitask", *words, *(QUICK if "--backbone" not in words else QUICK[2:]), "--out", str(out)])


def test_the_table_from_the_shell(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(out, *files.values(), "--shots", "side:10", "--weighting", "uncertainty") == 0
    printed = capsys.readouterr().out
    assert "| task | labelled | metric (%) | joint | separate | sequential |" in printed
    assert "| side | 20 | accuracy |" in printed
    assert "| size | 120 | variance explained, R² |" in printed
    assert "side: joint is " in printed
    assert str(out / "report.html") in printed
    content = json.loads((out / "table.json").read_text())
    assert [row["name"] for row in content["rows"]] == ["corner", "side", "size"]
    for row in content["rows"]:
        for figure in row["figures"].values():
            assert list(figure["values"]) == ["0", "1"]
    assert content["unfinished"] == 0
    assert (out / "table.md").read_text() in printed
    measured = Run.open(out / "cells" / "joint" / "0").result.metrics
    assert set(measured) == {"corner", "side", "size"}
    assert set(measured["size"]) == {"variance_explained", "mean_absolute_error", "examples"}
    assert set(Run.open(out / "cells" / "sequential" / "side" / "1").result.metrics) == {"side"}
    model = Classifier.load(out / "cells" / "joint" / "0" / "models" / "side")
    view = task_domain(Asked.parse(files["side"])).unlabelled("test")
    assert model.predict(view.read()).shape == (40, 2)


def test_the_command_that_it_prints_does_it_again(files: dict[str, str], tmp_path: Path) -> None:
    words = [files["corner"], files["side"], "--shots", "corner:9", "--modes", "joint", "--rate", "0.02"]
    assert run(tmp_path / "one", *words) == 0
    command = json.loads((tmp_path / "one" / "multitask.json").read_text())["command"]
    again = shlex.split(command)[1:]
    assert main([*again, "--out", str(tmp_path / "two"), "--quiet", "--device", "cpu"]) == 0
    tables = [json.loads((tmp_path / name / "table.json").read_text())["rows"] for name in ("one", "two")]
    assert tables[0] == tables[1]


def test_finished_cells_are_kept_and_more_seeds_may_follow(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, ...]] = []
    original = Trainer.fit

    def fit(self: Trainer, method: object, domains: object) -> object:
        assert self.run is not None
        trained.append(self.run.folder.relative_to(tmp_path / "out" / "cells").parts)
        return original(self, method, domains)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "fit", fit)
    words = [files["corner"], files["side"], "--modes", "joint,separate", "--seeds", "1"]
    quick = [*QUICK[:4], *QUICK[6:], "--out", str(tmp_path / "out")]
    assert main(["multitask", *words, *quick]) == 0
    assert trained == [("joint", "0"), ("separate", "corner", "0"), ("separate", "side", "0")]
    trained.clear()
    assert main(["multitask", *words[:-1], "2", *quick]) == 0
    assert trained == [("joint", "1"), ("separate", "corner", "1"), ("separate", "side", "1")]
    trained.clear()
    (tmp_path / "out" / "cells" / "separate" / "side" / "1" / "metrics.json").unlink()
    assert main(["report", str(tmp_path / "out")]) == 0
    assert read_table(tmp_path / "out").unfinished == 1
    assert main(["multitask", *words[:-1], "2", *quick]) == 0
    assert trained == [("separate", "side", "1")]
    assert read_table(tmp_path / "out").unfinished == 0


def test_what_a_task_learns_alone_is_computed_once(files: dict[str, str], tmp_path: Path) -> None:
    """`sequential` begins with what `separate` computed: the same network, labels and batches."""
    assert run(tmp_path / "out", files["corner"], files["side"], "--modes", "separate,sequential") == 0
    cells = tmp_path / "out" / "cells"
    phases = {row["phase"] for row in Run.open(cells / "sequential" / "side" / "0").read_log()}
    assert phases == {"side"}
    kept = list((cells / ".phases").glob("*.safetensors"))
    assert len(kept) == 4  # two tasks, two seeds
    assert run(tmp_path / "alone", files["corner"], files["side"], "--modes", "sequential") == 0
    found = [
        torch.cat([p.flatten() for p in Classifier.load(where / "sequential/side/0/models/side").parameters()])
        for where in (cells, tmp_path / "alone" / "cells")
    ]
    assert torch.equal(*found)


def test_two_networks_are_joined_and_may_share_a_head(files: dict[str, str], tmp_path: Path) -> None:
    other = files["side"].replace("side=", "again=")
    words = [files["side"], other, "--backbone", "side:mlp?inputs=8&hidden=16,again:mlp?inputs=8&hidden=17"]
    assert run(tmp_path / "out", *words, "--head", "shared", "--width", "12", "--modes", "joint", "--jobs", "2") == 0
    model = Classifier.load(tmp_path / "out" / "cells" / "joint" / "1" / "models" / "again")
    assert model.head.hidden_widths == (12, 12)
    assert read_table(tmp_path / "out").plan["networks"]["again"] == "mlp?inputs=8&hidden=17"


def test_from_python(files: dict[str, str], tmp_path: Path) -> None:
    table = landbridge.learn_tasks(
        [files["corner"], files["side"]], QUICK[1], seeds=1, steps=5, modes="joint", quiet=True, out=str(tmp_path / "o")
    )
    assert isinstance(table, MultitaskTable)
    assert table.row("side").figures["joint"].interval is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{corner}"], "multitask takes two tasks at least, as in: landbridge multitask class=pacs/all"),
        ([], "multitask takes two tasks at least"),
        (["{corner}", "{corner}"], "two tasks are called 'corner': name them, as in NAME=DOMAIN"),
        (["{corner}", "{side}", "--shots", "sid:5"], "--shots sid:5: no task is called 'sid'; did you mean 'side'?"),
        (["{corner}", "{side}", "--shots", "side:0"], "--shots takes whole numbers of at least 1"),
        (["{corner}", "{side}", "--shots", "side:500"], "500 shots asked for, but class 'left'"),
        (["{corner}", "{side}", "--task-weights", "side:x"], "--task-weights takes numbers, as in NAME:0.5, not 'x'"),
        (["{corner}", "{side}", "--weighting", "fix"], "unknown weighting 'fix'; did you mean 'fixed'?"),
        (["{corner}", "{side}", "--modes", "joined"], "--modes: unknown mode 'joined'; did you mean 'joint'?"),
        (["{corner}", "{side}", "--modes", ","], "--modes names none of joint, separate, sequential"),
        (["{corner}", "{side}", "--head", "shared"], "--head shared takes tasks of the same classes"),
        (["{corner}", "{size}", "--head", "shared"], "--head shared takes tasks of the same classes"),
        (["{corner}", "{size_as_class}"], "numbers to predict are a task of landbridge multitask"),
        (["{corner}", "{corner_as_number}"], "'y' must be numbers to predict"),
        (["{corner}", "{corner_as_group}"], "has no groups to make classes of"),
        (["{corner}", "one=digits/printed?classes=3"], "task 'one': digits/printed?classes=3 has 1 class"),
        (["{corner}", "{side}", "--seeds", "0"], "--seeds must be at least 1, not 0"),
        (["{corner}", "{side}", "--steps", "0"], "--steps must be at least 1, not 0"),
        (["{corner}", "{side}", "--weighting", "pcgrad", "--precision", "16-mixed"], "pcgrad combines gradients"),
        (["{corner}", "{side}", "--augment", "weka"], "unknown augmentation 'weka'"),
    ],
)
def test_what_cannot_be_gets_one_line(
    words: Sequence[str], message: str, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files["size_as_class"] = files["size"].removesuffix(":number")
    files["corner_as_number"] = f"number{files['corner'].removeprefix('corner')}:number"
    files["corner_as_group"] = f"group{files['corner'].removeprefix('corner')}:group"
    given = [word.format(**files) if word.startswith("{") else word for word in words]
    backbone = ["--backbone", "lenet"] if "one=digits" in " ".join(words) else []
    assert main(["multitask", *QUICK, *backbone, *given, "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert message in printed
    assert not (tmp_path / "out").exists()


def test_another_comparison_is_not_mixed_in(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [files["corner"], files["side"], "--modes", "joint"]
    assert run(tmp_path / "out", *words) == 0
    assert run(tmp_path / "out", *words, "--rate", "0.5") == 2
    assert "holds another comparison of tasks (--rate 0.01, not 0.5): choose another --out" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    assert run(tmp_path / "full", *words) == 2
    assert "is not empty and holds no comparison of tasks: choose another --out" in capsys.readouterr().err


def test_an_option_says_one_value_for_all_or_one_a_task() -> None:
    names = {"spoken": 0, "written": 0}
    both = {"spoken": "speech-cnn?width=8", "written": "timm/x?mean=0.4,0.5,0.6"}
    assert by_task("--backbone", "spoken:speech-cnn?width=8,written:timm/x?mean=0.4,0.5,0.6", names) == both
    own = "nets.py:make?size=64"
    assert by_task("--backbone", own, names) == {"spoken": own, "written": own}
    assert by_task("--backbone", f"written:{own}", names) == {"written": own}
    assert by_task("--backbone", "torch.nn:make", names) == {"spoken": "torch.nn:make", "written": "torch.nn:make"}
    assert by_task("--shots", None, names) == {}
    with pytest.raises(UnknownNameError, match="no task is called 'writen'; did you mean 'written'"):
        by_task("--backbone", "spoken:lenet,writen:lenet", names)
    with pytest.raises(LandbridgeError, match="say NAME:VALUE for each task, or one value for all"):
        by_task("--shots", "5,written:3", names)


@pytest.mark.parametrize(("answers", "expected"), [("one", "b"), ("several", "a|b"), ("numbers", "")])
def test_predictions_are_told_by_the_kind_of_the_task(answers: Answers, expected: str, tmp_path: Path) -> None:
    model = Classifier(make_backbone("lenet"), Head(800, (), 3), ("a", "b", "c"), answers)
    with torch.no_grad():
        model.head.output.weight.zero_()
        model.head.output.bias.copy_(torch.tensor([1.0, 2.0, -1.0]))
    model.save(tmp_path / "model")
    Image.new("RGB", (28, 28)).save(tmp_path / "black.png")
    path = landbridge.predict(str(tmp_path / "model"), str(tmp_path / "black.png"), out=str(tmp_path / "said.csv"))
    _, line = path.read_text().splitlines()
    assert line.split(",")[1] == expected
    assert (line.split(",")[3:] == ["1.0000", "2.0000", "-1.0000"]) == (answers == "numbers")
