"""`landbridge index`: made, brought up to date, judged, and refused."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landbridge.api import _indexing
from landbridge.api import index as api
from landbridge.api._collection import Collection
from landbridge.api.index import index
from landbridge.cli import main
from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.evaluation.retrieval import leave_one_out
from landbridge.nn.backbones import make_backbone
from landbridge.retrieval import ExactIndex, FaissIndex, make_index, open_index
from refusals import refused

Maker = Callable[..., Path]
LENET: dict[str, Any] = {"backbone": "lenet", "quiet": True, "device": "cpu"}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images went through a network, one number a time that one was asked."""
    counts: list[int] = []
    make = _indexing.Maker.vectors

    def counted(self: _indexing.Maker, domain: Any) -> Any:
        counts.append(sum(len(examples) for examples in domain.splits.values()))
        return make(self, domain)

    monkeypatch.setattr(_indexing.Maker, "vectors", counted)
    return counts


def paint(path: Path, shade: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(shade)
    Image.fromarray(rng.integers(0, max(shade, 1), (20, 20, 3), dtype=np.uint8)).save(path)
    return path


def test_an_index_holds_the_features_of_every_image(image_folder: Maker, tmp_path: Path) -> None:
    folder = image_folder("photos", each=5)
    told = index(str(folder), out=str(tmp_path / "index"), **LENET)
    assert (told["images"], told["added"], told["removed"], told["unreadable"]) == (10, 10, 0, "none")
    assert (told["kind"], told["backbone"], told["weights"]) == ("exact", "lenet", "none")
    opened = open_index(tmp_path / "index", width=told["width"])
    assert opened.ids == [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5)]
    assert opened.payload("dog/3.png")["class"] == "dog"
    maker = _indexing.maker_of(backbone="lenet", device="cpu", quiet=True)
    own = maker.vector_of(folder / "dog/3.png")
    assert opened.search(own, 1).ids == [["dog/3.png"]]
    assert opened.fingerprint == maker.fingerprint
    raw = Image.open(folder / "dog/3.png").resize((28, 28), Image.Resampling.BILINEAR)
    import torch

    torch.manual_seed(_indexing.seed_of(0, "networks"))
    backbone = make_backbone("lenet").eval()
    pixels = torch.from_numpy(np.asarray(raw).copy()).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = backbone(backbone.preprocessing(pixels)).numpy()
    assert own == pytest.approx(expected, abs=1e-5)


def test_only_what_is_new_is_computed(image_folder: Maker, tmp_path: Path, seen: list[int]) -> None:
    folder, out = image_folder("photos", each=5), str(tmp_path / "index")
    index(str(folder), out=out, **LENET)
    again = index(str(folder), out=out, quiet=True, device="cpu")  # the network is that of the index
    assert (again["added"], again["removed"], again["backbone"]) == (0, 0, "lenet")
    assert seen == [10]
    paint(folder / "bird/new.png")
    (folder / "cat/0.png").unlink()
    paint(folder / "cat/1.png")
    os.utime(folder / "cat/1.png", ns=(1, 1))
    changed = index(str(folder), out=out, **LENET)
    assert (changed["images"], changed["added"], changed["removed"]) == (10, 2, 2)
    assert seen == [10, 2]
    opened = open_index(tmp_path / "index")
    assert "cat/0.png" not in opened
    assert opened.payload("bird/new.png")["class"] == "bird"
    fresh = index(str(folder), out=str(tmp_path / "fresh"), **LENET)
    other = open_index(fresh["index"])
    assert sorted(opened.ids) == sorted(other.ids)
    queries = other.vectors
    assert opened.search(queries, 10).scores == pytest.approx(other.search(queries, 10).scores, abs=1e-5)


