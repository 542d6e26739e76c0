"""What the benchmarks share: contestants that take turns, ratios instead of bare times, a description of the machine.

A shared machine is noisy, and what disturbs one contestant should disturb the others alike. So each contestant lives in
a process of its own, waits until it is called, works for a moment, and tells how long it took; they are called in turn,
round after round, and what counts is the median over the rounds of the ratio of two neighbours.

Nothing of Landbridge is imported here: the processes of other libraries import this file too.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLES = ("OMP_", "MKL_", "KMP_", "GOMP_", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "TORCH_", "ONEDNN_", "DNNL_")
"""Beginnings of the names of environment variables that change how fast torch is."""


class Contestant:
    """A process that works when told to: it reads a number a line and answers with one JSON object a line.

    Args:
        name: what the table calls it.
        command: how to start it; its first answer says that it is ready, and what it is.
        environment: environment variables on top of ours.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.about = self._answer()

    def work(self, amount: int) -> float:
        """Let it do `amount` units of work; the seconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{amount}\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        """Send it home."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the process of '{self.name}' ended with status {self._process.wait()}; see above")


def answer(**values: object) -> None:
    """Inside a contestant's process: tell the other side something."""
    print(json.dumps(values), flush=True)


def serve(step: Callable[[], object], **about: object) -> None:
    """Inside a contestant's process: do as many steps as each line asks for, until there are no more lines."""
    answer(**about)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        answer(seconds=time.perf_counter() - began)


@dataclass
class Comparison:
    """Times of contestants that took turns.

    Attributes:
        title: what was measured.
        unit: what one time is of ("step", "epoch").
        times: contestant -> milliseconds a unit, one number a round.
        ours: the contestant that the others are compared with.
        goals: contestant -> the ratio (ours over theirs) that we want to stay below.
        facts: versions, threads, environment, sizes.
    """

    title: str
    unit: str
    times: dict[str, list[float]]
    ours: str
    goals: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def ratios(self, other: str) -> list[float]:
        """Our time over theirs, one number a round: below 1, we are faster."""
        return [mine / theirs for mine, theirs in zip(self.times[self.ours], self.times[other])]

    def rows(self) -> list[list[str]]:
        """One row a contestant: name, median time, median ratio, its range, the goal."""
        rows = []
        for name, values in self.times.items():
            row = [name, f"{statistics.median(values):.4g}"]
            if name == self.ours:
                row += ["", "", ""]
            else:
                ratios = self.ratios(name)
                goal = f"<= {self.goals[name]:g}" if name in self.goals else ""
                row += [f"{statistics.median(ratios):.3f}", f"{min(ratios):.3f}-{max(ratios):.3f}", goal]
            rows.append(row)
        return rows

    def header(self) -> list[str]:
        """The heads of the columns of `rows`."""
        return ["", f"ms/{self.unit}, median", "ours / theirs, median", "range", "goal"]

    def text(self) -> str:
        """The comparison as a person reads it in a terminal."""
        lines = [self.title, *columns([self.header(), *self.rows()])]
        return "\n".join(lines + [f"  {name}: {fact}" for name, fact in self.facts.items()]) + "\n"

    def markdown(self) -> str:
        """The comparison as a table for a page."""
        rows = [self.header(), ["---"] * 5, *self.rows()]
        facts = "; ".join(f"{name}: {fact}" for name, fact in self.facts.items())
        return "\n".join([f"### {self.title}", "", *("| " + " | ".join(row) + " |" for row in rows), "", facts, ""])

    def plain(self) -> dict[str, Any]:
        """As plain data, with the ratios."""
        return {**asdict(self), "ratios": {name: self.ratios(name) for name in self.times if name != self.ours}}


def take_turns(contestants: Sequence[Contestant], rounds: int, amount: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Call the contestants in turn, A B C A B C ...; milliseconds a unit by name, one number a round.

    Args:
        contestants: who takes part.
        rounds: how often each is called.
        amount: units of work a call.
        warm_up: calls before, that are not counted.
    """
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for turn in range(-warm_up, rounds):
        for contestant in contestants:
            seconds = contestant.work(amount)
            if turn >= 0:
                times[contestant.name].append(1000 * seconds / amount)
    return times


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines, padded to columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  " + "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]


def machine() -> dict[str, str]:
    """The processor, its cores, Python, and the environment variables that torch listens to."""
    set_ = {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "environment": " ".join(f"{name}={value}" for name, value in set_.items()) or "no variable set",
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        asked = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return asked.stdout.strip()
    return platform.processor() or "unknown"


def finish(comparisons: Sequence[Comparison], file: str | None) -> None:
    """Print the comparisons; write them to a JSON file if one is named."""
    for comparison in comparisons:
        print(comparison.text())
    if file is not None:
        Path(file).write_text(json.dumps([each.plain() for each in comparisons], indent=2) + "\n", encoding="utf-8")
