"""The page of a classification: bars, marks, and what cannot be known."""

from pathlib import Path

import pytest
import torch

from landbridge.data.images import Arrays
from landbridge.reports.classification import MOST, likeliest, write_classification_report

TOLD = {"model": "m", "method": "zero-shot", "classes": 2, "prompts": 4, "unreadable": 0}


def test_the_five_likeliest() -> None:
    probabilities = torch.rand(4, 9, generator=torch.Generator().manual_seed(0)).softmax(1)
    names = tuple("abcdefghi")
    for row, ranked in zip(probabilities.tolist(), likeliest(probabilities, names)):
        expected = sorted(zip(names, row), key=lambda pair: -pair[1])[:5]
        assert [name for name, _ in ranked] == [name for name, _ in expected]
        assert [p for _, p in ranked] == pytest.approx([p for _, p in expected])


def test_the_page(tmp_path: Path) -> None:
    images = Arrays(torch.zeros(3, 3, 8, 8, dtype=torch.uint8))
    ranked = likeliest(torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), ("<cat>", "dog"))
    told = TOLD | {"accuracy": 2 / 3, "temperature": 1.5, "calibration_error_before": 0.2, "calibration_error": 0.1}
    path = write_classification_report(
        tmp_path, images, ["a", "b", "c"], ranked, ["<cat>", "dog", "dog"], told, ["{}", "a {}"], "landbridge classify"
    )
    page = path.read_text()
    assert page.count("✓</span>") == 2
    assert page.count("✗</span>") == 1
    assert "&lt;cat&gt;" in page
    assert "<cat>" not in page
    assert 'style="width: 90.0%"' in page
    assert "66.7\u00a0% are called rightly" in page
    assert "20.0\u00a0% before, 10.0\u00a0% after" in page


def test_vectors_and_many_of_them(tmp_path: Path) -> None:
    count = 3 * MOST
    ranked = likeliest(torch.full((count, 2), 0.5), ("cat", "dog"))
    page = write_classification_report(
        tmp_path, Arrays(torch.zeros(count, 4)), ["x"] * count, ranked, None, TOLD, ["{}"], "landbridge classify"
    ).read_text()
    assert page.count(">no picture<") == MOST
    assert f"{MOST} of them, spread evenly" in page
    assert "✓</span>" not in page
