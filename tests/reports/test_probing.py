"""The page of a table of layers."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landbridge.evaluation import snapshot
from landbridge.probing.folder import cells_of, file_of, folder_of, read_tables
from landbridge.reports.probing import short_name, write_probe_report
from landbridge.reports.probing_plots import confused, pairs, plane

MANY = tuple(f"thing {number}" for number in range(30))
FEW = ("cat", "dog", "<b>cow</b>")


def folder_of_cells(
    folder: Path,
    classes: tuple[str, ...] = FEW,
    domains: tuple[str, ...] = ("caltech101",),
    shots: tuple[int, ...] = (30,),
    backbone: str = "timm/net?width=2",
    unfinished: int = 0,
) -> Path:
    """A table whose accuracy rises to the third layer and falls after it."""
    described = [
        {
            "name": name, "classes": classes, "headline": "mean_class_accuracy", "shots": shots, "seeds": [0, 1],
            "train": 90, "test": 20, "note": "", "skipped": 0,
        }
        for name in domains
    ]  # fmt: skip
    layers = [{"name": f"block{n}", "read": f"block{n}", "number": n, "width": 8 * n} for n in range(1, 6)]
    plan = {
        "backbone": backbone, "weights": "w.safetensors", "fingerprint": "f" * 64, "pool": "mean", "seed": 0,
        "unreadable": 0.01, "handcrafted": True, "classifiers": ["svm", "softmax"], "domains": described,
        "layers": [*layers, {"name": "hog", "read": "output", "number": None, "width": 8100}],
        "device": "cpu", "command": "landbridge probe 'timm/net?width=2' caltech101", "versions": {"landbridge": "0"},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "probe.json").write_text(json.dumps(plan))
    n = len(classes)
    for domain in described:
        every = cells_of(plan, domain)
        for cell in every[: len(every) - unfinished]:
            number = next(layer["number"] for layer in plan["layers"] if layer["name"] == cell.layer)
            value = 0.3 if number is None else (0.4, 0.6, 0.9, 0.85, 0.8)[number - 1]
            value += 0.01 * cell.seed - 0.05 * (cell.classifier == "softmax") - 0.1 / (cell.shots or 1)
            content = cell._asdict() | {
                "settings": {"C": 0.1, "random_state": 0}, "seconds": 2.0, "by_class": [value] * n,
                "metrics": {"accuracy": value, "mean_class_accuracy": value},
                "confused": [[i, i, 8] for i in range(n)] + [[0, 1, 2], [1, 2, 1]],
            }  # fmt: skip
            path = folder / "cells" / file_of(cell)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        rng = np.random.default_rng(0)
        labels = np.arange(4 * n) % n
        features = rng.normal(size=(4 * n, 6)) + 4 * rng.normal(size=(n, 6))[labels]
        taken = {"features": features.astype(np.float16), "label": labels, "predicted": np.roll(labels, 0)}
        snapshot.save(taken, folder / "best" / f"{folder_of(domain['name'])}.npz")
    return folder


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


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_one_file_that_asks_nothing_of_the_world(tmp_path: Path) -> None:
    found = write_probe_report(folder_of_cells(tmp_path / "t"))
    page = found.report.read_text()
    reader = read(page)
    assert not reader.open
    assert not reader.asked
    assert len(reader.ids) == len(set(reader.ids))
    assert "<script" not in page
    assert "url(http" not in page
    assert len(page) < 400_000
    assert {path.name for path in found.folder.iterdir()} >= {"table.json", "table.md", "report.html"}
    assert (found.folder / "table.md").read_text() == found.to_markdown()
    assert json.loads((found.folder / "table.json").read_text()) == json.loads(json.dumps(found.to_json()))


def test_what_the_page_says(tmp_path: Path) -> None:
    page = write_probe_report(folder_of_cells(tmp_path / "t")).report.read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1])).replace("\u00a0", " ")
    for said in (
        "SVM (3) is the best: 90.2 ± 0.7 % class-averaged accuracy from 30 labelled examples a class",
        "HOG + SVM",
        "what was learned adds +60.0",
        "published: SVM (5) 86.2 %",
        "From SVM (1) to SVM (3) depth adds 50.0 points; half of them are there by SVM (3)",
        "Beyond, 10.0 are lost again",
        "SVM (5) of 7",
        "cat called dog (20 %)",
        "SVM (3): C 0.1",
        "test labels had no say",
        "fingerprint ffffffffffffffff",
        "draws by seeds 0, 1",
        "44 s of classifiers",
    ):
        assert said in text, said
    assert "&lt;b&gt;cow" in page
    assert "<b>cow" not in page
    assert page.count('class="drawing wide"') == 1
    assert "landbridge probe" in page


def test_many_classes_show_only_what_is_confused(tmp_path: Path) -> None:
    page = write_probe_report(folder_of_cells(tmp_path / "t", classes=MANY)).report.read_text()
    assert "Commonest confusions of SVM (3): thing 0 called thing 1 20 %; thing 1 called thing 2 11 %" in page
    assert "The 2 commonest of 30 classes" in page.replace("\u00a0", " ")
    assert "all others grey" in page
    assert "in colour: thing 0, thing 1, thing 2" in page


def test_several_shots_and_domains(tmp_path: Path) -> None:
    one = write_probe_report(folder_of_cells(tmp_path / "one", shots=(1, 5, 20))).report.read_text()
    assert one.count('id="shots"') == 1
    assert "Accuracy over labelled examples a class: HOG + SVM from 20.5 to 30.0 %; SVM (3) from 80.5 to 90.0 %" in one
    domains = ("pacs/photo?classes=dog,horse", "pacs/sketch?classes=dog,horse")
    found = write_probe_report(folder_of_cells(tmp_path / "two", domains=domains, shots=(1, 5)))
    page = found.report.read_text()
    assert not read(page).open
    assert page.count('id="shots"') == 1
    assert "pacs/photo?classes=dog,horse: SVM (3)" in page
    assert "pacs/sketch?classes=dog,horse: SVM (3)" in page
    assert page.count('id="table') == 2
    assert "published" not in page.split("</style>")[1]


def test_the_network_of_the_literature_has_its_figures_in_the_rows(tmp_path: Path) -> None:
    page = write_probe_report(folder_of_cells(tmp_path / "t", backbone="torchvision/alexnet")).report.read_text()
    assert page.count('data-label="published %"') == 6  # SVM 1 to 5, Softmax 5
    assert "44.8 ± 0.7" in page
    assert "of 7</th>" not in page


def test_unfinished_tables_say_so_and_need_no_picture(tmp_path: Path) -> None:
    folder = folder_of_cells(tmp_path / "t", unfinished=14)
    (folder / "best" / "caltech101.npz").unlink()
    page = write_probe_report(folder).report.read_text()
    assert "14 cells are not finished" in page
    assert "t-SNE" not in page
    assert read_tables(folder).tables[0].unfinished == 14


def test_pairs_and_planes_at_the_edges() -> None:
    assert pairs(np.diag([3.0, 0.0, 5.0]), FEW) == []
    assert pairs(np.array([[1.0, 3.0], [2.0, 2.0]]), FEW, 1) == [(0, 1, 0.75)]
    drawing = confused([(0, 1, 0.75), (1, 0, 0.5)], FEW, "few", "SVM (1)")
    assert "cat called dog 75 %; dog called cat 50 %" in drawing
    taken = {"features": np.zeros((3, 4)), "label": np.array([0, 1, -1]), "predicted": np.array([0, 0, 1])}
    assert "in colour: cat, dog" in plane(taken, FEW, [0, 1], "same", "SVM (1)")


@pytest.mark.parametrize(
    ("spec", "name"),
    [("timm/mobilenetv2_100?pad_type=same", "mobilenetv2_100"), ("hog", "hog"), ("nets.py:make", "nets.py:make")],
)
def test_short_names(spec: str, name: str) -> None:
    assert short_name(spec) == name
