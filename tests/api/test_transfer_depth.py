"""`landbridge transfer-depth`: accuracy over copied layers with one command."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import refusals
from landbridge.api import _grid
from landbridge.api.transfer_depth import transfer_depth
from landbridge.cli import main
from landbridge.core.errors import RunFolderError
from landbridge.finetuning.depth import DepthTable
from landbridge.nn.backbones import chosen_groups
from landbridge.nn.models import Classifier

QUICK: dict[str, Any] = {
    "shots": 3, "seeds": 2, "backbone": "lenet", "steps": 3, "batch_size": 6, "quiet": True, "device": "cpu",
}  # fmt: skip
CELLS = ["scratch", "first-1-frozen", "first-1-tuned", "last-1-frozen", "last-1-tuned", "all-frozen", "all-tuned"]


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str], *parts: str) -> None:
    refusals.refused(capsys, [*words, "--quiet"], *parts)


def numbers(table: DepthTable) -> Any:
    return {name: figure.values for name, figure in table.figures.items()}, table.source


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return Classifier.load(folder / "model").backbone.network.state_dict()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Bright squares at the top, in the middle or at the bottom, on dark and on grey ground."""
    found = []
    for ground, name in enumerate(("dark", "grey")):
        rng, y = np.random.default_rng(ground), np.arange(60) % 3
        x = rng.integers(80 * ground, 80 * ground + 60, (60, 12, 12), dtype=np.uint8)
        for image, label in zip(x, y):
            image[4 * label : 4 * label + 4, 4:8] += 90
        found.append(str(tmp_path_factory.mktemp("data") / f"{name}.npz"))
        np.savez(found[-1], x=x, y=y)
    return found


@pytest.fixture(scope="module")
def whole(pair: list[str], tmp_path_factory: pytest.TempPathFactory) -> DepthTable:
    """The curves that nothing interrupted."""
    return transfer_depth(pair, out=str(tmp_path_factory.mktemp("whole") / "t"), **QUICK)


def test_each_cell_is_computed_once(whole: DepthTable) -> None:
    assert list(whole.figures) == CELLS
    assert sorted(path.name for path in (whole.folder / "cells").iterdir()) == sorted(CELLS)
    for name in CELLS:
        for seed in (0, 1):
            assert (whole.folder / "cells" / name / str(seed) / "metrics.json").is_file()
    assert whole.source is not None
    assert list(whole.source.values) == [0, 1]
    assert whole.plan["inputs"] == "images"
    table = json.loads((whole.folder / "table.json").read_text())
    for row in table["rows"]:
        assert row["mean"] == pytest.approx(np.mean(list(row["values"].values())))
    assert f"`{whole.plan['command']}`" in (whole.folder / "table.md").read_text()
    assert "--shots 3" in whole.plan["command"]


def test_what_is_copied_is_the_source_and_what_is_frozen_stays(whole: DepthTable) -> None:
    source = weights_of(whole.folder / "source" / "0")
    backbone = Classifier.load(whole.folder / "source" / "0" / "model").backbone
    layers = {"conv1": "first:1", "conv2": "last:1"}
    for name, end in (("first-1-frozen", "first:1"), ("last-1-frozen", "last:1")):
        cell = weights_of(whole.folder / "cells" / name / "0")
        for layer, side in layers.items():
            same = bool((cell[f"{layer}.weight"] == source[f"{layer}.weight"]).all())
            assert same == (side == end), (name, layer)
    frozen = weights_of(whole.folder / "cells" / "all-frozen" / "0")
    assert all(bool((frozen[key] == source[key]).all()) for key in source)
    # Three steps move copied weights a little; weights drawn anew lie much further away.
    for name, near in (("first-1-tuned", "conv1"), ("last-1-tuned", "conv2")):
        cell = weights_of(whole.folder / "cells" / name / "0")
        distances = {layer: float((cell[f"{layer}.weight"] - source[f"{layer}.weight"]).norm()) for layer in layers}
        assert 0 < distances[near] < 0.2 * max(distances.values()), distances
    assert chosen_groups(backbone, "first:1") == ("stem",)


def test_interrupted_and_continued_gives_the_same_numbers(
    pair: list[str], whole: DepthTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, trained = _grid.tune_cell, []

    def stopped(*arguments: Any) -> Any:
        if len(trained) == 4:
            raise KeyboardInterrupt
        trained.append(arguments[1])
        return train(*arguments)

    out = tmp_path / "cut"
    monkeypatch.setattr(_grid, "tune_cell", stopped)
    with pytest.raises(KeyboardInterrupt):
        transfer_depth(pair, out=str(out), **QUICK)
    assert not (out / "table.json").exists()
    assert [str(path.relative_to(out)) for path in trained] == [
        "source/0",
        "source/1",
        "cells/scratch/0",
        f"cells/{CELLS[1]}/0",
    ]
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("metrics.json")}
    again: list[Path] = []
    monkeypatch.setattr(_grid, "tune_cell", lambda *given: (again.append(given[1]), train(*given)))
    continued = transfer_depth(pair, out=str(out), **QUICK)
    assert len(again) == 2 * len(CELLS) - 2
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert numbers(continued) == numbers(whole)


