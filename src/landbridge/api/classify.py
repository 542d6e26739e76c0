"""`landbridge classify`: classes that only words describe, told apart in images."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from landbridge.api._classifying import Seen
    from landbridge.data.domain import View


def classify(
    model: str,
    images: str,
    classes: str | None = None,
    templates: str | None = None,
    descriptions: str | None = None,
    weights: str | None = None,
    shots: int | None = None,
    few_shot: str | None = None,
    calibrate: bool = False,
    split: str = "test",
    seed: int = 0,
    out: str | None = None,
    backbone: str | None = None,
    unreadable: float = 0.01,
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> dict[str, Any]:
    """Classify images by what is said about the classes; no example of them is needed.

    A model of images and text sees which class's prompts lie nearest to an image. Its folder for results holds
    `predictions.csv` (path, then the five likeliest classes with their probabilities), `report.html` and
    `results.json`.

    Args:
        model: a run of `landbridge align` or its `model/`; or `open_clip/NAME`, with `weights`.
        images: an image file; a folder of them at any depth; or a domain, by name or as a folder with one sub-folder a
            class, and then without `classes`. Its accuracy is told where its labels are known.
        classes: names with commas between them, a file of names (.txt, .csv, .json), a domain whose classes are meant,
            or `imagenet` for its 1,000; by default those of the domain.
        templates: `photo` for "a photo of a {}.", `name` for the bare word, `imagenet` for the 80 templates of CLIP,
            `imagenet-simple` for seven of them, a file with one a line, or your own with `|` between them, `{}` where
            the name belongs. By default `photo`; with `--classes imagenet` those of CLIP.
        descriptions: a .csv with the columns `class` and `description`, or a .json, with sentences for each class. They
            are the prompts, or fill `{description}` in the templates.
        weights: for `open_clip/NAME`: a file, `hub`, a tag of open_clip, or `none` for fresh ones.
        shots: labelled examples a class of the domain to learn from; up to 4 more a class choose what is left open.
        few_shot: `tip-adapter` (the default with `shots`), `tip-adapter-f`, `linear-probe` or `coop`.
        calibrate: fit the temperature of the probabilities on training labels, and tell the calibration error before
            and after.
        split: which part of the domain: `test`, `train`, or `all`.
        seed: which shots, and all else that is random.
        out: folder for the results; runs/<time>-classify by default.
        backbone: your own factory, where the model's image encoder was made with one.
        unreadable: share of images that may be unreadable; they have an empty prediction.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda` or `mps`.
        quiet: show no progress.

    Returns:
        The numbers (shares in [0, 1]; only where they can be known) and where the files are.

    Raises:
        LandbridgeError: no such model or images, or names, templates, descriptions or options that cannot be used.

    Example:
        >>> from PIL import Image
        >>> from landbridge.nn.backbones import make_backbone
        >>> from landbridge.nn.dual_encoder import DualEncoder
        >>> from landbridge.nn.text_encoders import make_text_encoder
        >>> text = make_text_encoder("transformer?width=16&layers=1&least=1", ["a photo of a cat", "a dog"])
        >>> DualEncoder(make_backbone("lenet"), text, width=8).save(tmp / "model")
        >>> Image.new("RGB", (40, 40)).save(tmp / "black.png")
        >>> told = classify(str(tmp / "model"), str(tmp / "black.png"), "cat,dog", out=str(tmp / "o"), quiet=True)
        >>> told["images"], told["classes"], told["prompts"]
        (1, 2, 2)
        >>> (tmp / "o" / "predictions.csv").read_text().splitlines()[0]
        'path,class_1,probability_1,class_2,probability_2'
    """
    from pathlib import Path

    from landbridge.api import _classifying as how
    from landbridge.api._indexing import device_of
    from landbridge.api._recipe import free_folder
    from landbridge.core.errors import LandbridgeError
    from landbridge.data.domain import Domain
    from landbridge.evaluation.metrics import score
    from landbridge.vision_language.calibration import fitted_temperature
    from landbridge.vision_language.few_shot import FEW_SHOT
    from landbridge.vision_language.zero_shot_head import zero_shot_head

    if shots is None and few_shot is not None:
        raise LandbridgeError(f"--few-shot {few_shot} learns from labels: say how many a class with --shots")
    method_name = None if shots is None else few_shot or "tip-adapter"
    if method_name is not None:
        FEW_SHOT[method_name]
        if split != "test":
            raise LandbridgeError(f"--shots come from the training examples: leave out --split {split}")
    place = device_of(device)
    source = how.source_of(images, classes, data_root)
    domain = source if isinstance(source, Domain) else None
    prompts, used = how.words_of(classes, templates, descriptions, domain, data_root)
    known = None if domain is None else how.aligned(domain, prompts.classes)
    if known is None and (shots is not None or calibrate):
        option = "--calibrate" if shots is None else "--shots"
        raise LandbridgeError(
            f"{option} needs labels, a domain with one of the classes asked for an image: not {images}"
        )
    dual = how.dual_encoder_of(model, weights, backbone)
    dual.to(place)
    size = dual.preprocessing.size
    if isinstance(source, Domain):
        view = how.to_classify(known or source, split, shots, seed)
        seen = how.seen_of(view, size, unreadable)
    else:
        seen = how.readable(images, source, "", size, unreadable)
    head = zero_shot_head(dual, prompts)
    features = how.embedded(dual, seen.x, place, quiet=quiet)
    logits = head.logits(features)
    told: dict[str, Any] = {
        "model": model,
        "images": len(seen.names),
        "unreadable": len(seen.names) - len(seen.positions),
        "classes": len(prompts.classes),
        "prompts": sum(map(len, prompts.texts)),
        "method": method_name or "zero-shot",
    }
    if alike := how.read_alike(dual, prompts):
        told["read_alike"] = ", ".join(alike)
    judged = seen.view if known is not None else None
    if known is not None and shots is not None and method_name is not None:
        drawn = how.shots_of(known, shots, seed)
        few, validation = (how.labelled(dual, part, place, quiet=quiet) for part in drawn)
        method = how.few_shot(method_name, head, dual, few, validation, seed)
        if judged is not None:
            told["zero_shot_accuracy"] = score(logits, judged).accuracy
        told |= {"shots": shots, "chosen": method.chosen}
        logits = method.logits(features)
        fitted = (method.logits(validation.x), validation.y)
    elif known is not None and calibrate:
        validation = how.labelled(dual, known.validation(how.VALIDATION, seed)[1], place, quiet=quiet)
        fitted = (head.logits(validation.x), validation.y)
    if judged is not None:
        scores = score(logits, judged)
        told |= {"accuracy": scores.accuracy, "mean_class_accuracy": scores.mean_class_accuracy}
        told |= how.among_the_first(logits, judged)
    probabilities = logits.softmax(1)
    if calibrate:
        temperature = fitted_temperature(*fitted)
        told |= {"temperature": round(temperature, 4)} | _errors(logits, temperature, judged)
        probabilities = (logits / temperature).softmax(1)
    folder = free_folder(out, "classify")
    given = {
        "classes": classes, "templates": templates, "descriptions": descriptions, "weights": weights, "shots": shots,
        "few_shot": few_shot, "calibrate": calibrate or None, "split": None if split == "test" else split,
        "seed": seed or None, "backbone": backbone, "data_root": data_root,
    }  # fmt: skip
    command = _command(model, images, given)
    _write(folder, seen, prompts.classes, used, probabilities, told, judged, command)
    shown = {name: value for name, value in told.items() if value is not None}
    return shown | {"predictions": str(folder / "predictions.csv"), "report": str(Path(folder) / "report.html")}


def _errors(logits: "Tensor", temperature: float, view: "View | None") -> dict[str, float]:
    """The expected calibration error before and after; nothing where no labels are known."""
    from landbridge.evaluation.metrics import labels_of
    from landbridge.vision_language.calibration import expected_calibration_error as error

    labels = None if view is None else labels_of(view)
    if labels is None:
        return {}
    return {
        "calibration_error_before": error(logits.softmax(1), labels),
        "calibration_error": error((logits / temperature).softmax(1), labels),
    }


def _command(model: str, images: str, given: dict[str, Any]) -> str:
    from landbridge.api._recipe import flags

    return shlex.join(
        ["landbridge", "classify", model, images, *flags({k: v for k, v in given.items() if v is not None}, {})]
    )


def _write(
    folder: "Path",
    seen: "Seen",
    classes: Sequence[str],
    templates: Sequence[str],
    probabilities: "Tensor",
    told: dict[str, Any],
    view: "View | None",
    command: str,
) -> None:
    """Write `predictions.csv`, `results.json` and `report.html`."""
    import csv

    from landbridge.core.files import atomic_path, write_json
    from landbridge.evaluation.metrics import labels_of
    from landbridge.reports.classification import likeliest, write_classification_report
    from landbridge.runs.result import versions

    best = likeliest(probabilities, classes)
    row_of = {position: row for row, position in enumerate(seen.positions.tolist())}
    columns = [f"{what}_{rank}" for rank in range(1, len(best[0]) + 1) for what in ("class", "probability")]
    with (
        atomic_path(folder / "predictions.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["path", *columns])
        for position, name in enumerate(seen.names):
            ranked = best[row_of[position]] if position in row_of else ()
            cells = [cell for label, p in ranked for cell in (label, f"{p:.4f}")]
            writer.writerow([name, *(cells or [""] * len(columns))])
    about = {"templates": list(templates), "class_names": list(classes), "versions": versions(), "command": command}
    write_json(folder / "results.json", told | about)
    labels = None if view is None else labels_of(view)
    named = [seen.names[position] for position in seen.positions.tolist()]
    truth = None if labels is None else [classes[label] for label in labels.tolist()]
    write_classification_report(folder, seen.x, named, best, truth, told, templates, command)
