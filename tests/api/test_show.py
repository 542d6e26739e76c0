"""Contact sheets of recordings; those of images are tested with the domains."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from landbridge.api.show import show
from landbridge.core.errors import BadDataError


def test_recordings_are_drawn_as_their_log_mels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for word, hertz in (("high", 3000), ("low", 300)):
        (tmp_path / "said" / word).mkdir(parents=True)
        for take in range(5):
            signal = 0.3 * np.sin(2 * np.pi * (hertz + take) * np.arange(6000) / 8000)
            soundfile.write(tmp_path / "said" / word / f"{take}.wav", signal, 8000)
    sheet = np.asarray(Image.open(show("./said", out="sheet.png", each=4)))
    pictures = sheet[72:, -28 - 126 : -28].sum(
        2
    )  # below the title, the last of four pictures of 63 x 40, twice enlarged
    high, low = pictures[:80, 63], pictures[86:166, 63]
    assert high.argmax() < 20
    assert low.argmax() > 55


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for word in ("no", "yes"):
        (tmp_path / word).mkdir()
        for take in range(3):
            soundfile.write(tmp_path / word / f"{take}.wav", np.zeros(800), 8000)
    with pytest.raises(BadDataError, match=r"^cannot read the recording .*\.wav: silent$"):
        show(str(tmp_path), out=str(tmp_path / "sheet.png"))


def test_scenes_are_shown_with_their_labels(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    (folder / "classes.csv").write_text("name,red,green,blue\nroad,255,0,0\nsky,0,0,255\n")
    for number in range(5):
        Image.new("RGB", (80, 60), (0, 0, 0)).save(folder / f"images/{number}.png")
        labels = np.zeros((60, 80), np.uint8)
        labels[:30] = 1
        Image.fromarray(labels).save(folder / f"labels/{number}.png")
    sheet = np.asarray(Image.open(show(str(folder), out=str(tmp_path / "sheet.png"), each=3)))
    for colour in ([0, 0, 153], [153, 0, 0]):  # three labelled images, half sky and half road
        assert (sheet == colour).all(2).sum() == 3 * 30 * 80
