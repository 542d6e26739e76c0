"""Tables whose cells are fine-tuned networks: which folder is theirs, and the cells that are still to be trained."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from landbridge.api._recipe import Machine, flags, method_flags
from landbridge.api._tuning import Tuning, check, tune_cell
from landbridge.core.errors import RunFolderError
from landbridge.core.files import write_json
from landbridge.core.processes import run_all
from landbridge.evaluation.study import read_cell


class Task(NamedTuple):
    """A network to train: its settings, its folder, the run it starts from, what the progress bar calls it."""

    settings: Tuning
    folder: Path
    start: Path | None
    title: str


def claim(path: Path, plan: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    """Write down what is computed in a folder; one that holds something else is left alone.

    Args:
        path: the file that says so.
        plan: its content; where it has methods, they may come and go, but those that stay keep their `options`.
        keys: what else of it must be as it was.
        what: the folder holds, for messages.

    Raises:
        RunFolderError: the folder holds something else.
    """
    folder, there = path.parent, read_cell(path)
    if there is not None:
        differing = [key for key in keys if there.get(key) != plan[key]]
        for method in plan.get("methods", ()):
            if method in there["methods"] and there["options"].get(method) != plan["options"].get(method):
                differing.append(f"options of {method}")
        if differing:
            raise RunFolderError(f"{folder} holds another {what} ({differing[0]} differ): choose another --out")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunFolderError(f"{folder} is not empty and holds no {what}: choose another --out")
    write_json(path, plan)


def check_methods(tasks: Sequence[Task], machine: Machine) -> None:
    """Look at one open cell of each method, before anything is trained: do its options, network and data go together?

    Raises:
        LandbridgeError: they do not.
    """
    still = [task.settings for task in tasks if not (task.folder / "metrics.json").is_file()]
    for settings in {(each.method, repr(each.options)): each for each in still}.values():
        check(settings, machine)


def train_all(tasks: Sequence[Task], machine: Machine, jobs: int) -> None:
    """Train those that are not finished, one after the other or in `jobs` processes."""
    still = [task for task in tasks if not (task.folder / "metrics.json").is_file()]
    titled = [task._replace(title=f"[{n}/{len(still)}] {task.title}") for n, task in enumerate(still, 1)]
    run_all([partial(tune_cell, t.settings, t.folder, machine, t.start, t.title) for t in titled], jobs)


def command(
    first: Tuning, methods: Mapping[str, int], options: Mapping[str, Mapping[str, Any]], **further: object
) -> str:
    """The command line that computes a table again.

    Args:
        first: the settings that all cells share.
        methods: how many draws, by name.
        options: by name.
        further: other options of the command, in place of those in `first`.
    """
    usual = max(methods.values())
    named = [method if count == usual else f"{method}:{count}" for method, count in methods.items()]
    said = {name: value for name, value in first.said.items() if name not in further}
    words = ["landbridge", "finetune", first.backbone or "usual", first.target, "--method", ",".join(named)]
    words += [*flags(said, first.usual), *flags(further | {"episodes": usual}, {})]
    return shlex.join([*words, *(word for method, own in options.items() for word in method_flags(own, method))])
