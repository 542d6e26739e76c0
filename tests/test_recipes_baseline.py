"""What benchmarks/recipes_baseline.py computes, on numbers small enough to know the answer."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from toy_recipes import recipes

BASELINE = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "recipes_baseline.py"))
FIELDS, hub_corrected, ranks, scored, told = (
    BASELINE[name] for name in ("FIELDS", "hub_corrected", "ranks", "scored", "told")
)


def test_ranks_count_what_stands_before_and_half_of_what_is_equal() -> None:
    scores = np.array([[0.5, 0.9, 0.5], [0.1, 0.8, 0.2], [0.3, 0.3, 0.3]])
    assert ranks(scores).tolist() == [2.5, 1.0, 2.0]
    assert told(scores) == "2.0 | 33.3 / 100.0 / 100.0"


def test_a_hub_is_no_longer_the_first_of_all() -> None:
    """The first candidate is near everybody; each query's own is nearer than to anybody else."""
    scores = np.full((4, 4), 0.1) + 0.5 * np.eye(4)
    scores[:, 0] += 0.6
    assert ranks(scores).tolist() == [1, 2, 2, 2]
    assert ranks(hub_corrected(scores, 2)).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("fields", [FIELDS, ("title",)])
def test_the_baseline_finds_recipes_that_it_has_not_seen(fields: tuple[str, ...]) -> None:
    import torch

    from landbridge.nn.recipe_encoder import field_text
    from landbridge.nn.recipe_text import parse_recipe

    made = recipes(160)
    parsed = [parse_recipe(text) for text in made.texts]
    texts = [{field: field_text(recipe, field) for field in FIELDS} for recipe in parsed]
    images = made.images.read(torch.arange(160)).double().numpy()
    scores = scored(images, texts, fields, np.arange(120), np.arange(120, 160))
    assert np.median(ranks(scores)) < 8, "chance is 20.5"
