"""`landbridge gap`: its rows, that finished cells are kept, and what it refuses."""

import json
from pathlib import Path

import pytest

import landbridge
from landbridge.api._gaps import rows_of
from landbridge.cli import main, parse
from refusals import refused
from scene_folders import scene_folder

SMALL = [
    "--steps",
    "2",
    "--batch-size",
    "2",
    "--backbone",
    "light/small-cnn?head.width=8",
    "--quiet",
    "--device",
    "cpu",
]
SMALL += ["--method", "minent"]


def targets(*words: str | None) -> list[tuple[str, str]]:
    source, target, knobs, size = words
    assert source is not None
    assert target is not None
    return [(row["name"], row["target"]) for row in rows_of(source, target, knobs, size)]


def test_all_knobs_are_turned_one_at_a_time() -> None:
    assert targets("streets/sim", "streets/real-ish", None, "48x32") == [
        ("weather=fog", "streets/sim?size=48x32&weather=fog"),
        ("light=dusk", "streets/sim?size=48x32&light=dusk"),
        ("location=town", "streets/sim?size=48x32&location=town"),
        ("sensor=noise", "streets/sim?size=48x32&sensor=noise"),
        ("all of it", "streets/real-ish?size=48x32"),
    ]


def test_knobs_go_where_the_target_or_the_user_says() -> None:
    assert targets("streets/sim", "streets/real-ish?light=night&weather=rain", "light,weather=fog", None) == [
        ("light=night", "streets/sim?light=night"),
        ("weather=fog", "streets/sim?weather=fog"),
        ("all of it", "streets/real-ish?light=night&weather=rain"),
    ]
    assert [name for name, _ in targets("streets/sim?light=dusk", "streets/real-ish", None, None)] == [
        "weather=fog", "location=town", "sensor=noise", "all of it",
    ]  # fmt: skip


def test_domains_without_knobs_have_one_row() -> None:
    assert targets("camvid/day", "camvid/dusk", None, "48x32") == [("all of it", "camvid/dusk")]
    assert targets("streets/sim", "camvid/day", "light", None)[-1] == ("all of it", "camvid/day")


def test_cells_are_kept_and_the_folder_is_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [scene_folder(tmp_path / "day"), scene_folder(tmp_path / "dusk", dusk=1.0, seed=5)]
    words = ["gap", *pair, *SMALL, "--size", "32x32", "--out", str(tmp_path / "table")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "| all of it |" in printed
    cells = list((tmp_path / "table").glob("cells/0/*/metrics.json"))
    assert sorted(path.parent.name for path in cells) == ["minent", "source-only", "target-only"]
    times = {path: path.stat().st_mtime_ns for path in cells}
    cells[0].unlink()
    assert main(words) == 0
    assert all(path.stat().st_mtime_ns == times[path] for path in cells[1:])
    assert cells[0].is_file()
    table = json.loads((tmp_path / "table" / "table.json").read_text())
    (row,) = table["rows"]
    for method, name in (("source-only", "lower"), ("minent", "adapted"), ("target-only", "oracle")):
        result = json.loads((tmp_path / "table/cells/0" / method / "metrics.json").read_text())
        assert row[name] == result["metrics"]["target_miou"]
    again = parse("gap", table["plan"]["command"].replace("'", "").split()[2:])
    assert (again["source"], again["target"], again["steps"], again["size"]) == (*pair, 2, "32x32")
    (tmp_path / "table" / "report.html").unlink()
    assert landbridge.report(str(tmp_path / "table")).is_file()
    refused(capsys, [*words, "--steps", "3"], "holds another table of gaps (settings differ)")


def test_what_cannot_be_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*SMALL, "--out", str(tmp_path / "none")]
    refused(capsys, ["gap", "--knobs", "wether", *words], "unknown knob 'wether'", "did you mean 'weather'?")
    dusk = ["gap", "streets/sim?light=dusk", "streets/real-ish", "--knobs", "light", *words]
    refused(capsys, dusk, "streets/sim?light=dusk sets light itself")
    refused(
        capsys, ["gap", "camvid/day", "camvid/dusk", "--knobs", "light", *words], "only simulated streets have knobs"
    )
    refused(capsys, ["gap", *words, "--method", "source-only"], "is an end of the gap", "advent")
    refused(capsys, ["gap", "streets/sim", *words], "gap needs a TARGET beside streets/sim")
    refused(capsys, ["gap", "--knobs", "light=dawn", *words], "unknown light 'dawn' of a street")
    assert not (tmp_path / "none" / "cells").exists()
