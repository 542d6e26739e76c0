"""The page of curves over copied layers, of one pair of domains and of several side by side."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from landbridge.api.report import report
from landbridge.core.errors import MissingDataError
from landbridge.finetuning.copying import Copying, copyings
from landbridge.reports.depth import general, rule, together, verdicts, write_depth_report, write_depths_report
from landbridge.runs import Result, Run

Accuracy = Callable[[Copying], float]


def made(folder: Path, accuracy: Accuracy, unfinished: int = 0, **changes: Any) -> Path:
    """A folder of cells; seeds differ by a little, in all cells alike."""
    plan = {
        "source": "<b>one", "target": "two", "backbone": "lenet?width=2", "groups": ["stem", "a", "b", "c"],
        "inputs": "images", "settings": {"shots": 5, "steps": 100, "weights": None}, "depths": [0, 1, 2, 3, 4],
        "ends": ["first", "last"], "modes": ["frozen", "tuned"], "seeds": [0, 1, 2],
        "command": "landbridge transfer-depth one two", "versions": {"landbridge": "0"},
    } | changes  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "depth.json").write_text(json.dumps(plan))
    cells = [(copying, seed) for seed in plan["seeds"] for copying in copyings(plan)]
    for copying, seed in cells[: len(cells) - unfinished]:
        metrics = {"target_accuracy": accuracy(copying) + 0.01 * seed}
        result = Result("full", "one", "two", "net", "", "last", seed, 100, "cpu", 1.0, metrics, versions={})
        Run(folder / "cells" / copying.name / str(seed), {"seed": seed}).finish(result)
    return folder


def first_wins(copying: Copying) -> float:
    """Transfer helps, most where the first layers are copied; the middle cannot be split frozen."""
    if copying.copied in (0, 4):
        return 0.5 + 0.1 * copying.copied - 0.05 * (copying.mode == "frozen" and copying.copied == 4)
    value = 0.7 + 0.02 * copying.copied - 0.2 * (copying.end == "last")
    return value - 0.15 * (copying.mode == "frozen" and copying.copied == 2)


def last_wins(copying: Copying) -> float:
    other = {"first": "last", "last": "first"}[copying.end]
    return first_wins(copying._replace(end=other))


class Reader(HTMLParser):
    """Finds what a page asks of the world, its ids, and tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.asked += [v for k, v in given.items() if k in ("src", "href") and v and not v.startswith(("#", "data:"))]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def sound(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    assert not reader.asked
    assert len(reader.ids) == len(set(reader.ids))
    assert "<script" not in page


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1])).replace("\u00a0", " ")


def test_one_page_that_says_what_was_found(tmp_path: Path) -> None:
    table = write_depth_report(made(tmp_path / "t", first_wins))
    page = table.report.read_text()
    sound(page)
    text = words(page)
    for said in (
        "Copying all of 4 groups, tuned, is the best: 91.0 ± 1.0 (88.5 to 93.5) % target accuracy, 40.0 points",
        "The first layers minus the last, mean over n: +20.0 points (20.0 to 20.0) frozen",
        "Here the rule of thumb for images, copy the first layers, holds.",
        "The first 1 of 4 groups are general, within a point as good frozen as trained on; freezing the first 2 costs "
        "15.0 points",
        "With the first 2 frozen, accuracy falls 13.0 points",
        "4 layer groups: stem, a, b, c",
        "landbridge transfer-depth one two",
        "0 of 4, from scratch",
    ):
        assert said in text, said
    assert "<b>one" not in page
    assert page.count('class="drawing wide"') == page.count('class="drawing narrow"') == 1
    assert (table.folder / "table.md").read_text() == table.to_markdown()
    assert json.loads((table.folder / "table.json").read_text())["rows"][0]["mean"] == pytest.approx(0.51)


def test_the_rule_of_thumb(tmp_path: Path) -> None:
    def verdict(name: str, accuracy: Accuracy, **changes: Any) -> tuple[str, str]:
        found = rule(write_depth_report(made(tmp_path / name, accuracy, **changes)))
        assert found
        return found.tone, found.text.partition("tuned. ")[2]

    speech = "Here the rule of thumb for recordings, copy the last layers,"
    assert verdict("a", last_wins, inputs="recordings") == ("good", f"{speech} holds.")
    assert verdict("b", first_wins, inputs="recordings") == ("bad", f"{speech} does not hold.")
    tone, text = verdict("c", lambda copying: 0.5)
    assert (tone, text.partition(",")[0]) == ("mixed", "No clear difference")

    def crossed(copying: Copying) -> float:
        return first_wins(copying) if copying.mode == "frozen" else last_wins(copying)

    assert verdict("d", crossed)[1].endswith("holds in one mode and not in the other.")
    assert verdict("e", first_wins, inputs="vectors") == ("unknown", "Better to copy: the first.")


def test_what_cannot_be_said_is_left_out(tmp_path: Path) -> None:
    table = write_depth_report(made(tmp_path / "t", first_wins, ends=["first"], modes=["tuned"]))
    assert rule(table) is None
    assert general(table, "first") is None
    assert together(table, "first") is None
    assert verdicts(table) == []
    frozen = write_depth_report(made(tmp_path / "f", lambda copying: 0.5, modes=["frozen"]))
    valley = together(frozen, "first")
    assert valley
    assert "no clear valley" in valley.text


def test_one_seed_and_cells_that_are_missing(tmp_path: Path) -> None:
    table = write_depth_report(made(tmp_path / "t", first_wins, unfinished=2, seeds=[0]))
    text = words(table.report.read_text())
    assert "2 cells are not finished" in text
    assert "points (one seed)" in text
    assert "±" not in table.to_markdown()


def test_several_side_by_side_in_one_picture(tmp_path: Path) -> None:
    made(tmp_path / "a", first_wins)
    made(tmp_path / "b", last_wins, inputs="recordings", source=None)
    (tmp_path / "c").mkdir()
    assert report(str(tmp_path)) == tmp_path / "report.html"
    page = (tmp_path / "report.html").read_text()
    sound(page)
    assert page.count('class="drawing wide"') == 1
    assert page.count('class="drawing narrow"') == 2
    text = words(page)
    assert text.count("is the best: ") == 2
    assert "for images, copy the first layers, holds" in text
    assert "for recordings, copy the last layers, holds" in text
    assert "given weights to two" in text
    with pytest.raises(MissingDataError, match="no folder in"):
        write_depths_report(tmp_path / "c")
