"""The page of groups left out."""

import json
import re
from pathlib import Path

from landbridge.reports.speakers import part_of, write_leave_out_report
from made_up_tables import left_out


def test_page_and_tables(tmp_path: Path) -> None:
    table = write_leave_out_report(left_out(tmp_path))
    page = table.report.read_text()
    assert json.loads((tmp_path / "table.json").read_text())["rows"][1]["halved"] == {"full": True, "frozen": False}
    assert (tmp_path / "table.md").read_text() == table.to_markdown()
    assert "error ×0.45, halved" in page
    assert "error ×0.90, not halved" in page
    for said in ("a speaker never met before", "tunes the head alone", "tunes all layers", *table.verdicts()):
        assert said in page.replace("\u00a0", " ")
    assert not re.search(r"""(?:src|href)=["']https?://""", page)


def test_both_drawings_say_what_they_show(tmp_path: Path) -> None:
    page = write_leave_out_report(left_out(tmp_path)).report.read_text()
    labels = re.findall(r'aria-label="([^"]*)"', page)
    assert any(
        "Errors of each speaker before and after full" in label and "ann 25.0" in label and "ann, adapted 7.5" in label
        for label in labels
    )
    assert any("by the part that was tuned: nothing 23.3" in label and "frozen " in label for label in labels)


def test_before_any_adaptation_is_finished(tmp_path: Path) -> None:
    page = write_leave_out_report(left_out(tmp_path, unfinished=12)).report.read_text()
    assert "12 cells are not finished" in page
    assert "Which layers it takes" not in page


def test_parts_in_words(tmp_path: Path) -> None:
    table = write_leave_out_report(left_out(tmp_path))
    assert part_of(table, "first-1") == "stem and the head"
    assert part_of(table, "last-2") == "conv2, conv3 and the head"
