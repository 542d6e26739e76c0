import ctypes
from types import SimpleNamespace

import pytest

from landbridge.core.memory import keep_freed_memory


@pytest.mark.parametrize(
    ("platform", "environment", "calls"),
    [("linux", {}, 2), ("darwin", {}, 0), ("linux", {"MALLOC_TOP_PAD_": "1"}, 0)],
)
def test_the_allocator_is_told_once_and_only_where_nobody_has(
    platform: str, environment: dict[str, str], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("sys.platform", platform)
    for name in ("MALLOC_TOP_PAD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *given: told.append(given)))
    keep_freed_memory()
    assert len(told) == calls
