"""The report of a dual encoder: how well images and sentences find each other, what it knew before, how it learned."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from landbridge.core.errors import MissingDataError
from landbridge.core.text import percent
from landbridge.reports import plots
from landbridge.reports.drawing import canvas, ink, svg
from landbridge.reports.evidence import Curve
from landbridge.reports.pages import write_page
from landbridge.reports.plots import short
from landbridge.reports.retrieval import shown
from landbridge.reports.sections import Figure
from landbridge.reports.verdicts import Verdict
from landbridge.runs import Result, Run
from landbridge.vision_language.alignment import hinge_warmup_of

LOOKS = "looks"
DIRECTIONS = {"text_to_image": "sentence → image", "image_to_text": "image → sentence"}
KS = (1, 5, 10)
ANCHORS, SIDE = 5, 240
"""Hard negatives shown in each direction, and the longest side of a picture in pixels."""

APART = 0.02
"""Cosines that differ by less in the mean tell nothing apart."""

MARGIN = 0.2
"""The margin by which the losses of looked-at triplets are told, where the loss has none of its own."""

Similarity = NDArray[np.float32]


@dataclass(frozen=True)
class Mined:
    """A negative that lies nearest to an anchor at some time in training.

    Attributes:
        when: at which step.
        text: the sentence; empty where it is an image.
        image: as a `data:` address; empty where it is a sentence.
        similarity: its cosine with the anchor.
        loss: max(0, margin - cosine with the positive + cosine with it).
    """

    when: int
    text: str
    image: str
    similarity: float
    loss: float


@dataclass(frozen=True)
class Anchor:
    """A pair, and the negatives mined for it, early and late.

    Attributes:
        image: of the pair.
        text: of the pair.
        by: whether the `image` or the `text` looks.
        own: its cosine with what belongs to it, early and late.
        mined: early and late.
    """

    image: str
    text: str
    by: str
    own: tuple[float, float]
    mined: tuple[Mined, Mined]


def write_alignment_report(run: Run) -> Path:
    """Write `report.html` into the folder of a run of `align`.

    Args:
        run: a finished run.

    Returns:
        The path of the report.

    Raises:
        MissingDataError: the run is not finished.
    """
    result, looks = run.result, read_looks(run.folder)
    margin = result.settings.get("margin") or MARGIN
    samples, pictures = _samples(run.folder)
    return write_page(
        run.folder,
        "alignment.html.j2",
        result=result,
        heading=Path(result.target).name if Path(result.target).suffix else result.target,
        verdict=collapse(list(looks.values())[-1]),
        lead=_lead(result),
        tiles=_tiles(result),
        rows=_rows(result),
        ks=KS,
        curves=_curves(run),
        matrices=_matrices(looks, result),
        anchors=anchors(run.folder, looks, margin),
        margin=margin,
        samples=samples,
        pictures=pictures,
        facts=_facts(result),
    )


def read_looks(folder: Path) -> dict[int, Similarity]:
    """The similarities of the looked-at pairs by step, images in rows: float [n, n], ascending."""
    found = {}
    for path in sorted((folder / LOOKS).glob("[0-9]*.npz")):
        with np.load(path, allow_pickle=False) as look:
            found[int(path.stem)] = look["similarity"]
    if not found:
        raise MissingDataError(f"{folder / LOOKS} holds no look at the model: finish the run with --resume {folder}")
    return found


def mine(similarity: Similarity, margin: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each row the nearest column that is not its own, and the hinge on it.

    Args:
        similarity: cosines [n, n], those that belong together on the diagonal.
        margin: > 0.

    Returns:
        Columns [n], and max(0, margin - s_ii + s_ij) [n].

    >>> columns, losses = mine(np.array([[0.5, 0.4], [0.1, 0.9]]), 0.2)
    >>> columns, losses.round(2)
    (array([1, 0]), array([0.1, 0. ]))
    """
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    columns = others.argmax(1)
    nearest = np.take_along_axis(similarity, columns[:, None], 1)[:, 0]
    return columns, np.maximum(0, margin - similarity.diagonal() + nearest)


def anchors(folder: Path, looks: dict[int, Similarity], margin: float, most: int = ANCHORS) -> list[Anchor]:
    """The pairs that are hardest at the end, by images and by sentences in turn, with what was mined for them.

    Args:
        folder: of the run.
        looks: similarities by step; the first after the start is early, the last is late.
        margin: of the losses told.
        most: how many in each direction.
    """
    steps = [step for step in looks if step > 0] or list(looks)
    texts = json.loads((folder / LOOKS / "pairs.json").read_text(encoding="utf-8"))["texts"]
    images = _pictures(folder / LOOKS / "pairs.npz")
    found = []
    for by in ("image", "text"):
        seen = [(step, looks[step] if by == "image" else looks[step].T) for step in (steps[0], steps[-1])]
        told = [(step, similarity, *mine(similarity, margin)) for step, similarity in seen]
        for i in np.argsort(-told[-1][3], kind="stable")[:most].tolist():
            mined = [
                Mined(
                    step,
                    texts[columns[i]] if by == "image" else "",
                    images[columns[i]] if by == "text" else "",
                    float(similarity[i, columns[i]]),
                    float(losses[i]),
                )
                for step, similarity, columns, losses in told
            ]
            own = (float(seen[0][1][i, i]), float(seen[1][1][i, i]))
            found.append(Anchor(images[i], texts[i], by, own, (mined[0], mined[1])))
    return found


