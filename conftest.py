"""Fixtures for all tests, those in docstrings too."""

import os
from collections.abc import Iterator
from pathlib import Path

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
    """Examples in docstrings may write into a fresh folder `tmp`; `scenes` holds two folders of scenes if asked for."""
    if isinstance(request.node, pytest.DoctestItem):
        namespace = request.getfixturevalue("doctest_namespace")
        namespace["tmp"] = request.getfixturevalue("tmp_path")
        if any("{scenes}" in example.source for example in request.node.dtest.examples):
            namespace["scenes"] = request.getfixturevalue("_scenes")


@pytest.fixture(scope="session")
def _scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few small pictures with masks, by day and at dusk, laid out as one's own would be."""
    from scene_folders import scene_folder

    folder = tmp_path_factory.mktemp("scenes")
    scene_folder(folder / "day")
    scene_folder(folder / "dusk", dusk=0.5)
    return folder
