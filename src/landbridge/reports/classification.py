"""The report of a classification by words: a page of images, each with the likeliest classes as bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landbridge.core.text import percent
from landbridge.data.images import Inputs
from landbridge.reports.pages import write_page
from landbridge.reports.retrieval import Shown, shown

TOP, MOST = 5, 60
"""Classes an image, and images on the page, spread evenly over all of them."""

Ranked = tuple[tuple[str, float], ...]
"""Classes with their probabilities, the likeliest first."""

METHODS = {
    "zero-shot": "zero-shot: from words alone",
    "linear-probe": "logistic regression on the image features",
    "tip-adapter": "Tip-Adapter: a memory of the shots beside the words",
    "tip-adapter-f": "Tip-Adapter-F: that memory, its keys tuned",
    "coop": "CoOp: prompts that are learned",
}


@dataclass(frozen=True)
class Card:
    """An image on the page.

    Attributes:
        image: its picture and path; `label` is its true class where that is known, `fits` whether it was found.
        ranked: the likeliest classes.
    """

    image: Shown
    ranked: Ranked


def likeliest(probabilities: Tensor, classes: Sequence[str], top: int = TOP) -> list[Ranked]:
    """The likeliest classes of each image.

    >>> likeliest(torch.tensor([[0.25, 0.75]]), ("cat", "dog"))
    [(('dog', 0.75), ('cat', 0.25))]
    """
    values, places = probabilities.topk(min(top, len(classes)))
    return [
        tuple((classes[place], value) for place, value in zip(*row)) for row in zip(places.tolist(), values.tolist())
    ]


def write_classification_report(
    folder: Path,
    images: Inputs,
    names: Sequence[str],
    ranked: Sequence[Ranked],
    truth: Sequence[str] | None,
    told: Mapping[str, Any],
    templates: Sequence[str],
    command: str,
) -> Path:
    """Write `report.html`: one file with all pictures in it.

    Args:
        folder: where to.
        images: n of them; feature vectors have no pictures.
        names: the path of each.
        ranked: the likeliest classes of each.
        truth: the class of each; None where nobody knows it.
        told: the numbers, as `landbridge classify` returns them.
        templates: what is said about a class.
        command: the command line that does it again.

    Returns:
        The path of the report.
    """
    rows = torch.linspace(0, len(names) - 1, min(MOST, len(names))).round().long()
    pixels = images.read(rows, None if not hasattr(images, "paths") else (224, 224))
    cards = []
    for place, row in enumerate(rows.tolist()):
        label = None if truth is None else truth[row]
        picture = pixels[place] if pixels.dim() == 4 else None
        fits = None if label is None else label == ranked[row][0][0]
        cards.append(Card(shown(names[row], picture, label=label, fits=fits), ranked[row]))
    return write_page(
        folder,
        "classification.html.j2",
        told=told,
        cards=cards,
        facts=_facts(told, templates),
        images=len(names),
        command=command,
    )


def _facts(told: Mapping[str, Any], templates: Sequence[str]) -> list[tuple[str, str]]:
    more = f" and {len(templates) - 5} more" if len(templates) > 5 else ""
    facts = [
        ("model", str(told["model"])),
        ("method", METHODS[told["method"]]),
        ("classes", f"{told['classes']:,}, {told['prompts']:,} prompts"),
        ("templates", " · ".join(templates[:5]) + more),
    ]
    if "read_alike" in told:
        facts.append(
            ("read alike", f"{told['read_alike']}: words that the model never learned, so no prompt tells these apart")
        )
    if told.get("shots"):
        chosen = ", ".join(f"{name} {value}" for name, value in told["chosen"].items())
        facts.append(("shots", f"{told['shots']} a class; chosen on others: {chosen}"))
        facts.append(("without them", f"{percent(told.get('zero_shot_accuracy'))} % right"))
    if "top_5_accuracy" in told:
        facts.append(("among the five likeliest", f"{percent(told['top_5_accuracy'])} % right"))
    if told.get("mean_class_accuracy") is not None:
        facts.append(("mean over classes", f"{percent(told['mean_class_accuracy'])} % right"))
    if "temperature" in told:
        facts.append(("temperature", f"{told['temperature']}, fitted on training labels"))
    if "calibration_error" in told:
        before, after = (percent(told[f"calibration_error{which}"]) for which in ("_before", ""))
        facts.append(("calibration error", f"{before} % before, {after} % after"))
    if told["unreadable"]:
        facts.append(("unreadable", f"{told['unreadable']} images"))
    return facts
