"""Floor 2: run folders."""

from landbridge.runs.result import Result, versions
from landbridge.runs.run import Run

__all__ = ["Result", "Run", "versions"]