def test_unreadable_images_are_named_skipped_and_remembered(
    image_folder: Maker, tmp_path: Path, seen: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = image_folder("photos", each=5), tmp_path / "index"
    (folder / "cat/2.png").write_text("a text file named .png")
    words = ["index", str(folder), "--backbone", "lenet", "--out", str(out), "--quiet", "--device", "cpu"]
    refused(capsys, words, "1 of 10 images", "cat/2.png", "--unreadable")
    assert not out.exists()
    assert main([*words, "--unreadable", "0.1"]) == 0
    assert "unreadable: cat/2.png" in capsys.readouterr().out
    told = index(str(folder), out=str(out), unreadable=0.1, **LENET)
    assert (told["images"], told["added"], told["unreadable"]) == (9, 0, "cat/2.png")
    assert seen == [10, 10]  # refused, then made; not tried a third time
    refused(capsys, words, "1 of 10 images", "cat/2.png")
    paint(folder / "cat/2.png")
    mended = index(str(folder), out=str(out), **LENET)
    assert (mended["images"], mended["added"], mended["unreadable"]) == (10, 1, "none")
    for path in folder.rglob("*.png"):
        path.write_text("gone")
    with pytest.raises(BadDataError, match=r"no image of .* can be read: there is nothing to make an index of"):
        index(str(folder), out=str(tmp_path / "other"), unreadable=1.0, **LENET)


def test_another_network_or_other_images_are_refused(
    image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, out = image_folder("a", each=3), image_folder("b", each=3), str(tmp_path / "index")
    index(str(a), out=out, **LENET)
    before = (tmp_path / "index/index.json").read_bytes()
    words = ["index", str(a), "--out", out, "--quiet", "--device", "cpu"]
    refused(capsys, [*words, "--backbone", "ganin-mnist"], "another model (lenet)", "weights and layer")
    refused(capsys, [*words, "--pool", "max"], "another model (lenet)")
    refused(capsys, ["index", str(b), *words[2:]], f"the index is of {a}, not of {b}")
    refused(capsys, ["index", str(a), "--out", str(b), "--backbone", "lenet"], "something else than an index")
    refused(capsys, ["index", str(a), "--out", str(tmp_path / "new")], "with --backbone", "--model a dual encoder")
    refused(capsys, [*words, "--device", "gpu"], "--device is auto, cpu, cuda or mps, not 'gpu'")
    assert (tmp_path / "index/index.json").read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no images in .* or its sub-folders"):
        index(str(tmp_path), out=str(tmp_path / "out"), **LENET)
    with pytest.raises(MissingDataError, match="no such file or folder"):
        index(str(tmp_path / "nowhere"), out=str(tmp_path / "out"), **LENET)


def test_a_layer_and_a_pooling(image_folder: Maker, tmp_path: Path) -> None:
    folder, out = image_folder("photos", each=3), str(tmp_path / "index")
    layer = make_backbone("lenet").layers[0]
    told = index(str(folder), layer=layer, pool="max", out=out, **LENET)
    whole = index(str(folder), out=str(tmp_path / "whole"), **LENET)
    assert told["width"] != whole["width"]
    assert index(str(folder), out=out, quiet=True)["added"] == 0  # layer and pooling as in the index
    with pytest.raises(LandbridgeError, match="no layer 'nowhere'"):
        index(str(folder), layer="nowhere", out=str(tmp_path / "o"), **LENET)


def test_the_kind_of_index_can_be_chosen_and_changed(image_folder: Maker, tmp_path: Path, seen: list[int]) -> None:
    folder, out = image_folder("photos", each=20), str(tmp_path / "index")
    assert index(str(folder), factory="HNSW8,Flat", out=out, **LENET)["kind"] == "HNSW8,Flat"
    graph = open_index(out)
    assert isinstance(graph, FaissIndex)
    assert index(str(folder), out=out, **LENET)["kind"] == "HNSW8,Flat"
    assert index(str(folder), factory="exact", out=out, **LENET)["kind"] == "exact"
    exact = open_index(out)
    assert isinstance(exact, ExactIndex)
    assert seen == [40]
    assert exact.vectors == pytest.approx(graph.vectors, abs=1e-6)
    assert [exact.payload(id_) for id_ in exact.ids] == [graph.payload(id_) for id_ in graph.ids]


def test_judging(image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = image_folder("photos", each=12), tmp_path / "index"
    paint(folder / "loose.png")
    words = ["index", str(folder), "--backbone", "lenet", "--out", str(out), "--quiet", "--device", "cpu"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    opened = open_index(out)
    labels = [opened.payload(id_).get("class") for id_ in opened.ids]
    known = [number for number, label in enumerate(labels) if label]
    found = leave_one_out(opened.vectors[known], [labels[number] == "dog" for number in known])
    written = json.loads((out / "metrics.json").read_text())
    assert written["precision"]["10"] == pytest.approx(found.precision[10])
    assert written["mean_average_precision"] == pytest.approx(found.mean_average_precision)
    assert written["by_class"]["cat"]["mean_average_precision"] == pytest.approx(
        found.by_class[False].mean_average_precision
    )
    assert (written["queries"], written["without_class"], written["about"]["backbone"]) == (24, 1, "lenet")
    assert "leave-one-out" in written["protocol"]
    assert f"precision_at_10: {found.precision[10]:.4f}" in printed
    assert f"mean_average_precision: {found.mean_average_precision:.4f}" in printed
    assert str(out / "metrics.json") in printed
    assert found.precision[1] == 1  # a square above is told from one below
    assert main(words) == 0  # nothing is new, and it is judged all the same
    assert "precision_at_10" in capsys.readouterr().out
    paint(folder / "cat/late.png")
    assert main([*words, "--no-judge"]) == 0
    assert "precision" not in capsys.readouterr().out
    assert not (out / "metrics.json").exists()  # it told of another index


def test_nothing_to_be_judged(tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / "loose" / f"{number}.png")
        paint(tmp_path / "single" / str(number) / "one.png")
    for name in ("loose", "single"):
        told = index(str(tmp_path / name), out=str(tmp_path / f"index-{name}"), **LENET)
        assert not [word for word in told if "precision" in word]
        assert not (tmp_path / f"index-{name}" / "metrics.json").exists()


def test_a_sample_judges_large_sets(image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "JUDGED", 7)
    told = index(str(image_folder("photos", each=12)), out=str(tmp_path / "index"), **LENET)
    assert (told["images"], told["queries"]) == (24, 7)


def test_ids_and_classes_of_folders(tmp_path: Path) -> None:
    for name in ("a.png", "cat/1.png", "cat/deeper/2.JPG", "dog/3.png"):
        paint(tmp_path / "mixed" / name)
    (tmp_path / "mixed/notes.txt").write_text("no image")
    items = Collection(str(tmp_path / "mixed")).items
    assert {id_: item.label for id_, item in items.items()} == {
        "a.png": None, "cat/1.png": "cat", "cat/deeper/2.JPG": "cat", "dog/3.png": "dog",
    }  # fmt: skip
    for name in ("train/cat/1.png", "test/dog/2.png"):
        paint(tmp_path / "split" / name)
    assert [item.label for item in Collection(str(tmp_path / "split")).items.values()] == ["dog", "cat"]
    for name in ("train/1.png", "test/2.png"):  # pictures of trains and of tests
        paint(tmp_path / "things" / name)
    assert [item.label for item in Collection(str(tmp_path / "things")).items.values()] == ["test", "train"]


def test_domains_tables_and_arrays(tmp_path: Path) -> None:
    domain = Collection("digits/handwritten")
    assert domain.folder is None
    assert domain.items["test/0"].label in "0123456789"
    assert domain.picked(["test/3", "train/1"])[1] == {"test": ["test/3"], "train": ["train/1"]}

    for name in ("x/1.png", "x/2.png", "y/3.png", "y/4.png"):
        paint(tmp_path / "files" / name)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        rows = [[f"files/{a}/{b}.png", c] for a, b, c in [("x", 1, "p"), ("x", 2, "q"), ("y", 3, "p"), ("y", 4, "q")]]
        csv.writer(file).writerows([["path", "label"], *rows])
    table = Collection(str(tmp_path / "table.csv"))
    assert {id_: item.label for id_, item in table.items.items()} == {
        "x/1.png": "p", "x/2.png": "q", "y/3.png": "p", "y/4.png": "q",
    }  # fmt: skip

    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = (rng.normal(size=(40, 3)) + 5 * np.eye(3)[y]).astype(np.float32)
    np.savez(tmp_path / "features.npz", x=x, y=y)
    out = str(tmp_path / "index")
    told = index(str(tmp_path / "features.npz"), "identity?inputs=3", out=out, quiet=True)
    assert (told["images"], told["width"]) == (40, 3)
    assert told["precision_at_10"] > 0.9
    np.savez(tmp_path / "features.npz", x=-x, y=y)
    assert index(str(tmp_path / "features.npz"), out=out, quiet=True)["added"] == 40


def test_a_network_of_ones_own_is_named_again(
    image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, nets = image_folder("photos", each=3), str(tmp_path / "index"), tmp_path / "nets.py"
    nets.write_text(
        "from torch import nn\n\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))\n"
    )
    spec = f"{nets}:make?size=16"
    assert index(str(folder), spec, out=out, quiet=True)["width"] == 4
    refused(capsys, ["index", str(folder), "--out", out], f"pass --backbone {spec} if you trust its code")
    assert index(str(folder), spec, out=out, quiet=True)["added"] == 0


def test_the_default_folder(image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = index(str(image_folder("photos", each=2)), **LENET)
    assert Path(told["index"]).parent == Path("runs")
    assert told["index"].endswith("-index")
    assert len(open_index(told["index"])) == 4


@pytest.mark.slow
@pytest.mark.data
def test_caltech_with_mobilenet_features(data_root: Path, tmp_path: Path) -> None:
    """The goal of the whole set is reached; NumPy and faiss find the same, a graph nearly so."""
    spec = "timm/mobilenetv2_100?pad_type=same&mean=0.5&std=0.5"
    weights = data_root / "weights/mobilenetv2_100.timm.safetensors"
    told = index("caltech101", spec, str(weights), out=str(tmp_path / "index"), data_root=str(data_root))
    assert told["classes"] == 101
    assert told["precision_at_10"] >= 0.77
    exact = open_index(tmp_path / "index")
    true = exact.search(exact.vectors, 10)
    for factory, least in (("Flat", 0.9999), ("HNSW32,Flat", 0.98)):
        other = make_index(exact.width, len(exact), factory)
        other.add(exact.ids, exact.vectors)
        found = other.search(exact.vectors, 10)
        assert found.scores[:, 0] == pytest.approx(true.scores[:, 0], abs=1e-5)
        assert np.mean([len({*one} & {*two}) / 10 for one, two in zip(true.ids, found.ids)]) >= least


@pytest.mark.data
def test_a_few_classes_of_caltech(data_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("accordion", "dalmatian", "sunflower", "windsor_chair", "yin_yang"):
        (folder / name).mkdir(parents=True)
        for path in sorted((data_root / "caltech101/101_ObjectCategories" / name).iterdir())[:12]:
            (folder / name / path.name).symlink_to(path)
    spec = "timm/mobilenetv2_100?pad_type=same&mean=0.5&std=0.5&size=128"
    weights = str(data_root / "weights/mobilenetv2_100.timm.safetensors")
    told = index(str(folder), spec, weights, out=str(tmp_path / "index"), quiet=True)
    assert (told["images"], told["classes"]) == (60, 5)
    assert told["precision_at_10"] >= 0.9
    fresh = index(str(folder), spec, "none", out=str(tmp_path / "fresh"), quiet=True)
    assert fresh["precision_at_10"] < told["precision_at_10"] - 0.1
