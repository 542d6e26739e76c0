"""What a user can do wrong: one clear line, exit status 2, nothing lost."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.cli import main
from refusals import refused

Maker = Callable[..., Path]
FAST = ["--steps", "2", "--batch-size", "4", "--backbone", "lenet", "--quiet", "--no-baseline", "--device", "cpu"]


def test_missing_and_empty_folders(capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path) -> None:
    good = str(image_folder("good"))
    refused(capsys, ["adapt", good, str(tmp_path / "nowhere"), *FAST], "no such file or folder", "nowhere")
    (tmp_path / "empty").mkdir()
    refused(capsys, ["adapt", good, str(tmp_path / "empty"), *FAST], "empty")


def test_one_class_only(capsys: pytest.CaptureFixture[str], image_folder: Maker) -> None:
    one, two = str(image_folder("one", ("cat",))), str(image_folder("two"))
    refused(capsys, ["adapt", one, two, *FAST], "class", "two")


def test_classes_that_do_not_match(capsys: pytest.CaptureFixture[str], image_folder: Maker) -> None:
    a, b = str(image_folder("a")), str(image_folder("b", ("cat", "cow")))
    refused(capsys, ["adapt", a, b, *FAST], "only in", "dog", "cow")


def test_unreadable_images(capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path) -> None:
    a, b = image_folder("a"), image_folder("b")
    (b / "cat/3.png").write_text("a text file named .png")
    refused(capsys, ["adapt", str(a), str(b), *FAST, "--out", str(tmp_path / "run")], "1 of 80 images", "3.png")
    assert not (tmp_path / "run").exists()
    assert main(["adapt", str(a), str(b), *FAST, "--unreadable", "0.05", "--out", str(tmp_path / "run")]) == 0
    assert "3.png" in (tmp_path / "run/skipped.txt").read_text()


def test_nan_in_an_npz(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "good.npz", x=x, y=np.arange(40) % 2)
    x[7, 1] = np.nan
    np.savez(tmp_path / "bad.npz", x=x, y=np.arange(40) % 2)
    words = ["adapt", str(tmp_path / "good.npz"), str(tmp_path / "bad.npz"), "--steps", "2", "--quiet"]
    refused(capsys, words, "bad.npz", "7")


def test_an_npz_that_carries_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}, {"b": 2}], dtype=object))
    refused(capsys, ["show", str(tmp_path / "evil.npz")], "evil.npz")


def test_unknown_names_suggest_the_nearest(capsys: pytest.CaptureFixture[str], image_folder: Maker) -> None:
    good = str(image_folder("good"))
    refused(capsys, ["adapt", good, good, "--method", "dannn"], "unknown method 'dannn'", "did you mean 'dann'")
    refused(capsys, ["compare", good, good, "--methods", "source-only,saa"], "did you mean 'sa'")
    refused(capsys, ["adapt", good, "mnsit"], "unknown domain 'mnsit'", "did you mean 'mnist'")
    refused(capsys, ["adapt", good, good, "--backbone", "resnet81"], "resnet81")
    refused(
        capsys,
        ["adapt", good, good, "--stpes", "3"],
        "unknown option --stpes",
        "did you mean '--steps'".replace("--", ""),
    )
    refused(capsys, ["adpat"], "unknown command 'adpat'", "did you mean 'adapt'")
    refused(capsys, ["adapt", good, good, *FAST, "--select", "entorpy"], "unknown selection rule", "entropy")
    refused(capsys, ["adapt", good, good, *FAST, "--augment", "storng"], "did you mean 'strong'")
    refused(
        capsys, ["adapt", good, good, *FAST, "--method.wieght", "1"], "has no option 'wieght'", "did you mean 'weight'"
    )
    refused(capsys, ["adapt", good, good, *FAST, "--method.play", "chess"], "--method.play is one of reversal, turns")
    refused(capsys, ["reproduce", "ganin2051"], "did you mean 'ganin2015'")


def test_values_that_make_no_sense(capsys: pytest.CaptureFixture[str], image_folder: Maker) -> None:
    good = str(image_folder("good"))
    refused(capsys, ["adapt", good, good, "--steps", "0"], "--steps must be at least 1")
    refused(capsys, ["adapt", good, good, "--rate", "-1"], "--rate must be above 0")
    refused(capsys, ["adapt", good, good, "--steps", "many"], "steps")
    refused(capsys, ["adapt", good, good, "--protocol", "both"], "--protocol is inductive or transductive")
    refused(capsys, ["adapt", good], "adapt needs a SOURCE and a TARGET")
    refused(capsys, ["compare", good, good, good], "a source and a target")
    refused(capsys, ["adapt", good, good, "--steps"], "--steps needs a value")


def test_a_run_folder_that_holds_another_run(
    capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path
) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b", dark=90)), str(tmp_path / "run")
    assert main(["adapt", a, b, *FAST, "--out", out]) == 0
    before = (tmp_path / "run/metrics.json").read_bytes()
    capsys.readouterr()
    refused(capsys, ["adapt", a, b, *FAST, "--seed", "1", "--out", out], "holds another run (seed: 0, not 1)")
    refused(capsys, ["compare", a, b, "--out", out, "--quiet"], "holds no comparison")
    assert (tmp_path / "run/metrics.json").read_bytes() == before


def test_no_space_left(
    capsys: pytest.CaptureFixture[str], image_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, out = str(image_folder("a")), str(image_folder("b")), tmp_path / "run"

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        refused(capsys, ["adapt", a, b, *FAST, "--out", str(out)], "No space left on device")
    assert not list(out.glob("checkpoint/*"))
    assert main(["adapt", "--resume", str(out), "--quiet"]) == 0


def test_models_and_runs_that_are_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refused(capsys, ["evaluate", str(tmp_path), "digits/handwritten"], "no model in")
    refused(capsys, ["predict", str(tmp_path), str(tmp_path)], "no model in")
    refused(capsys, ["report", str(tmp_path)], str(tmp_path))
    refused(capsys, ["adapt", "--resume", str(tmp_path)], "no run in")


def test_data_that_are_not_here(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refused(capsys, ["show", "mnist", "--data-root", str(tmp_path)], "mnist", str(tmp_path))
    refused(capsys, ["adapt", "mnist", "svhn", "--data-root", str(tmp_path), "--quiet"], "mnist")
