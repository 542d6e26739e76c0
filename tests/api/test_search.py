"""`landbridge search`: by an image, in an index or a folder."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landbridge.api import _indexing
from landbridge.api.index import index
from landbridge.api.search import search
from landbridge.cli import main
from landbridge.core.errors import LandbridgeError
from landbridge.core.files import cache_folder
from landbridge.retrieval import open_index
from refusals import refused

Maker = Callable[..., Path]
LENET: dict[str, Any] = {"backbone": "lenet", "quiet": True, "device": "cpu"}


@pytest.fixture
def indexed(image_folder: Maker, tmp_path: Path) -> tuple[Path, Path]:
    """A folder of images, and its index."""
    folder = image_folder("photos", each=8)
    index(str(folder), out=str(tmp_path / "index"), **LENET)
    return folder, tmp_path / "index"


def test_hits_are_the_nearest(indexed: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, where = indexed
    query, out = folder / "dog/3.png", tmp_path / "found"
    hits = search(str(where), image=str(query), k=5, out=str(out), quiet=True, device="cpu")
    vectors, ids = open_index(where).vectors, open_index(where).ids
    near = vectors.astype(float) @ vectors[ids.index("dog/3.png")].astype(float)
    expected = np.argsort(-near)[:5]
    assert [hit["path"] for hit in hits] == [str(folder / ids[i]) for i in expected]
    assert [hit["score"] for hit in hits] == pytest.approx(near[expected], abs=1e-5)
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    assert hits[0] | {"score": 1} == {"rank": 1, "score": 1, "class": "dog", "path": str(query)}
    written = json.loads((out / "results.json").read_text())
    assert written["hits"] == hits
    assert (written["class"], written["images"], written["about"]["backbone"]) == ("dog", 16, "lenet")

    words = ["search", str(where), "--image", str(query), "--k", "3", "--out", str(out), "--device", "cpu"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"report: {out / 'report.html'}" in printed
    assert "dog/3.png" in printed
    assert "rank" in printed
    page = (out / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') == 4
    assert "the query itself" in page
    assert "Of 2 others, 2 are of the query's class, dog." in page.replace("&#39;", "'")
    assert f"landbridge search {where} --image {query} --k 3" in page


def test_a_folder_is_indexed_first_and_only_once(
    image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    folder, seen = image_folder("photos", each=4), []
    make = _indexing.Maker.vectors

    def counted(self: _indexing.Maker, domain: Any) -> Any:
        seen.append(sum(len(examples) for examples in domain.splits.values()))
        return make(self, domain)

    monkeypatch.setattr(_indexing.Maker, "vectors", counted)
    asked: dict[str, Any] = {"image": str(folder / "cat/1.png"), "out": str(tmp_path / "found"), **LENET}
    first = search(str(folder), **asked)
    assert first[0]["path"] == str(folder / "cat/1.png")
    assert search(str(folder), **asked) == first
    assert seen == [8]
    (folder / "cat/1.png").rename(folder / "cat/moved.png")
    asked["image"] = str(folder / "cat/moved.png")
    assert search(str(folder), **asked)[0]["path"] == str(folder / "cat/moved.png")
    assert seen == [8, 1]
    (kept,) = cache_folder("indices").iterdir()
    (kept / "entries.json").write_text("{")  # damaged: made anew
    assert search(str(folder), **asked)[0]["path"] == str(folder / "cat/moved.png")
    assert seen == [8, 1, 8]


def test_images_without_classes(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    for shade in (0, 90, 180):
        Image.new("RGB", (100, 70), (shade, 40, 200)).save(tmp_path / "loose" / f"{shade}.jpg")
    Image.new("L", (30, 30), 77).save(tmp_path / "query.png")
    out = tmp_path / "found"
    hits = search(str(tmp_path / "loose"), image=str(tmp_path / "query.png"), out=str(out), **LENET)
    assert [sorted(hit) for hit in hits] == [["path", "rank", "score"]] * 3
    assert "of the query's class" not in (out / "report.html").read_text().replace("&#39;", "'")


def test_a_domain_whose_images_are_no_files(tmp_path: Path) -> None:
    Image.new("L", (28, 28), 0).save(tmp_path / "black.png")
    out = tmp_path / "found"
    hits = search("digits/handwritten", image=str(tmp_path / "black.png"), k=3, out=str(out), **LENET)
    assert all(hit["path"].split("/")[0] in ("train", "test") for hit in hits)
    page = (out / "report.html").read_text()
    assert page.count('class="pixels"') == 4
    assert "no picture" not in page.split("</style>")[1]


def test_pictures_that_are_gone_are_said_so(indexed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, where = indexed
    query = tmp_path / "query.png"
    (folder / "cat/0.png").rename(query)
    search(str(where), image=str(query), k=16, out=str(tmp_path / "found"), quiet=True)
    page = (tmp_path / "found/report.html").read_text().split("</style>")[1]
    assert page.count(">no picture<") == 1


def test_what_cannot_be_searched(
    indexed: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, where = map(str, indexed)
    query = f"{folder}/cat/1.png"
    refused(
        capsys, ["search", where, "a red car"], "'a red car' cannot be looked for: lenet sees images only", "--model"
    )
    refused(capsys, ["search", folder, "a red car", "--backbone", "lenet"], "sees images only", "landbridge align")
    refused(capsys, ["search", where, "--recipe", "Kale. 1 cup kale"], "recipes cannot be looked for", "--model MODEL")
    refused(capsys, ["search", where], "nothing to look for", "a sentence in quotes", "--recipe FILE")
    refused(capsys, ["search", where, " "], "nothing to look for")
    refused(capsys, ["search", where, "a car", "--image", query], "one thing is looked for at a time")
    refused(capsys, ["search", where, f"{folder}/no.png"], "no such image file", "no.png", "a sentence would not")
    refused(capsys, ["search", where, "--image", query, "--k", "0"], "k must be at least 1, not 0")
    refused(capsys, ["search", where, "--image", f"{folder}/no.png"], "no such image file", "no.png")
    refused(capsys, ["search", where, "--image", folder], "no such image file")
    refused(capsys, ["search", folder, "--image", query], "with --backbone", "--model a dual encoder")
    refused(capsys, ["search", where, "--image", query, "--backbone", "ganin-mnist"], "another model (lenet)")
    refused(capsys, ["search", str(tmp_path / "nowhere"), "--image", query, "--backbone", "lenet"], "nowhere")
    bad = tmp_path / "bad.png"
    bad.write_text("a text file named .png")
    refused(capsys, ["search", where, "--image", str(bad)], "cannot read", "bad.png", "not an image, or damaged")
    (indexed[1] / "vectors.npy").write_bytes(b"nonsense")
    refused(capsys, ["search", where, "--image", query], "vectors.npy is damaged", "make the index anew")
    assert not (tmp_path / "runs").exists()


def test_a_graph_without_faiss(indexed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, where = indexed
    query = str(folder / "cat/1.png")
    index(str(folder), factory="HNSW8,Flat", out=str(where), **LENET)
    assert search(str(where), image=query, k=1, out=str(tmp_path / "o"), quiet=True)[0]["path"] == query
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(LandbridgeError, match=r'pip install "landbridge\[retrieval\]"'):
        search(str(where), image=query, out=str(tmp_path / "o"), quiet=True)


def test_the_default_folder(indexed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, where = indexed
    monkeypatch.chdir(tmp_path)
    hits = search(str(where), image=str(folder / "cat/1.png"), quiet=True)
    assert hits[0]["path"] == "photos/cat/1.png"  # below here, so from here
    (found,) = (tmp_path / "runs").iterdir()
    assert found.name.endswith("-search")
    assert sorted(path.name for path in found.iterdir()) == ["report.html", "results.json"]
