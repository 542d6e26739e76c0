"""The page of a search for settings."""

from pathlib import Path

import pytest

import made_up_tables
from landbridge.evaluation.trials import PLAIN
from landbridge.reports.trials import write_trials_report

FOUND = {
    PLAIN: {"score": 0.5},
    0: {"score": 0.9},
    1: {"score": 1.2, "target_accuracy": 0.875},
    2: {"score": 0.1},
    3: None,
}


def test_the_page_shows_trials_and_the_best_command(tmp_path: Path) -> None:
    folder = made_up_tables.trials(tmp_path / "t", FOUND)
    table = write_trials_report(folder)
    page = table.report.read_text()
    assert "Of 4 trials, weight 2 is judged best: im 1.200, where the settings to begin with have 0.900." in page
    assert "landbridge adapt 1" in page
    assert "87.5" in page
    assert "A cross at the foot: training diverged." in page
    assert "A ring is never chosen" in page
    assert page.count('<svg class="drawing') == 3, "over trials in two shapes, and over the one setting"
    assert "http" not in page.replace("http://www.w3.org", "")
    assert sorted(path.name for path in folder.glob("*.*")) == [
        "report.html", "table.json", "table.md", "trials.csv", "tune.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "lead"),
    [
        ({1: {"score": 0.8}}, "None of the 4 trials is judged better than the settings to begin with."),
        ({PLAIN: {"score": 2.0}}, "None of the 4 trials is judged better than source-only: nothing is adapted."),
        (dict.fromkeys(range(4)), "None of the 4 trials can be used."),
        ({0: None}, "Of 4 trials, weight 2 is judged best."),
        ({1: {"score": 1.2, "target_accuracy": None}}, "Of 4 trials, weight 2 is judged best: im 1.200"),
    ],
)
def test_what_came_out_in_a_sentence(changed: dict[int, None], lead: str, tmp_path: Path) -> None:
    page = write_trials_report(made_up_tables.trials(tmp_path / "t", {**FOUND, **changed})).report.read_text()
    assert lead in page
    assert ("landbridge adapt" in page) == ("can be used" not in lead)
