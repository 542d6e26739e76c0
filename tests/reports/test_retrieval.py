import base64
import html
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image

from landbridge.reports.retrieval import LARGE, SMALL, Shown, shown, write_search_report


def image(height: int, width: int, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (channels, height, width), generator=generator, dtype=torch.uint8)


def opened(card: Shown) -> Image.Image:
    assert card.picture is not None
    return Image.open(io.BytesIO(base64.b64decode(card.picture.partition(",")[2])))


def page_of(folder: Path, count: int = 12) -> Path:
    query = shown("pictures/a <b>& long name of a query.jpg", image(900, 1200), LARGE, label="cat")
    hits = [
        shown(
            f"a/rather/long/folder/of/things/number {number}.jpg",
            image(300, 200 + 20 * number) if number else None,
            label=f"a class with a rather long name {number}" if number != 3 else None,
            score=1 - number / 20,
            fits=(number % 2 == 0) if number not in (1, 3) else None,
            itself=number == 1,
        )
        for number in range(count)
    ]
    return write_search_report(folder, query, hits, [("searched", "x" * 300)], "landbridge search WHERE --image FILE")


def test_pictures_are_small_and_keep_their_shape() -> None:
    large = shown("a.jpg", image(900, 1200), LARGE)
    assert opened(large).size == (640, 480)
    assert opened(large).format == "JPEG"
    assert opened(shown("a.jpg", image(1200, 900))).size == (225, SMALL)
    tiny = shown("a.png", image(28, 28, channels=1))
    assert (opened(tiny).size, opened(tiny).format, tiny.pixelated) == ((28, 28), "PNG", True)
    assert torch.equal(torch.tensor(opened(tiny).getpixel((3, 5))), image(28, 28, channels=1)[:, 5, 3].expand(3))
    assert shown("a.png", None).picture is None


def test_marks() -> None:
    marks = [shown("a", None, fits=fits).mark for fits in (True, False, None)]
    assert marks == ["✓", "✗", ""]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.sources += [value for name, value in attrs if name in ("src", "href") and value]
        if tag == "img":
            assert named.get("alt")
        if tag not in ("img", "meta", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle"):
            assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_hides_nothing(tmp_path: Path) -> None:
    path = page_of(tmp_path)
    text = path.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert len(reader.sources) == 12  # the query and eleven hits; one picture is gone
    assert all(source.startswith("data:image/") for source in reader.sources)
    assert "a &lt;b&gt;&amp; long name" in text
    assert "<b>& long" not in text
    assert text.count(">no picture<") == 1
    assert text.count("the query itself") == 1
    assert "Of 10 others, 6 are of the query" in text
    assert "landbridge search WHERE --image FILE" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    before = text
    assert page_of(tmp_path).read_text() == before


def test_one_hit_reads_as_one(tmp_path: Path) -> None:
    hits = [shown("b.png", image(30, 30), score=0.5, label="cat", fits=True)]
    text = write_search_report(tmp_path, shown("a.png", image(30, 30), label="cat"), hits, []).read_text()
    assert "The nearest. Of 1 other, 1 is of the query" in text


@pytest.mark.parametrize("sentence", ["a <b>dog</b> & a beach", "a dog that runs " * 20])
def test_a_sentence_stands_where_the_picture_would(tmp_path: Path, sentence: str) -> None:
    hits = [shown(f"{number}.png", image(90, 90), score=0.5, label="dog") for number in range(3)]
    text = write_search_report(tmp_path, sentence, hits, [("searched", "photos")]).read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert len(reader.sources) == 3
    assert f"“{html.escape(sentence)}”</h1>" in text
    assert ('<h1 class="long">' in text) == (len(sentence) > 90)
    assert "The 3 nearest images to these words." in text
    assert "the cosine between the sentence and the image" in text
    assert "of the query" not in text.partition("</style>")[2]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_no_sideways_scrolling(tmp_path: Path, width: int) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("needs a headless Chromium")
    page_of(tmp_path, 30)
    frame = (
        f'<iframe id="f" src="report.html" style="border:0" width="{width}" height="900"></iframe><script>'
        "onload = () => { const e = document.getElementById('f').contentDocument.documentElement;"
        "document.title = `${e.scrollWidth} ${e.clientWidth} ${e.scrollHeight}` }</script>"
    )
    (tmp_path / "frame.html").write_text(frame)
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
             "--allow-file-access-from-files", "--virtual-time-budget=5000",
             f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 20},1000",
             "--dump-dom", (tmp_path / "frame.html").as_uri()]  # fmt: skip
    dom = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    measured = re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom)
    assert measured, dom[-500:]
    scroll, client, height = map(int, measured.groups())
    assert client >= width - 20
    assert scroll <= client
    assert height > 1000
