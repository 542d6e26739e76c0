"""`landbridge classify`: by words alone, with a few labels, and with bad input."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.api.classify import classify
from landbridge.api.why_the_prompt import why_the_prompt
from landbridge.cli import main
from landbridge.data.images import decode
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.text_encoders import make_text_encoder
from landbridge.vision_language.few_shot import FEW_SHOT
from landbridge.vision_language.prompts import Prompts
from landbridge.vision_language.zero_shot_head import class_weights
from refusals import refused
from vision_language.toy_encoder import CLASSES, around, toy_encoder

Maker = Callable[..., Path]
NOISE = 0.2


@pytest.fixture
def of_images(tmp_path: Path) -> Path:
    """A dual encoder of images, fresh."""
    torch.manual_seed(0)
    text = make_text_encoder("transformer?width=16&layers=1&least=1", ["a photo of a cat", "a photo of a dog"])
    DualEncoder(make_backbone("lenet"), text, width=8).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def of_vectors(tmp_path: Path) -> tuple[Path, Path]:
    """The toy encoder, and a domain around where it sees `some sketch of the` each class."""
    model = toy_encoder()
    model.save(tmp_path / "toy")
    centres = class_weights(model, Prompts.of(CLASSES, ["some sketch of the {}"]))
    (x, y), (x_test, y_test) = (around(centres, each, NOISE, each) for each in (20, 50))
    arrays = {"x": x, "y": y, "x_test": x_test, "y_test": y_test}
    np.savez(tmp_path / "d.npz", classes=np.array(CLASSES), **{name: value.numpy() for name, value in arrays.items()})
    return tmp_path / "toy", tmp_path / "d.npz"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_files_by_words_alone(
    of_images: Path, image_folder: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = image_folder("pets", each=3), tmp_path / "out"
    (folder / "cat" / "bad.png").write_text("no image")
    words = ["classify", str(of_images), str(folder), "--classes", "cat,dog", "--templates", "{} | a photo of a {}."]
    assert main([*words, "--unreadable", "0.2", "--out", str(out), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert f"report: {out / 'report.html'}" in printed
    assert "accuracy" not in printed
    rows = rows_of(out / "predictions.csv")
    assert len(rows) == 7
    [bad] = [row for row in rows if row["path"].endswith("bad.png")]
    assert set(bad.values()) == {str(folder / "cat/bad.png"), ""}
    model = DualEncoder.load(of_images)
    weights = class_weights(model, Prompts.of(("cat", "dog"), ("{}", "a photo of a {}.")))
    for row in rows:
        if row is not bad:
            with torch.no_grad():
                image = model.encode_image(decode(Path(row["path"]), model.preprocessing.size)[None])
                expected = (model.scale * image @ weights.T).softmax(1)[0]
            told = {row["class_1"]: float(row["probability_1"]), row["class_2"]: float(row["probability_2"])}
            assert told == pytest.approx(dict(zip(("cat", "dog"), expected.tolist())), abs=2e-4)
            assert float(row["probability_1"]) >= float(row["probability_2"])
    page = (out / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') == 6
    assert "there is no accuracy" in page
    assert "a photo of a {}." in page
    written = json.loads((out / "results.json").read_text())
    assert (written["images"], written["unreadable"], written["prompts"]) == (7, 1, 4)
    assert written["command"].startswith(f"landbridge classify {of_images} {folder} --classes cat,dog")


def test_a_folder_of_class_folders_has_an_accuracy(of_images: Path, image_folder: Maker, tmp_path: Path) -> None:
    told = classify(
        str(of_images), str(image_folder("pets", each=10)), out=str(tmp_path / "o"), split="all", quiet=True
    )
    rows = rows_of(Path(told["predictions"]))
    right = [Path(row["path"]).parent.name == row["class_1"] for row in rows]
    assert told["accuracy"] == pytest.approx(np.mean(right))
    assert len(rows) == 20
    page = Path(told["report"]).read_text()
    assert page.count("✓</span>") == sum(right)


def test_one_file(of_images: Path, image_folder: Maker, tmp_path: Path) -> None:
    file = image_folder("pets", each=1) / "cat" / "0.png"
    told = classify(str(of_images), str(file), "cat,dog,bird", out=str(tmp_path / "o"), quiet=True)
    assert (told["images"], told["classes"], "accuracy" in told) == (1, 3, False)
    assert "read_alike" not in told


def test_classes_that_the_model_has_no_words_for_are_named(
    of_images: Path, image_folder: Maker, tmp_path: Path
) -> None:
    file = image_folder("pets", each=1) / "cat" / "0.png"
    told = classify(str(of_images), str(file), "cat,zebra,dog,okapi", out=str(tmp_path / "o"), quiet=True)
    assert told["read_alike"] == "zebra, okapi"
    assert "zebra, okapi: words that the model never learned" in Path(told["report"]).read_text()


def test_words_and_descriptions_matter(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    common = {"out": str(tmp_path / "o"), "quiet": True}
    wrong = classify(model, domain, templates="name", **common)["accuracy"]
    right = classify(model, domain, templates="some sketch of the {}", **common)["accuracy"]
    assert right > 0.9 > wrong + 0.2
    sentences = "".join(f"{name},some sketch of the {name}\n" for name in CLASSES)
    (tmp_path / "d.csv").write_text("class,description\n" + sentences)
    described = classify(model, domain, descriptions=str(tmp_path / "d.csv"), **common)
    assert described["accuracy"] == right


def test_more_classes_than_the_domain_has(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    common = {"templates": "some sketch of the {}", "out": str(tmp_path / "o"), "quiet": True}
    own = classify(model, domain, **common)["accuracy"]
    turned = classify(model, domain, ",".join(reversed(CLASSES)), **common)["accuracy"]
    assert turned == own
    assert "accuracy" in classify(model, domain, ",".join(["boat", *CLASSES]), **common)
    assert "accuracy" not in classify(model, domain, "cat,dog", **common)


def test_the_five_likeliest_of_more_than_five(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    many = ",".join([*CLASSES, "boat", "tree", "sun", "cup"])
    told = classify(model, domain, many, templates="name", out=str(tmp_path / "o"), quiet=True)
    truth = [CLASSES[label] for label in np.load(domain)["y_test"].tolist()]
    rows = rows_of(Path(told["predictions"]))
    found = [true in [row[f"class_{rank}"] for rank in range(1, 6)] for row, true in zip(rows, truth, strict=True)]
    assert told["top_5_accuracy"] == pytest.approx(np.mean(found))
    assert told["accuracy"] < told["top_5_accuracy"] < 1
    assert "among the five likeliest" in Path(told["report"]).read_text()
    assert "top_5_accuracy" not in classify(model, domain, out=str(tmp_path / "o"), quiet=True)


@pytest.mark.parametrize("name", FEW_SHOT)
def test_shots(name: str, of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    told = classify(model, domain, shots=4, few_shot=name, out=str(tmp_path / "o"), quiet=True)
    assert told["method"] == name
    assert told["accuracy"] > told["zero_shot_accuracy"] + 0.2
    assert "4 a class; chosen on others" in Path(told["report"]).read_text()


def test_the_test_labels_choose_nothing(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    """With other test labels, all that was chosen and predicted stays as it was."""
    model, domain = of_vectors
    arrays = dict(np.load(domain))
    np.savez(tmp_path / "e.npz", **arrays | {"y_test": (arrays["y_test"] + 1) % len(CLASSES)})
    a, b = (
        classify(str(model), str(path), shots=4, calibrate=True, out=str(tmp_path / path.stem), quiet=True)
        for path in (domain, tmp_path / "e.npz")
    )
    assert (a["chosen"], a["temperature"]) == (b["chosen"], b["temperature"])
    assert a["accuracy"] > b["accuracy"]
    assert Path(a["predictions"]).read_text() == Path(b["predictions"]).read_text()


def test_calibration(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    told = classify(model, domain, calibrate=True, out=str(tmp_path / "o"), quiet=True)
    assert told["temperature"] > 1
    assert told["calibration_error"] < told["calibration_error_before"]


def test_why_the_prompt(of_vectors: tuple[Path, Path], tmp_path: Path) -> None:
    model, domain = map(str, of_vectors)
    ensemble = "{} | some sketch of the {}"
    rows = why_the_prompt(model, domain, ensemble, "some sketch of the {}", quiet=True)
    assert [row["prompts"] for row in rows] == [5, 5, 10, 5]
    for row, templates in zip(rows, ("name", "photo", ensemble, "some sketch of the {}")):
        told = classify(model, domain, templates=templates, out=str(tmp_path / "o"), quiet=True)
        assert row["accuracy"] == told["accuracy"]
    assert rows[3]["accuracy"] > rows[2]["accuracy"] > rows[0]["accuracy"]


def test_bad_input(
    of_images: Path, of_vectors: tuple[Path, Path], image_folder: Maker, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, model = str(image_folder("pets", each=3)), str(of_images)
    toy, domain = map(str, of_vectors)
    Classifier(make_backbone("lenet"), Head(500, (), 2), ("a", "b")).save(tmp_path / "classifier")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_text("no image")
    (tmp_path / "d.csv").write_text("class,description\ncat,it purrs\n")

    def wrong(*words: str) -> list[str]:
        return ["classify", *words, "--out", str(tmp_path / "out"), "--quiet"]

    both = ("--classes", "cat,dog")
    refused(capsys, wrong("nothing", folder, *both), "no model nothing", "open_clip/NAME")
    refused(capsys, wrong(str(tmp_path / "classifier"), folder, *both), "classifier model, not a dual-encoder one")
    refused(capsys, wrong("open_clip/ViT-B-32", folder, *both), "--weights")
    refused(capsys, wrong(model, folder, *both, "--weights", "hub"), "leave out --weights")
    refused(capsys, wrong(model, "digits/prnted", *both), "did you mean 'digits/printed'")
    refused(capsys, wrong(model, str(tmp_path / "empty"), *both), "no images in")
    refused(capsys, wrong(model, str(tmp_path / "bad.png"), *both), "1 of 1 images", "--unreadable")
    refused(capsys, wrong(model, str(tmp_path / "bad.png")), "--classes cat,dog")
    refused(capsys, wrong(model, f"{folder}/cat"), "no class folders", "--classes cat,dog")
    refused(capsys, wrong(model, folder, "--classes", " "), "the list of classes is empty")
    refused(capsys, wrong(model, folder, "--classes", "cat,cat"), "'cat' twice")
    refused(capsys, wrong(model, folder, *both, "--templates", "a {colour}"), "unknown field {colour}")
    refused(capsys, wrong(model, folder, *both, "--descriptions", str(tmp_path / "d.csv")), "no description", "'dog'")
    refused(capsys, wrong(model, folder, *both, "--shots", "2"), "--shots needs labels")
    refused(capsys, wrong(model, folder, *both, "--calibrate"), "--calibrate needs labels")
    refused(capsys, wrong(toy, domain, "--classes", "cat,dog", "--shots", "2"), "--shots needs labels")
    refused(capsys, wrong(toy, domain, "--few-shot", "coop"), "how many a class with --shots")
    refused(capsys, wrong(toy, domain, "--shots", "2", "--few-shot", "tip-adaptor"), "did you mean 'tip-adapter'")
    refused(capsys, wrong(toy, domain, "--shots", "0"), "at least 1 a class")
    refused(capsys, wrong(toy, domain, "--shots", "18"), "(18 a class to learn from and 4 to choose by)")
    refused(capsys, wrong(toy, domain, "--shots", "2", "--split", "all"), "leave out --split")
    refused(capsys, wrong(toy, domain, "--split", "validation"), "no 'validation' examples")
    refused(capsys, wrong(model, domain), "the model reads images, and these are vectors")
    assert not (tmp_path / "out").exists()
