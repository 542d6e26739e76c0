"""A classifier as a folder: it scores the same, and what is no classifier is one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.eszsl import ESZSL
from landbridge.zeroshot.saving import DESCRIPTION, LEARNED, load, save
from zeroshot.test_classifiers import make
from zeroshot.world import World, world


@pytest.fixture(scope="module")
def small() -> World:
    return world(noise=0.2)


@pytest.mark.parametrize("name", METHODS)
def test_it_scores_the_same_to_the_bit(name: str, small: World, tmp_path: Path) -> None:
    method = make(name, **({"epochs": 2} if "epochs" in METHODS.resolve(name)().get_params() else {}))
    method.fit(*small.training())
    save(method, tmp_path / "kept")
    again = load(tmp_path / "kept")
    assert type(again) is type(method)
    assert again.get_params() == method.get_params()
    np.testing.assert_array_equal(again.decision_function(small.x), method.decision_function(small.x))
    if hasattr(method, "attributes"):
        np.testing.assert_array_equal(again.attributes(small.x), method.attributes(small.x))


def test_what_stands_there_is_replaced(small: World, tmp_path: Path) -> None:
    for alpha in (1.0, 10.0):
        save(ESZSL(alpha=alpha).fit(*small.training()), tmp_path / "kept")
    assert load(tmp_path / "kept").get_params()["alpha"] == 10.0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_only_what_has_learned(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        save(ESZSL(), tmp_path / "kept")
    assert not list(tmp_path.iterdir())


def test_what_is_no_classifier(small: World, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no zero-shot classifier in .*: zeroshot\.json is missing"):
        load(tmp_path)
    save(ESZSL().fit(*small.training()), tmp_path / "kept")
    described = json.loads((tmp_path / "kept" / DESCRIPTION).read_text())
    (tmp_path / "kept" / DESCRIPTION).write_text(json.dumps(described | {"method": "dap", "arguments": {"alpha": 1}}))
    with pytest.raises(BadDataError, match="is damaged"):
        load(tmp_path / "kept")
    (tmp_path / "kept" / DESCRIPTION).write_text(json.dumps(described))
    (tmp_path / "kept" / LEARNED).write_bytes(b"0123456789")
    with pytest.raises(BadDataError, match="is damaged"):
        load(tmp_path / "kept")
