import pickle
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, MissingDataError, RunFolderError
from landbridge.core.files import atomic_path
from landbridge.runs import Result, Run


class Evil:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    Run(tmp_path / "run", {"method": "dann", "seed": 0})
    assert Run(tmp_path / "run", {"method": "dann", "seed": 0}).config["method"] == "dann"
    with pytest.raises(RunFolderError, match=r"holds another run \(seed: 0, not 1\): choose another --out"):
        Run(tmp_path / "run", {"method": "dann", "seed": 1})
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").touch()
    with pytest.raises(RunFolderError, match="holds no run"):
        Run(tmp_path / "photos", {})
    with pytest.raises(RunFolderError, match="is a file"):
        Run(tmp_path / "photos/a.jpg", {})


def test_processes_that_begin_a_run_together_do_not_refuse_each_other(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "run" / "config.yaml") as temporary:  # as the other process writes it
        Run(tmp_path / "run", {"seed": 0})
        temporary.write_text("seed: 0")
    assert Run(tmp_path / "run", {"seed": 0}).config == {"seed": 0}


def test_no_run_and_broken_config(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no run in"):
        Run.open(tmp_path)
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(BadDataError, match="not readable YAML"):
        Run.open(tmp_path)
    (tmp_path / "config.yaml").write_text("just words")
    with pytest.raises(BadDataError, match="settings of a run"):
        Run.open(tmp_path)


def test_the_log_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", {})
    run.start_log(0)
    for step in (10, 20, 30):
        run.log(step, "train", {"loss": 1 / 3, "lambda": float(step)})
    with (run.folder / "log.csv").open("a") as file:
        file.write("40,tra")
    run.start_log(20)
    rows = run.read_log()
    assert [(row["step"], row["name"]) for row in rows] == [(10, "loss"), (10, "lambda"), (20, "loss"), (20, "lambda")]
    assert rows[0]["value"] == 1 / 3


def test_a_checkpoint_with_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", {})
    assert run.load_checkpoint() is None
    run.save_checkpoint({"method": {"w": torch.ones(2)}, "position": {"step": 3}})
    assert run.load_checkpoint()["position"] == {"step": 3}
    state = run.folder / "checkpoint/state.pt"
    for content in (pickle.dumps(Evil(tmp_path / "ran")), b"rubbish"):
        state.write_bytes(content)
        with pytest.raises(BadDataError, match="no checkpoint that can be trusted"):
            run.load_checkpoint()
    torch.save({"evil": Evil(tmp_path / "ran")}, state)
    with pytest.raises(BadDataError, match="no checkpoint that can be trusted"):
        run.load_checkpoint()
    assert not (tmp_path / "ran").exists()


def test_results_come_back_and_unknown_keys_are_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", {})
    with pytest.raises(MissingDataError, match="--resume"):
        _ = run.result
    result = Result("sa", "a", "b", "lenet", "inductive", "last", 0, 5, "cpu", 1.5, {"target_accuracy": None})
    run.finish(result)
    assert run.finished
    assert run.result == result
    assert {"python", "torch", "landbridge"} <= set(result.versions)
    assert Result.from_json(result.to_json() | {"from_the_future": 1}) == result
