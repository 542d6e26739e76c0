"""What the allocator of the machine is told."""

import ctypes
import os
import sys


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, where glibc looks after it.

    A step frees megabytes of activations that the next one wants again. Left alone, glibc returns such large blocks to
    the system and asks for fresh ones, which come as zeroed pages, one fault each: a fifth of a training step on a CPU.
    How much memory is in use at most stays about the same. Nothing is changed where the user has set the allocator up.
    """
    chosen = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" and not chosen else None
    if mallopt is not None:
        never_trim, never_map = (-1, -1), (-4, 0)  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h, and their values
        mallopt(*never_trim)
        mallopt(*never_map)
