"""What a person sees while a run goes on: how far, how long still, what the losses are."""

import resource
import sys
import time
from collections.abc import Mapping
from types import TracebackType

import torch
from lightning.fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_FIRST = 10


def peak_memory(device: torch.device) -> int:
    """The most memory this process has held so far, in bytes: the GPU's if it trains there, else the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def duration(seconds: float) -> str:
    """A time as a person says it.

    >>> duration(42), duration(200), duration(7320)
    ('42 s', '3 min 20 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """A progress bar with estimate and live losses; where there is no terminal, a line now and then.

    Args:
        title: what is going on.
        console: where to write; stderr by default.

    Attributes:
        values: the numbers to show.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.title, self.console = title, console or Console(stderr=True)
        self.values: Mapping[str, float] = {}
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, losses="")
        self._seen = 0
        self._start = time.perf_counter()

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, fabric: Fabric, done: int, total: int) -> None:
        """One more step is done; after the first ones, say how long and how much memory the run will take."""
        self._seen += 1
        if self._seen == 1:
            self._start = time.perf_counter()
        elif self._seen == _FIRST + 1:
            each = (time.perf_counter() - self._start) / _FIRST
            memory = peak_memory(fabric.device) / 2**30
            left = duration(each * (total - done))
            self.console.print(f"{self.title}: about {left} and {memory:.1f} GB ({each * 1000:.1f} ms a step)")
        if self.console.is_terminal:
            if self._seen % 5 == 0 or done == total:
                shown = "  ".join(f"{name} {value:.3f}" for name, value in self.values.items())
                self._bar.update(self._task, completed=done, total=total, losses=shown)
        elif done == total or done * 5 // total > (done - 1) * 5 // total:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in self.values.items())
            self.console.print(f"{self.title}: step {done} of {total}  {shown}", highlight=False, soft_wrap=True)
