"""The benchmarks run and tell finite ratios. How fast we are is told by running them for real, not here."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "startup",
        "contrastive",
        "cross_retrieval",
        "dann_step",
        "epoch_from_files",
        "extraction",
        "finetuning",
        "prompt_head",
        "retrieval",
        "segmentation",
        "segmentation_step",
        "zeroshot",
    ],
)
def test_ratios_are_finite(name: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--quick", "--json", str(file)], check=True, timeout=300
    )
    comparisons = json.loads(file.read_text())["comparisons"]
    ratios = [ratio for each in comparisons for values in each["ratios"].values() for ratio in values]
    assert ratios
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in ratios)


@pytest.mark.slow
def test_all_of_them_as_one_page(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    command = [sys.executable, str(FOLDER / "run.py"), "--quick", "--threads", "1", "--out", str(page)]
    done = subprocess.run(command, check=True, timeout=600, capture_output=True, text=True)
    assert "pytorch-adapt is left out" in done.stderr
    assert page.read_text().count("## ") == 12
    assert "| plain loop |" in page.read_text()
