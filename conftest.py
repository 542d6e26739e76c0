"""Fixtures for all tests, those in docstrings too."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Computed things are kept apart from the user's."""
    kept = os.environ.get("LANDBRIDGE_CACHE")
    if kept is None:
        os.environ["LANDBRIDGE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if kept is None:
        del os.environ["LANDBRIDGE_CACHE"]


@pytest.fixture(autouse=True)
def _doctest(request: pytest.FixtureRequest) -> None:
    """Examples in docstrings may write into a fresh folder `tmp`."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("doctest_namespace")["tmp"] = request.getfixturevalue("tmp_path")
