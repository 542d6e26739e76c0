"""Aligning from the shell and from Python: a run and its page, resuming, tuning a model that is there, errors."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import landbridge
from landbridge.api import _aligning
from landbridge.api._aligning import Aligning, command_of
from landbridge.cli import main, parse
from landbridge.data.captions import Captions
from landbridge.nn.dual_encoder import DualEncoder
from refusals import refused
from toy_captions import TINY_TEXT, dual, shapes

WORDS = ["--image-encoder", "small-cnn", "--text-encoder", TINY_TEXT, "--width", "16"]
SMALL = ["--steps", "6", "--batch-size", "16", "--checkpoint-every", "2", "--quiet", "--device", "cpu"]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Captions]:
    """Captions `toy`: coloured shapes; features are kept in the test's own folder."""
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    parts = {"train": shapes(2, 1), "validation": shapes(1, 2), "test": shapes(1, 3)}
    monkeypatch.setattr(_aligning, "load_captions", lambda spec, root, **_: dict(parts))
    return parts


def numbers(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return {name: value for name, value in content.items() if name != "train_seconds"}


def test_a_run_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["align", "toy", *WORDS, *SMALL, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "before" in printed
    assert "zero-shot shapes" in printed
    assert str(out / "report.html") in printed.replace("\n", "")
    said = numbers(out)
    metrics, before = said["metrics"], said["metrics"]["before"]
    for found in (metrics, before):
        assert 0 <= found["text_to_image_recall_at_1"] <= found["text_to_image_recall_at_10"] <= 1
        assert found["zero_shot_classes"] == 96
    assert (metrics["test_images"], metrics["test_texts"]) == (96, 192)
    assert said["selection"] == "recall"
    assert before["text_to_image_mean_rank"] != metrics["text_to_image_mean_rank"]
    log = (out / "log.csv").read_text()
    assert all(name in log for name in (",loss,", ",batch_recall,", ",temperature,", ",selection,"))
    assert not (out / "checkpoint").exists()

    page = (out / "report.html").read_text()
    for part in ("Before training", "After 6 steps", "Images for a sentence", "A sentence looks for its image"):
        assert part in page
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text() == page

    model = DualEncoder.load(out)
    test = shapes(1, 3)
    with torch.inference_mode():
        right = (
            model.encode_image(test.images.read(torch.arange(96)))
            @ model.encode_text([f"a photo of a {name}." for name in test.class_names]).T
        )
    assert float((right.argmax(1) == test.classes).float().mean()) == pytest.approx(metrics["zero_shot_accuracy"])

    again = parse("align", shlex.split(said["command"])[2:])
    assert (again["captions"], again["image_encoder"], again["steps"], again["batch_size"]) == (
        "toy",
        "small-cnn",
        6,
        16,
    )


def test_cut_off_and_resumed_it_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main(["align", "toy", *WORDS, *SMALL, "--out", str(whole)]) == 0
    look = _aligning.PairWatcher.__call__

    def stops(watcher: Any, model: Any, step: int) -> None:
        look(watcher, model, step)
        if step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_aligning.PairWatcher, "__call__", stops)
        assert main(["align", "toy", *WORDS, *SMALL, "--out", str(cut)]) == 2
    assert not (cut / "metrics.json").exists()
    assert main(["align", "--resume", str(cut), "--quiet", "--device", "cpu"]) == 0
    assert numbers(cut) == numbers(whole)
    one, other = load_file(whole / "model" / "model.safetensors"), load_file(cut / "model" / "model.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (cut / "report.html").read_text() == (whole / "report.html").read_text()


def test_a_locked_tower_is_read_once_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = landbridge.align(
        "toy", "small-cnn", text_encoder=TINY_TEXT, width=16, image_rate_ratio=0.0, steps=4, batch_size=16,
        checkpoint_every=2, out=str(tmp_path / "run"), quiet=True, device="cpu",
    )  # fmt: skip
    model = DualEncoder.load(run.folder)
    start = _aligning.make_model(Aligning(**run.config), shapes(2, 1))
    for name, value in start.image.state_dict().items():
        assert torch.equal(model.image.state_dict()[name], value), name
    assert not torch.equal(model.image_head.output.weight, start.image_head.output.weight)  # type: ignore[union-attr]
    assert list((tmp_path / "cache" / "features").glob("*/output.npy")), "features are kept"
    assert "image encoder locked" in (run.folder / "report.html").read_text()


def test_a_saved_model_is_tuned_and_keeps_part_of_its_start(tmp_path: Path, toy: dict[str, Captions]) -> None:
    start = dual(toy["train"], "small-cnn")
    start.save(tmp_path / "start")
    given: dict[str, Any] = {"start": str(tmp_path / "start"), "steps": 4, "batch_size": 16, "quiet": True}
    given |= {"select": "last", "device": "cpu"}
    tuned = landbridge.align("toy", **given, out=str(tmp_path / "tuned"))
    half = landbridge.align("toy", **given, wise_ft=0.5, out=str(tmp_path / "half"))
    far, near = (DualEncoder.load(run.folder).state_dict() for run in (tuned, half))
    for name, value in start.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(near[name], (value + far[name]) / 2, rtol=1e-4, atol=1e-6)
    assert half.result.source == str(tmp_path / "start")


def test_what_a_model_knew_is_probed_though_captions_have_no_classes(
    tmp_path: Path, toy: dict[str, Captions], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = {name: replace(part, classes=None, class_names=()) for name, part in toy.items()}
    monkeypatch.setattr(_aligning, "load_captions", lambda *given, **more: bare)
    dual(toy["train"], "small-cnn").save(tmp_path / "start")
    given: dict[str, Any] = {"start": str(tmp_path / "start"), "steps": 2, "batch_size": 16, "quiet": True}
    given |= {"select": "last", "device": "cpu", "loss": "hardest-triplet"}
    probed = landbridge.align("toy", **given, out=str(tmp_path / "probed"))
    assert probed.result.metrics["zero_shot_domain"] == "shapes"
    assert 0 <= probed.result.metrics["before"]["zero_shot_accuracy"] <= 1
    page = (probed.folder / "report.html").read_text()
    assert "in the first 20 % of them all negatives count" in page.replace("\u00a0", " ")
    bare_run = landbridge.align("toy", **given, probe="none", out=str(tmp_path / "bare"))
    assert "zero_shot_accuracy" not in bare_run.result.metrics


def test_without_validation_a_tenth_of_training_is_held_out(tmp_path: Path, toy: dict[str, Captions]) -> None:
    rest = _aligning._cut({"train": toy["train"]}, Aligning(captions="toy", backbone="small-cnn", select="recall"))
    assert (len(rest["train"].images), len(rest["validation"].images)) == (173, 19)
    kept = _aligning._cut({"train": toy["train"]}, Aligning(captions="toy", backbone="small-cnn", select="last"))
    assert list(kept) == ["train"]


def test_images_that_captions_lack_are_counted(tmp_path: Path, toy: dict[str, Captions], capsys: Any) -> None:
    toy["train"] = replace(toy["train"], skipped=("gone.png: no such file in there",))
    words = ["align", "toy", *WORDS, *SMALL, "--out", str(tmp_path / "run")]
    refused(
        capsys, [*words, "--unreadable", "0.001"], "1 of 385 images of toy cannot be read (first: gone.png: no such"
    )
    assert main([*words, "--unreadable", "0.003"]) == 0
    assert (tmp_path / "run" / "skipped.txt").read_text() == "gone.png: no such file in there\n"
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["notes"] == [
        "1 missing or unreadable images were skipped"
    ]


def test_another_domain_may_be_the_probe(tmp_path: Path) -> None:
    words = ["--probe", "digits/handwritten", "--template", "the digit {}", "--out", str(tmp_path / "run")]
    assert main(["align", "toy", *WORDS, *SMALL, *words]) == 0
    metrics = numbers(tmp_path / "run")["metrics"]
    assert (metrics["zero_shot_domain"], metrics["zero_shot_classes"]) == ("digits/handwritten", 10)


def test_the_printed_command_says_what_is_unusual() -> None:
    usual = Aligning(captions="flickr8k", backbone="small-cnn", **_aligning.USUAL)
    assert command_of(usual) == "landbridge align flickr8k --image-encoder small-cnn"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "align needs CAPTIONS: a name such as flickr8k, or a file of your own with captions"),
        (["toy"], "say where to begin: --image-encoder NAME .* or --start MODEL"),
        (["toy", *WORDS, "--start", "model"], "say where to begin: .* and not both"),
        (["toy", *WORDS, "--loss", "sigmoid"], "unknown loss 'sigmoid'"),
        (["toy", *WORDS, "--select", "accuracy"], "--select is last or recall (on a validation part), not 'accuracy'"),
        (["toy", *WORDS, "--template", "a photo"], "a photo"),
        (["toy", *WORDS, "--width", "0"], "--width must be at least 1, not 0"),
        (["toy", *WORDS, "--image-rate-ratio", "-1"], "--image-rate-ratio must be at least 0; 0 locks the tower"),
        (["toy", *WORDS, "--wise-ft", "2"], "--wise-ft must be above 0 and at most 1"),
        (["toy", *WORDS, "--probe", "no-such"], "no-such"),
        (["toy", "--start", "no/such/model"], "no model in no/such/model"),
        (["toy", "--image-encoder", "small-cn", "--text-encoder", TINY_TEXT], "small-cn"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, ["align", *words, *SMALL, "--out", str(tmp_path / "run")], *message.split(" .* "))
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_folder_of_another_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["align", "toy", *WORDS, *SMALL, "--out", str(tmp_path / "run")]
    assert main(words) == 0
    refused(capsys, [*words, "--seed", "1"], "holds another run (seed: 0, not 1)")
