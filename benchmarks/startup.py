"""How long the command line takes to answer, beside a Python that does nothing, taking turns.

    python benchmarks/startup.py

The goal is an answer within a second; the ratio to `python -c pass` tells how much of it is ours on a slow machine.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from side_by_side import Comparison, Report, command_line, machine

GOAL = 1.0


def measure(runs: int = 7) -> Report:
    """Start each command in turn, `runs` times, after one start that is not counted."""
    script = Path(sys.executable).with_name("landbridge")
    landbridge = [str(script)] if script.is_file() else [sys.executable, "-m", "landbridge.cli"]
    nothing = "python -c pass"
    commands = {
        "landbridge --help": [*landbridge, "--help"],
        "landbridge adapt --help": [*landbridge, "adapt", "--help"],
        nothing: [sys.executable, "-c", "pass"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(-1, runs):
        for name, command in commands.items():
            milliseconds = 1000 * seconds(command)
            if run >= 0:
                times[name].append(milliseconds)
    comparisons = [
        Comparison("command", "start", {name: times[name], nothing: times[nothing]})
        for name in commands
        if name != nothing
    ]
    facts = {**machine({}), "runs": runs, "goal": f"{1000 * GOAL:g} ms"}
    return Report("Time until the command line answers", command_line(), comparisons, facts)


def seconds(command: Sequence[str]) -> float:
    """How long a command runs."""
    began = time.perf_counter()
    subprocess.run(list(command), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    measure(2 if given.quick else given.runs).finish(given.json)


if __name__ == "__main__":
    main()
