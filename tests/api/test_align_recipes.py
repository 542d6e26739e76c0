"""`landbridge align recipes`: fields, kinds of dishes, the start, and the page of questions."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.api import _aligning
from landbridge.api._recipes import PAGE, TYPED, classes_for, write_questions
from landbridge.cli import main
from landbridge.core.errors import MissingDataError
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.runs import Run
from refusals import refused
from toy_captions import dual, vectors
from toy_recipes import recipe_model, recipes

BEGIN = ["--image-rate-ratio", "0", "--begin", "correlations"]
ALIGN = ["align", "recipes", "--image-encoder", "identity?inputs=11", "--text-encoder", "recipe?width=12&least=1"]
SMALL = ["--width", "10", "--steps", "4", "--batch-size", "32", "--checkpoint-every", "2", "--quiet", "--device", "cpu"]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    parts = {"train": recipes(90, 1), "validation": recipes(20, 2), "test": recipes(30, 3), "open": recipes(12, 4)}
    monkeypatch.setattr(_aligning, "load_captions", lambda *args, **options: dict(parts))
    monkeypatch.setattr("landbridge.api._recipes.save_pictures", save_squares)
    monkeypatch.setattr("landbridge.vision_language.looks.save_pictures", save_squares)
    monkeypatch.setattr(_aligning, "save_pictures", save_squares)


def save_squares(path: Path, images: torch.Tensor) -> None:
    """The images of these recipes are vectors: what is kept of each is a grey square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, images=np.full((len(images), 8, 8, 3), 90, np.uint8))


@pytest.mark.parametrize("loss", ["info-nce", "hardest-triplet", "adamine"])
def test_a_run_measures_each_field_and_shows_questions(loss: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main([*ALIGN, *SMALL, *BEGIN, "--loss", loss, "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    for told in (metrics, metrics["before"]):
        for name in ("title_", "ingredients_", "instructions_", "open_", ""):
            assert 1 <= told[f"{name}text_to_image_median_rank"] <= 30
            assert 0 <= told[f"{name}image_to_text_recall_at_10"] <= 1
    assert metrics["before"]["text_to_image_recall_at_10"] > 0.6, "correlations alone are far above chance"
    page = (out / PAGE).read_text(encoding="utf-8")
    for words in ("The Best Kale Ever", "1 teaspoon olive oil", "not given", "of 30", "30 photographs were searched"):
        assert words in page
    assert page.count('<section class="asked">') == 4 + 3 + len(TYPED)
    (out / PAGE).unlink()
    assert main(["report", str(out)]) == 0
    assert (out / PAGE).read_text(encoding="utf-8") == page
    assert DualEncoder.load(out).text.name == "recipe?width=12&least=1"


def test_pictures_that_are_gone_are_one_line(tmp_path: Path) -> None:
    assert main([*ALIGN, *SMALL, *BEGIN, "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "run/recipes/pictures.npz").unlink()
    with pytest.raises(MissingDataError, match=r"pictures\.npz is gone: the page of recipes needs it"):
        write_questions(Run.open(tmp_path / "run"))


def test_a_start_takes_a_locked_tower_and_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*ALIGN, *SMALL, "--begin", "correlations", "--out", str(tmp_path / "run")]
    refused(capsys, command, "--begin correlations", "add --image-rate-ratio 0")
    command = [*ALIGN[:-1], "transformer?width=16&layers=1&heads=1", *SMALL, *BEGIN, "--out", str(tmp_path / "run")]
    refused(capsys, command, "for recipes as bags of words")


def test_recipes_bring_kinds_of_dishes_and_other_sentences_none() -> None:
    train = recipes(60)
    kinds = classes_for(recipe_model(train), train)
    assert kinds is not None
    assert kinds.shape == (60,)
    sentences = vectors()
    assert classes_for(dual(sentences), sentences) is sentences.classes
