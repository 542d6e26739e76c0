"""What the report shows of segmenters: pictures in the palette, entropy, bars by class; numbers with their classes."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landbridge.evaluation.snapshot import save
from landbridge.reports.adaptation import write_comparison_report, write_run_report
from landbridge.reports.evidence import Model
from landbridge.reports.scenes import Panel, answers, doubts, heat, legend
from landbridge.reports.segmentation import iou_bars, iou_of
from landbridge.runs import Result, Run

CLASSES = ("road", "sky", "car")
COLOURS = np.array([[128, 64, 128], [70, 130, 180], [0, 0, 142]], np.uint8)


def taken(seed: int = 0, *, truth: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def labels() -> Any:
        return rng.integers(0, 3, (2, 12, 16)).astype(np.uint8)

    images = np.random.default_rng(9).integers(0, 256, (2, 12, 16, 3)).astype(np.uint8)
    return {
        "source_images": images, "target_images": images, "source_truth": labels(), "target_called": labels(),
        "target_truth": labels() if truth else np.full((2, 12, 16), 255, np.uint8), "colours": COLOURS,
        "target_entropy": rng.integers(0, 256, (2, 12, 16)).astype(np.uint8), "a_distance": np.array(1.2),
    }  # fmt: skip


def make(folder: Path, method: str = "advent", *, seed: int = 0, miou: float | None = 0.4, **changes: Any) -> Run:
    run = Run(folder, {"method": method, "seed": seed})
    run.start_log(0)
    for step in range(10, 101, 10):
        run.log(step, "train", {"classification": 2.0 / step, "source_accuracy": 0.8})
    save(taken(seed, truth=miou is not None), folder / "snapshot.npz")
    by_class = None if miou is None else {"road": miou + 0.3, "sky": miou - 0.3, "car": None}
    metrics = {
        "target_miou": miou, "source_miou": changes.pop("source", 0.6), "per_class_iou": by_class, "a_distance": 1.2,
        "target_examples": 62, "diversity": changes.pop("kept", 1.0), "lost_classes": changes.pop("lost", []),
        "validators": {"entropy": -0.3, "agreement": 0.7, "prior": -0.1},
        "confusion": None if miou is None else [[50, 5, 0], [9, 80, 1], [4, 0, 7]], **changes.pop("kinds", {}),
    }  # fmt: skip
    row: dict[str, Any] = {
        "source": "camvid/day", "target": "camvid/dusk", "backbone": "light/net", "protocol": "inductive",
        "selection": "prior", "steps": 100, "device": "cpu", "train_seconds": 9.0, "oracle": method == "target-only",
        "settings": {"classes": list(CLASSES), "class_set": "3 classes", "headline": "miou", "augment": "geometric"},
        "notes": ["mIoU over 3 classes"], "command": "landbridge segment camvid/day camvid/dusk",
    }  # fmt: skip
    run.finish(Result(method=method, seed=seed, metrics=metrics, **(row | changes)))
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    make(tmp_path / "run" / "baseline", "source-only", miou=0.35)
    (tmp_path / "kept").mkdir()
    (tmp_path / "run" / "baseline").rename(tmp_path / "kept" / "baseline")
    made = make(tmp_path / "other", lost=["car"], kept=2 / 3, source=0.5)
    (tmp_path / "kept" / "baseline").rename(made.folder / "baseline")
    return made


def text_of(path: Path) -> str:
    text = path.read_text()
    assert not re.search(r"https?:|@import|<script|<link", text)
    return text


def test_a_run_shows_both_models_beside_the_truth(run: Run) -> None:
    text = text_of(write_run_report(run))
    for head in ("input", "without adaptation", "with adaptation, advent", "truth"):
        assert f'<span class="head">{head}</span>' in text
    assert text.count('<figure class="scenes') == 2
    assert text.count("data:image/png;base64,") == 2 * 4 + 2 * 3
    assert '<span class="chip"></span>road</span>' in text
    assert "rgb(128 64 128)" in text
    assert "advent reaches 40.0\u00a0% target mIoU, 3 classes, 5.0 points above source-only" in text
    assert (
        "Target mIoU, 3 classes on camvid/dusk, inductive protocol, weights of the checkpoint chosen by prior" in text
    )
    assert "predicts classes about as often on the target as the source&#39;s labels have them" in text
    assert "calls pixels of the target car less than 10% as often" in text
    assert "mIoU on the source fell from 60.0\u00a0% to 50.0\u00a0%" in text
    assert "source mIoU" in text
    assert "1.20" in text


def test_private_classes_are_marked(tmp_path: Path) -> None:
    kinds = {"target_shared_miou": 0.7, "target_private_miou": 0.1, "target_harmonic_miou": 0.175}
    settings = {"classes": list(CLASSES), "private_classes": ["sky"], "class_set": "3 classes, 1 of them private"}
    run = make(tmp_path / "run", kinds=kinds, settings=settings | {"headline": "miou"})
    text = text_of(write_run_report(run))
    assert "sky (only in the target)" in text
    assert "road (only in the target)" not in text
    assert "* Only the target has these classes." in text
    assert "70.0 / 10.0\u00a0%" in text.replace("&nbsp;", "\u00a0").replace(" %", "\u00a0%")
    for head in ("shared classes", "private classes", "harmonic mean"):
        assert head in text


def test_without_labels_nothing_is_made_up(tmp_path: Path) -> None:
    text = text_of(write_run_report(make(tmp_path / "run", miou=None)))
    assert '<span class="head">truth</span>' not in text
    assert "unknown: no labels" in text
    assert "Intersection over union" not in text


def test_a_comparison_names_classes_and_the_chosen(tmp_path: Path, comparison_folder: Callable[..., Path]) -> None:
    folder = tmp_path / "table"
    for method, miou in (("source-only", 0.3), ("minent", 0.35), ("advent", 0.4), ("target-only", 0.6)):
        for seed in (0, 1):
            make(folder / "cells" / method / str(seed), method, seed=seed, miou=miou + 0.01 * seed)
    methods = '["source-only", "minent", "advent", "target-only"]'
    seeds = '{"source-only": [0, 1], "minent": [0, 1], "advent": [0, 1], "target-only": [0, 1]}'
    (folder / "comparison.json").write_text(
        f'{{"methods": {methods}, "seeds": {seeds}, "source": "camvid/day", "target": "camvid/dusk", "title": ""}}'
    )
    table = write_comparison_report(folder)
    assert table.class_set == "3 classes"
    assert table.measure == "target mIoU, 3 classes"
    assert table.chosen is not None
    assert table.chosen.validator == "prior"
    row = table.row("advent")
    assert row is not None
    assert row.mean == pytest.approx(0.405)
    assert row.gap_closed == pytest.approx(1 / 3)
    assert row.source_miou == pytest.approx(0.6)
    markdown = (folder / "table.md").read_text()
    assert "| method | target mIoU, 3 classes (%) | gap closed (%) | source mIoU (%) |" in markdown
    text = text_of(folder / "report.html")
    assert "Class by class: 3 classes" in text


def _decoded(address: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_pictures_are_what_was_kept() -> None:
    one, two = taken(1), taken(2)
    panel = answers([("before", one), ("after", two)])
    assert panel.heads == ["input", "before", "after", "truth"]
    second = panel.rows[1]
    assert (_decoded(second[0].image) == two["target_images"][1]).all()
    assert (_decoded(second[1].image) == COLOURS[one["target_called"][1]]).all()
    assert (_decoded(second[2].image) == COLOURS[two["target_called"][1]]).all()
    assert (_decoded(second[3].image) == COLOURS[two["target_truth"][1]]).all()
    unsure = doubts([("before", one), ("after", two)])
    assert (_decoded(unsure.rows[0][2].image) == heat(two["target_entropy"][0])).all()
    bright = heat(np.array([[0, 128, 255]], np.uint8)).sum(2)[0].tolist()
    assert bright == sorted(bright)
    assert [name for name, _ in legend(two, CLASSES)] == [*CLASSES, "no class"]


def test_a_model_that_was_shown_other_images_is_left_out() -> None:
    other = taken(1)
    other["target_images"] = 255 - other["target_images"]
    panel: Panel = answers([("before", other), ("after", taken(2))])
    assert panel.heads == ["input", "after", "truth"]


def test_iou_is_averaged_over_seeds_where_it_is_known(tmp_path: Path) -> None:
    runs = [make(tmp_path / str(seed), seed=seed, miou=0.4 + 0.1 * seed) for seed in (0, 1)]
    found = iou_of(Model.of("advent", runs), CLASSES)
    assert found[:2] == pytest.approx([0.75, 0.15])
    assert found[2] is None
    assert "road 50.0 to 75.0; sky - to 15.0; car - to -" in iou_bars(CLASSES, [0.5, None, None], found)
