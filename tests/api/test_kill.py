"""Killed at random moments, a run goes on and ends with the same numbers, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

WORDS = [
    "adapt",
    "digits/handwritten",
    "digits/photo",
    "--steps",
    "400",
    "--batch-size",
    "16",
    "--checkpoint-every",
    "20",
]
WORDS += ["--quiet", "--device", "cpu"]


def command(*words: str) -> subprocess.Popen[bytes]:
    code = "import torch; torch.set_num_threads(1); import sys; from landbridge.cli import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL)


def numbers(run: Path) -> dict[str, object]:
    result = json.loads((run / "metrics.json").read_text())
    return {name: value for name, value in result.items() if name != "train_seconds"}


@pytest.mark.slow
def test_five_kills_change_no_bit(tmp_path: Path) -> None:
    assert command(*WORDS, "--out", str(tmp_path / "whole")).wait() == 0
    chance, kills, run = random.Random(7), 0, tmp_path / "killed"
    words = [*WORDS, "--out", str(run)]
    while kills < 5:
        process = command(*words)
        seen = _log_size(run)
        while process.poll() is None and _log_size(run) == seen:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.6))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        words = ["adapt", "--resume", str(run), "--quiet", "--device", "cpu", "--checkpoint-every", "20"]
    assert kills == 5, "the run was over before it could be killed five times: give it more steps"
    assert command(*words).wait() == 0
    assert numbers(run) == numbers(tmp_path / "whole")
    for part in ("model/model.safetensors", "baseline/model/model.safetensors"):
        one, other = load_file(tmp_path / "whole" / part), load_file(run / part)
        assert all(one[key].equal(other[key]) for key in one)
    assert (run / "log.csv").read_text() == (tmp_path / "whole/log.csv").read_text()


def _log_size(run: Path) -> int:
    """Bytes of what the run wrote so far: it grows once training is under way."""
    return sum(path.stat().st_size for path in [run / "log.csv", run / "baseline/log.csv"] if path.is_file())
