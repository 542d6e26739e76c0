"""The report of a dual encoder: which negatives it shows, and how it tells numbers."""

from pathlib import Path

import numpy as np
import pytest

from landbridge.core.errors import MissingDataError
from landbridge.core.files import write_json
from landbridge.reports.alignment import anchors, collapse, matrix, mine, read_looks


def test_the_mined_negative_is_the_nearest_that_is_not_ones_own() -> None:
    similarity = np.random.default_rng(0).uniform(-1, 1, (9, 9)).astype(np.float32)
    columns, losses = mine(similarity, 0.3)
    for i in range(9):
        others = [j for j in range(9) if j != i]
        expected = max(others, key=lambda j: similarity[i, j])
        assert columns[i] == expected
        assert losses[i] == pytest.approx(max(0.0, 0.3 - similarity[i, i] + similarity[i, expected]))


@pytest.fixture
def looked(tmp_path: Path) -> Path:
    looks = tmp_path / "looks"
    looks.mkdir()
    early, late = np.full((4, 4), 0.5, np.float32), np.eye(4, dtype=np.float32)
    early[0, 2] = early[1, 2] = 0.9
    late[3, 1] = 0.95
    for step, similarity in ((0, early), (10, early), (20, late)):
        np.savez(looks / f"{step:07d}.npz", similarity=similarity)
    np.savez(looks / "pairs.npz", images=np.zeros((4, 8, 8, 3), np.uint8))
    write_json(looks / "pairs.json", {"texts": ["a", "b", "c", "d"]})
    return tmp_path


def test_the_hardest_at_the_end_is_shown_with_what_was_mined_early(looked: Path) -> None:
    looks = read_looks(looked)
    assert list(looks) == [0, 10, 20]
    by_image, by_text = anchors(looked, looks, 0.2, most=1)
    assert (by_image.text, by_image.by, by_image.own) == ("d", "image", (0.5, 1.0))
    early, late = by_image.mined
    assert (early.when, late.when, late.text) == (10, 20, "b")
    assert (late.similarity, late.loss) == (pytest.approx(0.95), pytest.approx(0.15))
    assert (by_text.text, by_text.by) == ("b", "text")
    assert by_text.mined[1].image.startswith("data:image/png")
    assert by_text.mined[0].similarity == pytest.approx(0.5)


def test_a_matrix_says_in_words_what_it_shows() -> None:
    drawing = matrix(np.eye(5, dtype=np.float32), "m", "After 3 steps")
    assert "5 of 5 images have their own sentence nearest" in drawing
    assert drawing.count("<svg") == 1


def test_a_run_without_looks_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="holds no look at the model: finish the run with --resume"):
        read_looks(tmp_path)


def test_a_collapsed_space_is_called_one() -> None:
    told = collapse(np.full((5, 5), 0.85, np.float32))
    assert told is not None
    assert told.tone == "bad"
    assert "(cosine 0.85) than all else (0.85)" in told.text
    assert collapse(np.eye(5, dtype=np.float32)) is None
