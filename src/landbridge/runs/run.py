"""A run folder: config, log, checkpoint, model, metrics. Killed at any moment, it holds enough to go on."""

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from landbridge.core.errors import BadDataError, MissingDataError, RunFolderError
from landbridge.core.files import atomic_path, write_json, write_text
from landbridge.runs.result import Result

CONFIG = "config.yaml"
_LOG_COLUMNS = ("step", "phase", "name", "value")


class Run:
    """The folder of one run.

    Args:
        folder: where it stands; made if missing.
        config: what was asked for. A folder that already holds a run with this very config goes on from there.

    Raises:
        RunFolderError: the folder holds another run, or files that are no run.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> run = Run(folder, {"method": "dann"})
    >>> Run(folder, {"method": "sa"})
    Traceback (most recent call last):
    landbridge.core.errors.RunFolderError: ... holds another run (method: dann, not sa): choose another --out
    """

    def __init__(self, folder: Path | str, config: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.config = dict(config)
        if self.folder.exists() and not self.folder.is_dir():
            raise RunFolderError(f"{self.folder} is a file: choose another --out")
        # Looked at first: several processes begin a run together, and what one of them adds comes after its config.
        others = [path for path in self.folder.glob("*") if not path.name.startswith(f".{CONFIG}-")]
        if (self.folder / CONFIG).is_file():
            self._must_equal(read_config(self.folder))
        elif others:
            raise RunFolderError(f"{self.folder} is not empty and holds no run: choose another --out")
        else:
            write_text(self.folder / CONFIG, yaml.safe_dump(self.config, sort_keys=False))

    @classmethod
    def open(cls, folder: Path | str) -> "Run":
        """A run that exists.

        Raises:
            MissingDataError: there is none in the folder.
        """
        return cls(folder, read_config(Path(folder)))

    @property
    def finished(self) -> bool:
        """Whether the final numbers are there."""
        return (self.folder / "metrics.json").is_file()

    @property
    def result(self) -> Result:
        """The final numbers."""
        try:
            return Result.from_json(json.loads((self.folder / "metrics.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise MissingDataError(
                f"{self.folder} has no metrics.json yet: finish it with --resume {self.folder}"
            ) from None

    def finish(self, result: Result) -> None:
        """Write the final numbers."""
        write_json(self.folder / "metrics.json", result.to_json())

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep the state of training, in place of the last one; only tensors and plain data."""
        with atomic_path(self.folder / "checkpoint" / "state.pt") as temporary:
            torch.save(dict(state), temporary)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last kept state, or None. A file that carries code is refused and nothing in it runs.

        Raises:
            BadDataError: the file is damaged, or holds more than tensors and plain data.
        """
        path = self.folder / "checkpoint" / "state.pt"
        if not path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise BadDataError(
                f"{path} is no checkpoint that can be trusted; delete it to start the run anew"
            ) from error
        return state

    def drop_checkpoint(self) -> None:
        """Remove the state of training once the run is finished."""
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)

    def start_log(self, step: int) -> None:
        """Make `log.csv` ready to be written from `step` on: later lines, written before a kill, are dropped."""
        kept = [row for row in self.read_log() if row["step"] <= step]
        with (
            atomic_path(self.folder / "log.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, _LOG_COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    def log(self, step: int, phase: str, values: Mapping[str, float]) -> None:
        """Append numbers to `log.csv`, one line each: step, phase, name, value."""
        with (self.folder / "log.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((step, phase, name, repr(value)) for name, value in values.items())

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of `log.csv`: step (int), phase, name, value (float). A line cut short by a kill is left out."""
        path = self.folder / "log.csv"
        if not path.is_file():
            return []
        rows: list[dict[str, Any]] = []
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                try:
                    rows.append({**row, "step": int(row["step"]), "value": float(row["value"])})
                except (TypeError, ValueError):
                    continue
        return rows

    def _must_equal(self, existing: Mapping[str, Any]) -> None:
        for key in {**existing, **self.config}:
            if existing.get(key) != self.config.get(key):
                there, asked = existing.get(key), self.config.get(key)
                raise RunFolderError(
                    f"{self.folder} holds another run ({key}: {there}, not {asked}): choose another --out"
                )


def read_config(folder: Path) -> dict[str, Any]:
    """The config of the run in a folder.

    Raises:
        MissingDataError: there is no run.
        BadDataError: its config cannot be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise MissingDataError(f"no run in {folder}: it has no {CONFIG}")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadDataError(f"{path} is not readable YAML") from error
    if not isinstance(config, dict):
        raise BadDataError(f"{path} does not hold the settings of a run")
    return config
