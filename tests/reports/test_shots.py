"""The page of a study over shots."""

import json
import re
from pathlib import Path

import pytest

from landbridge.reports.shots import write_shots_report
from made_up_tables import study


def test_page_and_tables(tmp_path: Path) -> None:
    table = write_shots_report(study(tmp_path))
    page = table.report.read_text()
    assert json.loads((tmp_path / "table.json").read_text())["verdicts"] == table.verdicts()
    assert (tmp_path / "table.md").read_text() == table.to_markdown()
    for said in ("caltech101", "80.0 ± 4.1", "learned: 90.0", "80.6", "landbridge finetune lenet caltech101", "a cut"):
        assert said in page
    for method in ("svm", "deep", "full"):
        assert page.count(f">{method}<") >= 4, f"{method} is not named at the ends of its lines"
    assert not re.search(r"""(?:src|href)=["']https?://""", page)
    assert "not finished" not in page


def test_both_drawings_say_what_they_show(tmp_path: Path) -> None:
    page = write_shots_report(study(tmp_path)).report.read_text()
    labels = re.findall(r'aria-label="([^"]*)"', page)
    assert any("class-averaged accuracy (%) over labelled" in label and "with 1 it is svm" in label for label in labels)
    assert any("points above the test" in label and "svm 10.0" in label for label in labels)


@pytest.mark.parametrize("methods", [{"svm": 1}, {"full": 1}])
def test_a_single_draw_has_no_intervals(tmp_path: Path, methods: dict[str, int]) -> None:
    page = write_shots_report(study(tmp_path, methods)).report.read_text()
    assert " ± " not in page.partition("<tbody")[2].partition("</tbody>")[0]


def test_unfinished_cells_are_told(tmp_path: Path) -> None:
    page = write_shots_report(study(tmp_path, unfinished=3)).report.read_text()
    assert "3 cells are not finished" in page