def matrix(similarity: Similarity, name: str, title: str) -> Markup:
    """Cosines of images (rows) and sentences (columns), dark where alike; a mark where the row's own is the nearest.

    Args:
        similarity: [n, n].
        name: of the drawing.
        title: in words.
    """
    n, low, high = len(similarity), float(similarity.min()), float(similarity.max())
    shade = (similarity - low) / max(high - low, 1e-6)
    figure, (axes,) = canvas(400, 400)
    for i in range(n):
        for j in range(n):
            colour, alpha = ink("after" if i == j else "source"), round(float(shade[i, j]), 2)
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=colour, alpha=alpha, lw=0))
    first = [i for i in range(n) if similarity[i].argmax() == i]
    axes.plot(first, first, "o", ms=3.2, mfc=ink("paper"), mec=ink("ink"), mew=0.8)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), xlabel="sentences", ylabel="images", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    words = f"{title}: cosines from {low:.2f} to {high:.2f}; {len(first)} of {n} images have their own sentence nearest"
    return svg(figure, name, words)


def collapse(similarity: Similarity) -> Verdict | None:
    """A warning where everything lies in one place, so that what belongs together is no more alike than all else.

    Args:
        similarity: cosines at the last look [n, n].
    """
    own, rest = _own_and_rest(similarity)
    if own - rest >= APART:
        return None
    return Verdict(
        "bad",
        f"What belongs together is no more alike (cosine {own:.2f}) than all else ({rest:.2f}): it has not learned, or "
        "the space has collapsed, as it can where only the hardest negatives count. Try a lower --rate, more steps, "
        "--loss info-nce, or with hardest-triplet a longer --hinge-warmup.",
    )


def _own_and_rest(similarity: Similarity) -> tuple[float, float]:
    """The mean cosine of what belongs together, and of all else."""
    n, own = len(similarity), similarity.diagonal()
    return float(own.mean()), float((similarity.sum() - own.sum()) / max(n * (n - 1), 1))


def _matrices(looks: dict[int, Similarity], result: Result) -> list[Figure]:
    steps = list(looks)
    figures = []
    for step in dict.fromkeys((steps[0], steps[-1])):
        similarity = looks[step]
        (own, rest), n = _own_and_rest(similarity), len(similarity)
        nearest = int((similarity.argmax(1) == np.arange(n)).sum())
        title = "Before training" if step == 0 else f"After {step} steps"
        caption = (
            f"Cosine of what belongs together {own:.2f} in the mean, of all else {rest:.2f}; "
            f"{nearest} of {n} images have their own sentence nearest."
        )
        figures.append(Figure(title, matrix(similarity, f"matrix{step}", title), caption))
    return figures


def _curves(run: Run) -> list[Figure]:
    logged: dict[str, list[tuple[int, float]]] = {}
    for row in run.read_log():
        logged.setdefault(row["name"], []).append((row["step"], row["value"]))
    curves: dict[str, Curve] = {name: ([s for s, _ in rows], [v for _, v in rows]) for name, rows in logged.items()}
    figures = []
    if "loss" in curves:
        drawing = plots.training({"loss": [curves["loss"]]}, {"loss": "after"}, "loss")
        figures.append(Figure("Loss on training batches", drawing, "Bold is the smoothed curve."))
    names = {"batch_recall": "in the batch", "selection": "held out"}
    shares = {said: [curves[name]] for name, said in names.items() if name in curves}
    if shares:
        drawing = plots.training(shares, {"in the batch": "source", "held out": "target"}, "recall", limits=(0, 1.04))
        caption = "In the batch: images whose own sentence is the nearest."
        caption += " Held out: mean of Recall@1, 5 and 10, both ways." * ("held out" in shares)
        figures.append(Figure("Finding one's own", drawing, caption))
    return figures


def _rows(result: Result) -> list[dict[str, Any]]:
    """Retrieval on the test part, a row a direction and a time."""
    rows = []
    for direction, said in DIRECTIONS.items():
        for when, found in (("before", result.metrics["before"]), ("after", result.metrics)):
            if f"{direction}_median_rank" in found:
                numbers = {name: found[f"{direction}_{name}"] for name in _NUMBERS}
                rows.append({"direction": said, "when": when, "chance": _chance(result, direction), **numbers})
    return rows


