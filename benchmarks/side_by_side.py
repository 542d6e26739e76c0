"""What the benchmarks share: contestants that take turns, ratios instead of bare times, a description of the machine.

A shared machine is noisy, and what disturbs one contestant should disturb the others alike. So each contestant lives in
a process of its own, waits until it is called, works for a moment, and tells how long it took; they are called in turn,
round after round, and what counts is the median over the rounds of the ratio of two neighbours.

Nothing of Landbridge is imported here: the processes of other libraries import this file too.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def requests(clock: str) -> Iterator[None]:
    """Inside a contestant's process: one item for each step asked for; between two requests it waits, off the clock.

    Args:
        clock: `wall`, or `cpu` for the time that this process was computing, which its neighbours do not disturb.
    """
    now = time.perf_counter if clock == "wall" else time.process_time
    for line in sys.stdin:
        began = now()
        for _ in range(int(line)):
            yield
        answer(seconds=now() - began)


def serve(step: Callable[[], object], clock: str = "wall", **about: object) -> None:
    """Inside a contestant's process: tell what it is, and do the steps asked for until nobody asks any more."""
    answer(**about)
    for _ in requests(clock):
        step()


@dataclass
class Comparison:
    """Times of contestants that took turns.

    Attributes:
        title: what was measured.
        unit: what one time is of ("step", "epoch").
        times: contestant -> milliseconds a unit, one number a round; the first one is ours.
        goals: contestant -> the ratio (ours over theirs) that we want to stay below.
    """

    title: str
    unit: str
    times: dict[str, list[float]]
    goals: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, list[float]]:
        """Our time over theirs by contestant, one number a round: below 1, we are faster."""
        (_, ours), *others = self.times.items()
        return {name: [mine / its for mine, its in zip(ours, theirs)] for name, theirs in others}

    def rows(self) -> list[list[str]]:
        """One row a contestant: name, median time, median ratio, its range, the goal."""
        rows, ratios = [], self.ratios()
        for name, values in self.times.items():
            row = [name, f"{statistics.median(values):.4g}", "", "", ""]
            if name in ratios:
                least, most = min(ratios[name]), max(ratios[name])
                row[2:4] = [f"{statistics.median(ratios[name]):.3f}", f"{least:.3f} to {most:.3f}"]
            if name in self.goals:
                row[4] = f"<= {self.goals[name]:g}"
            rows.append(row)
        return rows

    def header(self) -> list[str]:
        """The heads of the columns of `rows`."""
        return [self.title, f"ms/{self.unit}, median", "ours / theirs, median", "range", "goal"]


@dataclass
class Report:
    """What one benchmark has to say.

    Attributes:
        title: what it is about.
        command: how to run it again.
        comparisons: its tables.
        facts: machine, versions, threads, sizes: what one must know to read the numbers.
    """

    title: str
    command: str
    comparisons: list[Comparison]
    facts: dict[str, Any]

    def text(self) -> str:
        """For a terminal."""
        lines = [self.title]
        for comparison in self.comparisons:
            rows = [comparison.header(), *comparison.rows()]
            widths = [max(map(len, column)) for column in zip(*rows)]
            lines += ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows] + [""]
        return "\n".join(lines + [f"{name}: {fact}" for name, fact in self.facts.items()]) + "\n"

    def markdown(self) -> str:
        """For a page."""
        lines = [f"## {self.title}", "", f"`{self.command}`", ""]
        for comparison in self.comparisons:
            rows = [comparison.header(), ["---", *["---:"] * 4], *comparison.rows()]
            lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
        return "\n".join([*lines, *(f"- {name}: {fact}" for name, fact in self.facts.items())]) + "\n"

    def finish(self, file: str | None) -> None:
        """Print it, and write it to a JSON file if one is named."""
        print(self.text())
        if file is not None:
            plain = asdict(self)
            for described, comparison in zip(plain["comparisons"], self.comparisons):
                described["ratios"] = comparison.ratios()
            Path(file).write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def common_options(about: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that benchmarks share; `--contestant` is how they call themselves for one side."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each is called")
    parser.add_argument("--threads", type=int, help="of each contestant's libraries")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="what they are measured with")
    parser.add_argument("--quick", action="store_true", help="just see that it works")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    return parser


def command_line() -> str:
    """The words that started this process, without the folders of files."""
    words = (word.rpartition("/")[2] if word.startswith("/") else word for word in sys.argv[1:])
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


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


def machine(environment: Mapping[str, str]) -> dict[str, str]:
    """The processor, its cores, Python, and the environment variables (`environment` too) that torch listens to."""
    everything = {**os.environ, **environment}
    listened = [f"{name}={value}" for name, value in sorted(everything.items()) if name.startswith(VARIABLES)]
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "environment": " ".join(listened) or "no variable set that changes the speed",
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        return asked.stdout.strip()
    return platform.processor() or "unknown"
