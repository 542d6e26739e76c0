"""A network and a zero-shot classifier as one object, and as a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import DESCRIPTION, WEIGHTS, Classifier
from landbridge.zeroshot.eszsl import ESZSL
from landbridge.zeroshot.model import ZeroShotModel

TABLE = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]], float)
CLASSES = ("a", "b", "c", "d", "e")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> ZeroShotModel:
    torch.manual_seed(0)
    network = make_backbone("small-cnn").eval()
    x = np.random.default_rng(0).normal(size=(30, network.width))
    return ZeroShotModel(network, "mean", ESZSL().fit(x, np.arange(30) % 3, TABLE), CLASSES, 0.5)


def test_scores_are_those_of_the_method_on_the_features(model: ZeroShotModel, images: torch.Tensor) -> None:
    with torch.no_grad():
        features = model.backbone(model.preprocessing(images)).double().numpy()
    scores = model.method.decision_function(features)
    scores[:, :3] -= 0.5  # the three classes that were seen
    np.testing.assert_allclose(model.predict(images).numpy(), scores, atol=1e-6)
    assert model.predict(images[:0]).shape == (0, 5)


def test_saved_and_loaded_it_says_the_same(model: ZeroShotModel, images: torch.Tensor, tmp_path: Path) -> None:
    model.save(tmp_path / "run" / "model")
    again = ZeroShotModel.load(tmp_path / "run")
    assert torch.equal(again.predict(images), model.predict(images))
    assert again.classes == CLASSES
    assert {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_each_kind_of_model_is_told_from_the_other(model: ZeroShotModel, tmp_path: Path) -> None:
    model.save(tmp_path / "new")
    Classifier(model.backbone, Head(model.backbone.width, (), 2), ("no", "yes")).save(tmp_path / "old")
    with pytest.raises(LandbridgeError, match=r"holds a zero-shot model, not a classifier one"):
        Classifier.load(tmp_path / "new")
    with pytest.raises(LandbridgeError, match=r"holds a classifier model, not a zero-shot one"):
        ZeroShotModel.load(tmp_path / "old")


def test_what_is_no_model(model: ZeroShotModel, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no model in"):
        ZeroShotModel.load(tmp_path)
    model.save(tmp_path / "kept")
    described = json.loads((tmp_path / "kept" / DESCRIPTION).read_text())
    (tmp_path / "kept" / DESCRIPTION).write_text(json.dumps(described | {"backbone": "nets.py:mine"}))
    with pytest.raises(LandbridgeError, match=r"pass --backbone nets.py:mine if you trust its code"):
        ZeroShotModel.load(tmp_path / "kept")
    (tmp_path / "kept" / WEIGHTS).write_bytes(b"other")
    with pytest.raises(BadDataError, match="its checksum differs"):
        ZeroShotModel.load(tmp_path / "kept")
