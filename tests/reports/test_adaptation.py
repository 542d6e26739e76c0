"""The report as a file: whole, self-contained, honest, and of a width that fits."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from landbridge.api.report import report
from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.evaluation import snapshot
from landbridge.reports.adaptation import write_comparison_report, write_run_report
from landbridge.runs import Run

Make = Callable[..., Run]
MakeComparison = Callable[..., Path]


class Page(HTMLParser):
    """Every attribute and every word of a page; complains about tags that do not match."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]


def check(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    assert not re.search(r"https?:|@import|<script|<link", text)
    page = Page(text)
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in (*page.all("src"), *page.all("href")))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    refers = {value[1:] for value in page.all("href")} | set(re.findall(r"url\(#([^)]+)\)", text))
    assert refers <= set(ids)
    assert sum(tag == "img" for tag, name, _ in page.attributes if name == "alt") == text.count("<img")
    assert text.count("<svg class") == sum(
        tag == "svg" for tag, name, value in page.attributes if name == "aria-label" and value
    )
    return page


def test_run_with_baseline(tmp_path: Path, run_folder: Make) -> None:
    run = run_folder(tmp_path / "run")
    run_folder(tmp_path / "run" / "baseline", "source-only", accuracy=0.54, domain_accuracy=None, shift=1.9)
    page = check(write_run_report(run))
    for said in ("dann reaches 80.0\u00a0% target accuracy, 26.0 points above source-only", "the domains are confused",
                 "The proxy A-distance fell from 1.90 to 1.00", "inductive", "last", "ganin-mnist",
                 "blended with crops", "landbridge adapt digits/printed digits/photo --method dann --seed 0",
                 "Commonest errors"):  # fmt: skip
        assert said in page.words
    assert sum("then" in alt for alt in page.all("alt")) == 24


def test_run_that_translates(tmp_path: Path, run_folder: Make) -> None:
    run = run_folder(tmp_path, "cycada")
    taken = snapshot.load(tmp_path / "snapshot.npz")
    snapshot.save(taken | {"translated_images": 255 - taken["source_images"]}, tmp_path / "snapshot.npz")
    page = check(write_run_report(run))
    assert "digits/printed as digits/photo below each, what cycada makes of it" in page.words
    assert page.all("alt").count("the same, translated") == 16


def test_run_alone(tmp_path: Path, run_folder: Make) -> None:
    page = check(write_run_report(run_folder(tmp_path, "target-only", oracle=True, domain_accuracy=None)))
    assert "is an oracle" in page.words
    assert "oracle, sees target labels" in page.words


def test_run_with_an_unfinished_baseline(tmp_path: Path, run_folder: Make) -> None:
    run = run_folder(tmp_path / "run")
    run_folder(tmp_path / "run" / "baseline", "source-only", finished=False)
    assert "Not finished, so not in these numbers: baseline" in check(write_run_report(run)).words


def test_run_without_labels(tmp_path: Path, run_folder: Make) -> None:
    run = run_folder(tmp_path, accuracy=None)
    run_folder(tmp_path / "baseline", "source-only", accuracy=None, domain_accuracy=None)
    page = check(write_run_report(run))
    assert "is unknown: no labels" in page.words
    assert "Share of the target called each class" in page.words
    assert "Confusion" not in page.words
    assert "0.0\u00a0%" not in page.words
    assert "truth unknown" in " ".join(page.all("alt"))


def test_run_that_kept_little(tmp_path: Path, run_folder: Make) -> None:
    run = run_folder(tmp_path, log=False)
    (tmp_path / "snapshot.npz").unlink()
    page = check(write_run_report(run))
    assert "What the network sees" in page.words
    assert "Pictures" not in page.words


def test_constant_features_are_drawn_and_called_by_their_name(tmp_path: Path, run_folder: Make) -> None:
    check(write_run_report(run_folder(tmp_path, flat=True, shift=0.0)))


def test_unfinished_run(tmp_path: Path, run_folder: Make) -> None:
    with pytest.raises(MissingDataError, match=r"no metrics\.json yet"):
        write_run_report(run_folder(tmp_path, finished=False))


def test_names_are_escaped(tmp_path: Path, run_folder: Make) -> None:
    names = ["<script>alert(1)</script>", 'a "quoted" & <b>', "$x^2$", "ÿ|é", *map(str, range(6))]
    run = run_folder(tmp_path, classes=names, source="<i>here</i>", target="there & 'now'")
    page = check(write_run_report(run))
    assert "$x^2$" in page.words
    assert "<script>alert(1)</script>" in page.words
    assert "<i>here</i>" in page.words
    assert "i" not in {tag for tag, _, _ in page.attributes}


def test_comparison(tmp_path: Path, comparison_folder: MakeComparison) -> None:
    folder = comparison_folder(tmp_path / "comparison")
    table = write_comparison_report(folder)
    page = check(folder / "report.html")
    assert [row.method for row in table.rows] == ["source-only", "sa", "dann", "target-only"]
    assert json.loads((folder / "table.json").read_text())["rows"][2]["mean"] == pytest.approx(0.78)
    assert "| dann | 78.0 ± 1.3 | 58.5 |" in (folder / "table.md").read_text()
    for said in ("59\u00a0% of the gap", "intervals over seeds are apart", "the gap: 41.0 points",
                 "aligned, and useless", "sa reaches", "landbridge compare digits/printed digits/photo",
                 "target-only (oracle)"):  # fmt: skip
        assert said in page.words
    before = (folder / "report.html").read_text()
    write_comparison_report(folder)
    assert (folder / "report.html").read_text() == before


def test_comparison_names_what_is_unfinished(tmp_path: Path, comparison_folder: MakeComparison) -> None:
    folder = comparison_folder(tmp_path / "comparison", seeds=(0, 1))
    (folder / "cells" / "dann" / "1" / "metrics.json").unlink()
    shutil.rmtree(folder / "cells" / "target-only")
    shutil.rmtree(folder / "illustration")
    assert report(str(folder)) == folder / "report.html"
    assert "not in these numbers: dann/1, target-only/0, target-only/1" in check(folder / "report.html").words


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="neither a run"):
        report(str(tmp_path))
    with pytest.raises(MissingDataError, match="no comparison"):
        write_comparison_report(tmp_path)
    (tmp_path / "comparison.json").write_text('{"methods": ["dann"], "seeds": {"dann": [0]}}')
    with pytest.raises(MissingDataError, match="no cell"):
        report(str(tmp_path))
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(BadDataError, match="not readable JSON"):
        report(str(tmp_path))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_no_sideways_scrolling(tmp_path: Path, comparison_folder: MakeComparison, width: int) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("needs a headless Chromium")
    classes = [f"a rather long name of class number {number}" for number in range(31)]
    write_comparison_report(comparison_folder(tmp_path, seeds=(0, 1), classes=classes, points=40))
    frame = (
        f'<iframe id="f" src="report.html" style="border:0" width="{width}" height="900"></iframe><script>'
        "onload = () => { const e = document.getElementById('f').contentDocument.documentElement;"
        "document.title = `${e.scrollWidth} ${e.clientWidth} ${e.scrollHeight}` }</script>"
    )
    (tmp_path / "frame.html").write_text(frame)
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
             "--allow-file-access-from-files",
             "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}",
             f"--window-size={width + 20},1000",
             "--dump-dom", (tmp_path / "frame.html").as_uri()]  # fmt: skip
    dom = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    measured = re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom)
    assert measured, dom[-500:]
    scroll, client, height = map(int, measured.groups())
    assert client >= width - 20
    assert scroll <= client
    assert height > 2000
