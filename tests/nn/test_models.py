import json
import math
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import landbridge
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier, with_none

OLDEST = Path(__file__).parent / "models"


@pytest.fixture
def model() -> Classifier:
    return Classifier(make_backbone("ganin-mnist"), Head(768, (10,), 3, dropout=0.1), ("a", "b", "c"))


class Evil:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))  # type: ignore[return-value]


def test_saves_and_loads_whole(model: Classifier, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    images = torch.randint(0, 256, (5, 1, 40, 30), dtype=torch.uint8)
    assert torch.equal(model.predict(images), loaded.predict(images))
    assert loaded.classes == ("a", "b", "c")
    assert loaded.head.dropout == 0.1
    described = json.loads((tmp_path / "model/model.json").read_text())
    assert described["landbridge"] == landbridge.__version__


def test_probabilities_sum_to_one_and_nothing_gives_nothing(model: Classifier) -> None:
    torch.testing.assert_close(model.predict(torch.zeros(4, 3, 28, 28, dtype=torch.uint8)).sum(1), torch.ones(4))
    assert model.predict(torch.zeros(0, 3, 28, 28, dtype=torch.uint8)).shape == (0, 3)


def test_doubt_is_a_class_where_entropy_is_above_half_its_largest_value() -> None:
    probabilities = torch.softmax(3 * torch.randn(500, 4, generator=torch.Generator().manual_seed(0)), 1)
    answered = with_none(probabilities)
    entropy = -(probabilities * probabilities.log()).sum(1)
    expected = torch.where(entropy > math.log(4) / 2, 4, probabilities.argmax(1))
    assert torch.equal(answered.argmax(1), expected)
    assert 50 < int((expected == 4).sum()) < 450
    torch.testing.assert_close(answered.sum(1), torch.ones(500))
    assert with_none(torch.eye(3)).argmax(1).tolist() == [0, 1, 2]


def test_a_model_that_doubts_is_saved_and_loaded(model: Classifier, tmp_path: Path) -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    doubting = model.or_none("unknown")
    torch.testing.assert_close(doubting.predict(images), with_none(model.predict(images)))
    doubting.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert loaded.classes == ("a", "b", "c", "unknown")
    assert model.classes == ("a", "b", "c")
    assert torch.equal(loaded.predict(images), doubting.predict(images))


@pytest.mark.parametrize("folder", sorted(OLDEST.iterdir()) if OLDEST.is_dir() else [], ids=lambda p: p.name)
def test_models_of_older_versions_load_and_predict_as_then(folder: Path) -> None:
    loaded = Classifier.load(folder)
    expected = load_file(folder / "expected.safetensors")
    torch.testing.assert_close(loaded.predict(expected["inputs"]), expected["probabilities"], rtol=1e-4, atol=1e-5)


def test_there_is_a_model_of_the_oldest_version() -> None:
    assert (OLDEST / "0.1.0").is_dir()


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no model in"):
        Classifier.load(tmp_path)


def test_changed_weights_are_refused(model: Classifier, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    weights = load_file(tmp_path / "model/model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, tmp_path / "model/model.safetensors")
    with pytest.raises(BadDataError, match="checksum differs"):
        Classifier.load(tmp_path / "model")


def test_pickled_weights_are_refused_and_nothing_runs(model: Classifier, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    (tmp_path / "model/model.safetensors").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    with pytest.raises(BadDataError):
        Classifier.load(tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    (tmp_path / "model/pytorch_model.bin").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    with pytest.raises(MissingDataError, match="never pickled"):
        Classifier.load(tmp_path / "model")
    assert not (tmp_path / "ran").exists()


def test_damaged_description(model: Classifier, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    (tmp_path / "model/model.json").write_text("{")
    with pytest.raises(BadDataError, match="does not describe a model"):
        Classifier.load(tmp_path / "model")


def test_a_model_file_never_runs_a_factory_by_itself(tmp_path: Path) -> None:
    factory = tmp_path / "net.py"
    trace = tmp_path / "ran"
    factory.write_text(
        "from pathlib import Path\nfrom torch import nn\n"
        f"Path({str(trace)!r}).touch()\n"
        "def make():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    spec = f"{factory}:make"
    backbone = make_backbone(spec)
    Classifier(backbone, Head(backbone.width, (), 2), ("a", "b")).save(tmp_path / "model")
    trace.unlink()
    with pytest.raises(LandbridgeError, match="if you trust its code"):
        Classifier.load(tmp_path / "model")
    assert not trace.exists()
    assert Classifier.load(tmp_path / "model", backbone=spec).classes == ("a", "b")


def test_several_labels_and_numbers_are_answers_too(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    for answers in ("several", "numbers"):
        model = Classifier(make_backbone("ganin-mnist"), Head(768, (), 3), ("a", "b", "c"), answers)
        model.save(tmp_path / answers)
        loaded = Classifier.load(tmp_path / answers)
        with torch.inference_mode():
            logits = model(model.preprocessing(images))
        assert loaded.answers == answers
        assert torch.equal(loaded.predict(images), logits.sigmoid() if answers == "several" else logits)
