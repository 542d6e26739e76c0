"""Tasks in processes of this machine and on a Ray cluster of two workers."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import DivergedError, LandbridgeError, MissingDataError
from landbridge.core.executors import check_executor, execute


def write(folder: Path, name: str) -> None:
    """A task that leaves behind where and how it ran."""
    threads, data = torch.get_num_threads(), os.environ.get("LANDBRIDGE_DATA", "")
    (folder / name).write_text(f"{os.getpid()} {threads} {os.getcwd()} {data}")


def diverge(folder: Path) -> None:
    (folder / "begun").touch()
    raise DivergedError("training diverged at step 7: lower --rate")


def written(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split(" ") for path in folder.iterdir()}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two workers on this machine, a core each."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'landbridge[ray]'")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where the workers find this file
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


def test_one_after_the_other_in_this_process(tmp_path: Path) -> None:
    execute([partial(write, tmp_path, name) for name in "abc"], 1)
    assert {int(found[0]) for found in written(tmp_path).values()} == {os.getpid()}


def test_unknown_executors(tmp_path: Path) -> None:
    with pytest.raises(LandbridgeError, match="--executor is local or ray, not 'dask'"):
        execute([partial(write, tmp_path, "a")], 1, "dask")
    assert not list(tmp_path.iterdir())


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LandbridgeError, match=r"--executor ray needs Ray: pip install 'landbridge\[ray\]'"):
        check_executor("ray")


def test_no_cluster_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'landbridge[ray]'")
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    with pytest.raises(LandbridgeError, match=r"no Ray cluster answers at nonsense \(RAY_ADDRESS\)"):
        execute([partial(write, tmp_path, "a")], 1, "ray")


@pytest.mark.slow
def test_tasks_on_a_cluster(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, here = tmp_path / "out", tmp_path / "here"
    out.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("LANDBRIDGE_DATA", "shared-data")
    execute([partial(write, out, name) for name in "abcd"], 2, "ray")
    found = written(out)
    assert sorted(found) == list("abcd")
    assert str(os.getpid()) not in {process for process, *_ in found.values()}
    assert {tuple(rest) for _, *rest in found.values()} == {("1", str(here), "shared-data")}
    execute([partial(write, out, "alone")], 1, "ray")
    assert written(out)["alone"][1] == "2", "one task at a time has all cores"
    assert cluster.is_initialized(), "a cluster that somebody else joined is left as it was"

    with pytest.raises(DivergedError, match=r"^training diverged at step 7: lower --rate$"):
        execute([partial(diverge, out), *[partial(write, out, f"late-{n}") for n in range(20)]], 1, "ray")
    assert "begun" in written(out)
    assert "late-19" not in written(out), "the first error ends all"

    monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path / "elsewhere"))
    with pytest.raises(MissingDataError, match=r"elsewhere is not there on .*folder that all machines"):
        execute([partial(write, out, "e")], 1, "ray")
