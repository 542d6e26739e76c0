"""The page of zero-shot learning: which attributes decided, and images among the names of classes."""

import json
from pathlib import Path

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.evaluation import snapshot
from landbridge.reports import zeroshot_plots
from landbridge.reports.zeroshot import decisions, write_zeroshot_report
from landbridge.zeroshot.table import PLAN, read_table

UNSEEN = ["fish", "bee"]
ATTRIBUTES = ["furry", "fins", "wings"]
ROWS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


def cell(t1: float, h: float) -> dict:
    figures = {"T1": t1, "hit": 1.0, "S": h, "U": h, "H": h, "S0": 0.9, "U0": 0.1, "H0": 0.18, "AUSUC": h / 2}
    return {
        "settings": {"alpha": 0.5}, "validation_accuracy": 0.7, "tried": 3, "gamma": 0.25, "seconds": 1.5,
        "metrics": figures, "standard_error": 0.05, "curve": {"seen": [0.9, 0.0], "unseen": [0.0, 0.8]},
        "by_class": {"fish": 1.0, "bee": 0.5}, "confused": [[0, 0, 2], [1, 0, 1], [1, 1, 1]],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of two methods, one with chance in it and with one of its two seeds left to do."""
    plan = {
        "domain": "pond", "test_domain": "pond", "backbone": "identity", "weights": "none", "train_steps": None,
        "features": 4, "kind": "attributes", "source": "mine.csv", "attributes": ATTRIBUTES, "seen": ["dog", "duck"],
        "unseen": UNSEEN, "validation": [["dog"]], "split": "held out by name", "train": 20, "test_seen": 8,
        "test_unseen": 4, "methods": ["eszsl", "devise"], "seeded": ["devise"], "seeds": [0, 1], "notes": ["cut short"],
        "command": "landbridge zeroshot", "versions": {"landbridge": "0"},
    }  # fmt: skip
    (tmp_path / PLAN).write_text(json.dumps(plan))
    for method, found in (("eszsl", cell(0.75, 0.5)), ("devise", cell(0.6, 0.55))):
        place = tmp_path / "cells" / method / "0.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(found))
    return tmp_path


def test_the_table(folder: Path) -> None:
    table = read_table(folder)
    assert [row.method for row in table.rows] == ["eszsl", "devise"]
    assert table.best.method == "eszsl"
    assert table.fairest.method == "devise"
    assert table.chance == 0.5
    assert table.unfinished == 1
    assert table.hits is None, "two unseen classes: five would always hold the right one"
    first, second = table.verdicts()
    assert "eszsl is right in 75.0 % of the cases, 1.5 times chance (50.0 %)" in first
    assert "devise has the best harmonic mean, 55.0 %" in second
    text = table.to_markdown()
    assert "| eszsl | 75.0 | 50.0 | 50.0 | 50.0 | 18.0 | 25.0 | 1 | alpha 0.5 |" in text
    for what in ("1 cells unfinished", "cut short", "protocol: inductive", "1 validation classes", "mine.csv"):
        assert what in text


def test_what_chance_would_do_is_not_called_better(folder: Path) -> None:
    for place in (folder / "cells").glob("*/0.json"):
        place.write_text(json.dumps(json.loads(place.read_text()) | {"standard_error": 0.2}))
    assert "not beyond chance" in read_table(folder).verdicts()[0]


def test_no_finished_cell_and_no_table(folder: Path, tmp_path: Path) -> None:
    for place in (folder / "cells").glob("*/0.json"):
        place.unlink()
    with pytest.raises(MissingDataError, match=r"no cell of .* is finished yet"):
        read_table(folder)
    (folder / PLAN).write_text("{")
    with pytest.raises(BadDataError):
        read_table(folder)


def test_decisions_say_what_spoke_for_a_class(folder: Path) -> None:
    taken = {
        "label": np.array([0, 1]), "called": np.array([0, 0]), "other": np.array([1, 1]),
        "predicted": np.array([[0.1, 0.8, 0.3], [0.6, 0.5, 0.2]]), "rows": ROWS,
        "added": np.array([[0.4, 0.9, -0.2], [0.0, 0.5, 0.7]]), "images": np.zeros((2, 4, 4, 3), np.uint8),
    }  # fmt: skip
    right, wrong = decisions(read_table(folder), taken)
    assert right.right
    assert not wrong.right
    assert right.words == "fish rather than bee by fins and furry"
    assert right.attributes == [("fins", True), ("furry", True), ("wings", False)]
    assert [name for name, _ in wrong.attributes] == ["wings", "fins"], "what added nothing is not shown"
    assert [(line.name, line.role) for line in right.lines] == [("predicted", "image"), ("fish", "lit"), ("bee", "dim")]
    assert right.lines[1].cells == [(1.0, "1.0"), (0.0, "0.0"), (0.0, "0.0")]
    assert right.image is not None
    assert right.image.startswith("data:image/")


def test_the_page(folder: Path) -> None:
    rng = np.random.default_rng(0)
    space = {"points": rng.normal(size=(30, 3)), "names": rng.normal(size=(4, 3)), "label": np.arange(30) % 4}
    snapshot.save(space, folder / "looks" / "space-devise.npz")
    write_zeroshot_report(folder)
    page = (folder / "report.html").read_text()
    for what in ("pond", "Images and names in one space", "placed by devise", "Seen against unseen", "fish"):
        assert what in page
    assert "Which attributes decided" not in page, "no decision was kept"
    assert json.loads((folder / "table.json").read_text())["chance"] == 0.5


def test_a_gap_between_images_and_names_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def embed(points: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append((points, names))
        return points[:, :2], names[:, :2]

    monkeypatch.setattr(zeroshot_plots, "embed", embed)
    names = np.eye(3)
    points = names[[0, 0, 1, 1, 2, 2]]
    for shift in (0.0, 5.0):
        zeroshot_plots.plane(points + shift, np.arange(6) // 2, names, ["a", "b", "c"], [False, True, True])
    np.testing.assert_allclose(seen[0][0], seen[1][0], atol=1e-12)
    np.testing.assert_allclose(seen[0][0][::2], seen[0][1], atol=1e-12)