_NUMBERS = (*(f"recall_at_{k}" for k in KS), "median_rank", "mean_rank")


def _chance(result: Result, direction: str) -> float:
    """The median rank of a model that guesses, with one right candidate each."""
    through = result.metrics["test_images" if direction == "text_to_image" else "test_texts"]
    return float((through + 1) / 2)


def _zero_shot(result: Result) -> tuple[float | None, float | None, float] | None:
    """Accuracy before and after, and that of guessing; None where nothing was probed."""
    metrics = result.metrics
    if "zero_shot_accuracy" not in metrics:
        return None
    return metrics["before"]["zero_shot_accuracy"], metrics["zero_shot_accuracy"], 1 / metrics["zero_shot_classes"]


def _lead(result: Result) -> str:
    metrics = result.metrics
    if "test_images" not in metrics:
        return "There was no test part to measure on."
    found = metrics["text_to_image_recall_at_1"], metrics["text_to_image_recall_at_10"]
    return (
        f"Of {metrics['test_texts']:,} sentences, {percent(found[0])} % find their image first among "
        f"{metrics['test_images']:,}, and {percent(found[1])} % among the first ten."
    )


def _tiles(result: Result) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    metrics, tiles = result.metrics, []
    for direction, said in DIRECTIONS.items():
        if f"{direction}_recall_at_1" in metrics:
            before = percent(metrics["before"][f"{direction}_recall_at_1"])
            tiles.append((f"{said}, R@1", f"{percent(metrics[f'{direction}_recall_at_1'])} %", f"before: {before} %"))
    if "text_to_image_median_rank" in metrics:
        middle = f"{metrics['text_to_image_median_rank']:.0f}"
        tiles.append(("median rank of the image", middle, f"of {metrics['test_images']:,}"))
    if (probed := _zero_shot(result)) is not None:
        first, after, chance = probed
        what = f"zero-shot, {short(str(metrics['zero_shot_domain']).rpartition('/')[2])}"
        tiles.append((what, f"{percent(after)} %", f"before: {percent(first)} %; chance {percent(chance)} %"))
    return tiles


def _facts(result: Result) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    said, metrics = result.settings, result.metrics
    encoders = said["text_encoder"] if result.source is None else f"both towers of {result.source}"
    slow = [
        f"{tower} encoder " + ("locked" if ratio == 0 else f"at {ratio:g} times the rate")
        for tower, ratio in (("image", said["image_rate_ratio"]), ("text", said["text_rate_ratio"]))
        if ratio != 1
    ]
    kept = [
        *slow,
        *([f"LoRA of rank {said['lora']}"] if said["lora"] else []),
        *([f"WiSE-FT: {said['wise_ft']:g} of the way"] if said["wise_ft"] < 1 else []),
        *(["BatchNorm frozen"] if said["batch_norm"] == "frozen" else []),
    ]
    chosen = {
        "recall": "the checkpoint with the best mean of Recall@1, 5 and 10 on the validation part",
        "last": "the weights of the last step: nothing was chosen",
    }
    first = hinge_warmup_of(result.method, said.get("hinge_warmup"))
    summed = f"; in the first {percent(first, 0)} % of them all negatives count" if first else ""
    steps = f"{result.steps:,} steps of {said['batch_size']} pairs, rate {said['rate']:g}"
    facts = [
        ("captions", result.target, result.protocol),
        ("images", result.backbone, f"weights: {said['weights'] or 'none'}"),
        ("sentences", encoders, f"a common space of {said['width']}" if result.source is None else ""),
        ("loss", result.method, steps + summed),
        ("what holds back", ", ".join(kept) or "nothing", "what keeps the model near what it knew"),
        ("weights kept", result.selection, chosen[result.selection]),
    ]
    if "zero_shot_domain" in metrics:
        probe = f"{metrics['zero_shot_examples']:,} images of {metrics['zero_shot_classes']} classes"
        facts.append(("zero-shot probe", str(metrics["zero_shot_domain"]), f"{probe}; “{said['template']}”"))
    return facts + [("note", note, "") for note in result.notes]


def _samples(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Queries of the test part with what they found, and the pictures that they name."""
    path = folder / LOOKS / "samples.json"
    if not path.is_file():
        return {"text_to_image": [], "image_to_text": []}, []
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found, _pictures(folder / LOOKS / "samples.npz")


def _pictures(path: Path) -> list[str]:
    """Kept images as `data:` addresses, small ones pixel by pixel."""
    with np.load(path, allow_pickle=False) as kept:
        images = torch.from_numpy(kept["images"]).permute(0, 3, 1, 2)
    return [shown("", image, SIDE).picture or "" for image in images]
