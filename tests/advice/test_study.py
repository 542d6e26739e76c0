"""The study behind `docs/results/advise.md` runs, and its picture is drawn from its lines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "advise.py"


@pytest.mark.slow
def test_study_and_picture(tmp_path: Path) -> None:
    words = ["--pairs", "development", "--backbone", "lenet", "--most", "60", "--out", str(tmp_path)]
    subprocess.run([sys.executable, str(SCRIPT), *words], check=True, timeout=300)
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    for line in lines:
        accuracy = line["test_accuracy"]
        assert line["regret_points"] == pytest.approx(100 * (max(accuracy.values()) - accuracy[line["said"]]), abs=0.02)
        assert (tmp_path / f"{line['source']}-{line['target']}-0".replace("/", "_") / "advice.json").is_file()
    picture = tmp_path / "picture.png"
    words = ["--pairs", "development", "--picture", str(tmp_path / "trials.jsonl"), "--out", str(picture)]
    subprocess.run([sys.executable, str(SCRIPT), *words], check=True, timeout=100)
    assert Image.open(picture).width > 400
