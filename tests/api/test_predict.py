"""Predictions for raw files: those that the model's network reads."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from landbridge.api.predict import predict
from landbridge.core.errors import MissingDataError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier


def saved(folder: Path, backbone: str) -> Path:
    torch.manual_seed(0)
    network = make_backbone(backbone)
    Classifier(network, Head(network.width, (), 2), ("no", "yes")).save(folder)
    return folder


def tone(path: Path, seconds: float, rate: int) -> None:
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 500 * np.arange(round(seconds * rate)) / rate), rate)


def test_recordings_of_any_length_and_rate(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    (sounds / "deeper").mkdir(parents=True)
    tone(sounds / "deeper" / "a.wav", 0.5, 8000)
    tone(sounds / "b.wav", 0.5, 16000)
    tone(sounds / "c.wav", 3.0, 44100)
    (sounds / "d.wav").write_text("no sound")
    (sounds / "notes.txt").write_text("not looked at")
    for backbone in ("speech-cnn?width=8", "speech-cnn?width=8&rate=16000&seconds=2"):
        model = saved(tmp_path / backbone[-4:], backbone)
        out = predict(str(model), str(sounds), out=str(tmp_path / "said.csv"))
        rows = list(csv.DictReader(out.open()))
        assert [Path(row["path"]).name for row in rows] == ["b.wav", "c.wav", "d.wav", "a.wav"]
        assert [row["predicted"] for row in rows if row["path"].endswith("d.wav")] == [""]
        chances = {Path(row["path"]).stem: float(row["yes"]) for row in rows if row["predicted"]}
        assert chances["a"] == pytest.approx(chances["b"], abs=0.02)
    assert len(list(csv.reader(predict(str(model), str(sounds / "b.wav"), out=str(out)).open()))) == 2


def test_a_model_says_what_it_looked_for(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 0.5, 8000)
    with pytest.raises(MissingDataError, match=r"^no images in "):
        predict(str(saved(tmp_path / "model", "ganin-mnist")), str(tmp_path), out=str(tmp_path / "out.csv"))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(MissingDataError, match=r"^no recordings in "):
        predict(str(saved(tmp_path / "speech", "speech-cnn")), str(tmp_path), out=str(tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