def test_more_may_be_asked_of_a_folder_but_nothing_else(pair: list[str], whole: DepthTable, tmp_path: Path) -> None:
    out = str(tmp_path / "t")
    few = transfer_depth(pair, out=out, **QUICK | {"seeds": 1, "ends": "last", "modes": "tuned", "depths": "0,all"})
    assert list(few.figures) == ["scratch", "all-tuned"]
    assert "--depths 0,all --ends last --modes tuned" in few.plan["command"]
    more = transfer_depth(pair, out=out, **QUICK | {"modes": "tuned", "jobs": 2})
    assert list(more.figures) == ["scratch", "first-1-tuned", "last-1-tuned", "all-tuned"]
    for name, figure in more.figures.items():
        assert figure.values == pytest.approx(whole.figures[name].values, abs=0.1)
    with pytest.raises(RunFolderError, match=r"holds another table over copied layers \(settings differ\)"):
        transfer_depth(pair, out=out, **QUICK | {"shots": 4})
    with pytest.raises(RunFolderError, match=r"table over copied layers \(source differ\)"):
        transfer_depth(pair[1:] * 2, out=out, **QUICK)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("important")
    with pytest.raises(RunFolderError, match="is not empty and holds no table over copied layers"):
        transfer_depth(pair, out=str(tmp_path / "full"), **QUICK)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_the_command_line_and_the_report(
    pair: list[str], whole: DepthTable, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--shots", "3", "--seeds", "2", "--backbone", "lenet", "--steps", "3", "--batch-size", "6"]
    out = ["--device", "cpu", "--out", str(whole.folder), "--quiet"]
    assert main(["transfer-depth", *pair, *words, *out]) == 0
    printed = capsys.readouterr().out
    for said in ("| 0 of 2, from scratch |", "| 2 of 2, all |", "seeds 0, 1", f"report: {whole.report}"):
        assert said in printed
    before = whole.report.read_text()
    whole.report.unlink()
    assert main(["report", str(whole.folder)]) == 0
    assert whole.report.read_text() == before


def test_given_weights_are_a_source(pair: list[str], whole: DepthTable, tmp_path: Path) -> None:
    weights = str(whole.folder / "source" / "0")
    asked = QUICK | {"seeds": 1, "modes": "frozen", "depths": "all"}
    table = transfer_depth(pair[1:], weights=weights, out=str(tmp_path / "t"), **asked)
    assert list(table.figures) == ["all-frozen"]
    assert table.source is None
    assert not (tmp_path / "t" / "source").exists()
    copied, source = weights_of(tmp_path / "t/cells/all-frozen/0"), weights_of(whole.folder / "source" / "0")
    assert all(bool((copied[key] == source[key]).all()) for key in source)
    assert f"--weights {weights}" in table.plan["command"]


def test_bad_input(pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "never"
    base = ["transfer-depth", *pair, "--backbone", "lenet", "--out", str(out), "--steps", "1"]
    refused(capsys, ["transfer-depth"], "takes a source and a target, or a target and --weights, not 0 domains")
    refused(capsys, ["transfer-depth", *pair, pair[0]], "not 3 domains")
    refused(capsys, ["transfer-depth", pair[1]], f"nothing to copy: name a source before {pair[1]}", "--weights")
    refused(capsys, ["transfer-depth", pair[1], "--weights", "none"], "nothing to copy")
    refused(capsys, [*base, "--ends", "frist"], "--ends lists first and last", "did you mean 'first'?")
    refused(capsys, [*base, "--modes", "thawed"], "--modes lists frozen and tuned")
    refused(capsys, [*base, "--depths", "0,3"], "--depths 3: 'lenet' has 2 layer groups, so say 0 to 2", "stem, conv2")
    refused(capsys, [*base, "--seeds", "0"], "--seeds must be at least 1, not 0")
    refused(capsys, [*base, "--steps", "0"], "--steps must be at least 1, not 0")
    refused(capsys, [*base, "--source-steps", "0"], "--source-steps must be at least 1, not 0")
    refused(capsys, [*base, "--shots", "5000"], "5000 shots asked for, but class '0' of")
    vectors = tmp_path / "vectors.npz"
    np.savez(vectors, x=np.zeros((40, 5), np.float32), y=np.arange(40) % 2)
    refused(
        capsys,
        ["transfer-depth", pair[0], str(vectors), "--out", str(out)],
        f"{pair[0]} holds images",
        "vectors of 5 numbers",
        "inputs of one kind",
    )
    refused(capsys, [*base[:1], pair[1], "--weights", str(tmp_path / "no.safetensors"), *base[3:]], "no weights file")
    assert not out.exists()


@pytest.mark.data
def test_a_deep_network_on_some_of_caltech(data_root: Path, tmp_path: Path) -> None:
    weights = str(data_root / "weights" / "squeezenet1_1.torchvision.safetensors")
    table = transfer_depth(
        ["caltech101?classes=airplanes,Motorbikes,watch,sunflower"], 10, depths="0,all", modes="frozen", seeds=1,
        backbone="torchvision/squeezenet1_1?size=96", weights=weights, steps=60, batch_size=16, quiet=True,
        data_root=str(data_root), out=str(tmp_path / "t"),
    )  # fmt: skip
    assert table.metric == "target_mean_class_accuracy"
    assert table.figures["all-frozen"].mean > 0.85
    assert table.figures["all-frozen"].mean > table.figures["scratch"].mean + 0.2
