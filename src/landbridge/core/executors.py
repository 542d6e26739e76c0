"""Where tasks run side by side: processes of this machine, or a Ray cluster."""

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

import torch

from landbridge.core.errors import LandbridgeError, MissingDataError
from landbridge.core.processes import run_all
from landbridge.core.registry import nearest

EXECUTORS = ("local", "ray")
"""The names that `--executor` knows."""

PASSED_ON = ("LANDBRIDGE_DATA", "LANDBRIDGE_CACHE")
"""Variables of the environment that tasks on other machines need."""

Task = Callable[[], object]


def check_executor(name: str) -> None:
    """See that tasks can be run in this way, before anything is computed.

    Args:
        name: one of `EXECUTORS`.

    Raises:
        LandbridgeError: no such executor, or what it needs is not installed.

    >>> check_executor("rya")
    Traceback (most recent call last):
    landbridge.core.errors.LandbridgeError: --executor is local or ray, not 'rya'; did you mean 'ray'?
    """
    if name not in EXECUTORS:
        raise LandbridgeError(f"--executor is {' or '.join(EXECUTORS)}, not '{name}'{nearest(name, EXECUTORS)}")
    if name == "ray":
        _ray()


def execute(tasks: Sequence[Task], jobs: int, executor: str = "local") -> None:
    """Run tasks, `jobs` of them at a time; the first error ends all.

    Args:
        tasks: functions that can be pickled, as `functools.partial` of a function of a module. They leave what they
            find in files.
        jobs: how many at once.
        executor: `local` for processes of this machine; `ray` for the Ray cluster that RAY_ADDRESS names, else the
            one that runs here, else one that is started for the while. There, each task has its share of the cluster's
            cores and GPUs, and all machines must see the same files under the same paths. A task whose machine is lost
            is started again elsewhere.

    Raises:
        LandbridgeError: what a task raised, or the cluster cannot be used.
    """
    check_executor(executor)
    if executor == "local":
        run_all(tasks, jobs)
    elif tasks:
        _run_on_ray(tasks, max(1, jobs))


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise LandbridgeError("--executor ray needs Ray: pip install 'landbridge[ray]'") from None
    return ray


def _run_on_ray(tasks: Sequence[Task], jobs: int) -> None:
    ray = _ray()
    joined = not ray.is_initialized()
    if joined:
        _join(ray)
    try:
        _feed(ray, tasks, jobs)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        told = " ".join(str(error).split())[:200]
        raise LandbridgeError(f"Ray lost a task ({told}): give the command again to go on") from error
    finally:
        if joined:
            ray.shutdown()


def _join(ray: Any) -> None:
    """Become part of the cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = os.environ.get("RAY_ADDRESS", "this machine")
        told = " ".join(str(error).split())[:200]
        raise LandbridgeError(f"no Ray cluster answers at {where} (RAY_ADDRESS): {told}") from None


def _feed(ray: Any, tasks: Sequence[Task], jobs: int) -> None:
    """Keep `jobs` tasks in flight until all are done."""
    cores, share = _share(ray, jobs)
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    remote = ray.remote(_on_worker).options(**share, runtime_env={"env_vars": passed_on})
    waiting = list(tasks)
    flying: list[Any] = []
    try:
        while waiting or flying:
            while waiting and len(flying) < jobs:
                flying.append(remote.remote(waiting.pop(0), cores, os.getcwd()))
            done, flying = ray.wait(flying)
            ray.get(done)
    finally:
        for task in flying:
            ray.cancel(task, force=True)


def _share(ray: Any, jobs: int) -> tuple[int, dict[str, float]]:
    """How many cores each of so many tasks has, and what to reserve for it; no task spans two machines."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores, gpus = (sum(machine.get(kind, 0) for machine in machines) for kind in ("CPU", "GPU"))
    most = max((machine.get("CPU", 0) for machine in machines), default=0)
    each = max(1, int(min(cores // jobs, most)))
    share = {"num_cpus": float(each)}
    if gpus:  # a task that reserves none sees none
        share["num_gpus"] = 1.0 if gpus >= jobs else int(100 * gpus / jobs) / 100
    return each, share


def _on_worker(task: Task, cores: int, folder: str) -> None:
    """Run a task on a machine of the cluster as if it ran here: in the same folder, on its share of the cores."""
    try:
        os.chdir(folder)
    except OSError:
        raise MissingDataError(
            f"{folder} is not there on {socket.gethostname()}: give the command in a folder that all machines of the "
            "Ray cluster share"
        ) from None
    torch.set_num_threads(cores)
    task()
