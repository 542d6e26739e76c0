"""How good the advice is: what `landbridge advise` says of a pair, and what is best there once labels are opened.

The rule that ranks was fixed on the development pairs, which are embedded. The seen pairs were looked at before it was
last changed, the fresh ones once, after that. Advice is written before the labels of the target's test part are opened,
here and nowhere else.

    python benchmarks/advise.py --backbone B --weights W --data-root DIR --out runs/advise
    python benchmarks/advise.py --picture runs/advise/trials.jsonl --out docs/images/advise.png
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from landbridge.api._advising import Looked, Request, conclude, extractor, look
from landbridge.data.domain import Domain
from landbridge.data.matching import match_classes
from landbridge.evaluation.metrics import score
from landbridge.runs.result import versions

DEVELOPMENT = [
    (f"digits/{source}", f"digits/{target}")
    for source in ("printed", "handwritten", "photo")
    for target in ("printed", "handwritten", "photo")
    if source != target
]
SEEN = [
    ("mnist", "usps"),
    ("usps", "mnist"),
    ("mnist", "mnist-m"),
    ("synsigns", "gtsrb"),
    ("pacs/photo", "pacs/art_painting"),
    ("pacs/photo", "pacs/sketch"),
    ("pacs/art_painting", "pacs/cartoon"),
    ("emoji/noto", "emoji/twemoji"),
    ("emoji/noto", "emoji/fluent"),
    ("emoji/openmoji", "emoji/noto"),
]
FRESH = [
    ("pacs/art_painting", "pacs/photo"),
    ("pacs/cartoon", "pacs/photo"),
    ("pacs/photo", "pacs/cartoon"),
    ("pacs/cartoon", "pacs/sketch"),
    ("pacs/sketch", "pacs/art_painting"),
    ("pacs/art_painting", "pacs/sketch"),
    ("emoji/twemoji", "emoji/openmoji"),
    ("emoji/fluent", "emoji/noto"),
    ("emoji/openmoji", "emoji/fluent"),
    ("mnist-m", "mnist"),
]
PAIRS = {"development": DEVELOPMENT, "seen": SEEN, "fresh": FRESH}
TESTED = 1000
"""Test examples of a target, at most."""


def judged(looked: Looked) -> dict[str, float]:
    """The accuracy of every strategy that was tried on test examples of the target; opens their labels."""
    target = match_classes(looked.source, looked.target)
    examples = target.splits["test"]
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(looked.asked.seed))
    some = Domain(target.name, target.classes, {"test": examples.pick(order[:TESTED].sort().values)})
    view = extractor(looked.backbone, looked.asked)(some).unlabelled("test")
    features = view.read().numpy()
    found = {}
    for name, trial in looked.trials.items():
        accuracy = score(torch.from_numpy(trial.scorer(features, "target")), view).accuracy
        assert accuracy is not None
        found[name] = accuracy
    return found


def trial(asked: Request, folder: Path) -> dict[str, Any]:
    """One line of the study: what was said, what was best, and how much that costs."""
    looked = look(asked)
    advice = conclude(looked, folder)
    accuracies = judged(looked)
    said, best = advice.options[0].strategy, max(accuracies, key=lambda name: accuracies[name])
    return {
        "source": asked.source,
        "target": asked.target,
        "shots": asked.target_shots,
        "said": said,
        "best": best,
        "regret_points": round(100 * (accuracies[best] - accuracies[said]), 2),
        "test_accuracy": {name: round(value, 4) for name, value in accuracies.items()},
        "estimates": {option.strategy: option.estimate for option in advice.options},
        "basis": advice.options[0].basis,
        "proxy_a_distance": advice.facts.distances.proxy_a,
        "mmd": advice.facts.distances.mmd,
        "outlook": advice.outlook.word,
        "backbone": asked.backbone,
        "most": asked.most,
        "seed": asked.seed,
        "command": advice.command.replace(str(asked.data_root), "$LANDBRIDGE_DATA"),
        "versions": versions(),
    }


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Accuracy over distance: what the advice reached, what was best, and the plain SVM of the source."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    lines = sorted((line for line in lines if not line["shots"]), key=lambda line: line["mmd"])
    x = [max(line["mmd"], 1e-3) for line in lines]
    best = [100 * max(line["test_accuracy"].values()) for line in lines]
    advised = [100 * line["test_accuracy"][line["said"]] for line in lines]
    plain = [100 * line["test_accuracy"]["source-svm"] for line in lines]
    axes.scatter(x, best, 90, facecolors="none", edgecolors="#8f6608", label="best of the strategies")
    axes.scatter(x, advised, 36, color="#0c746e", label="what was advised")
    axes.scatter(x, plain, 36, color="#5d676d", marker="x", label="source SVM as it is")
    for number, line in enumerate(lines):
        text = f"{line['source'].split('/')[-1]} to {line['target'].split('/')[-1]}"
        above = number % 2 == 0  # by turns, so that neighbours keep out of each other's way
        place = (x[number], best[number] if above else min(advised[number], plain[number]))
        leans = {"rotation": 25, "va": "bottom"} if above else {"rotation": -25, "va": "top"}
        style: dict[str, Any] = {"color": "#5d676d", **leans}
        axes.annotate(text, place, (4, 5 if above else -5), textcoords="offset points", fontsize=7, **style)
    axes.set(
        xscale="log",
        xlabel="squared MMD between the domains",
        ylabel="accuracy on the target's test part (%)",
        ylim=(0, 100),
    )
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run the pairs, a JSON line each, or draw what was run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", default="hog")
    parser.add_argument("--weights")
    parser.add_argument("--data-root")
    parser.add_argument("--pairs", choices=PAIRS, default="fresh")
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--picture", type=Path, help="draw the --pairs among these trials into --out instead")
    given = parser.parse_args()
    if given.picture:
        lines = [json.loads(line) for line in given.picture.read_text(encoding="utf-8").splitlines()]
        draw([line for line in lines if line["pairs"] == given.pairs], given.out)
        return
    first = Request(
        "", "", given.backbone, given.weights, False, False, given.shots, 600.0, given.most, None, 0, 0.01,
        given.data_root, "auto", True,
    )  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "trials.jsonl").open("a", encoding="utf-8") as file:
        for source, target in PAIRS[given.pairs]:
            name = f"{source}-{target}-{given.shots}".replace("/", "_")
            asked = replace(first, source=source, target=target)
            line = {"pairs": given.pairs} | trial(asked, given.out / name)
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{source} to {target}: said {line['said']}, best {line['best']}, -{line['regret_points']} points")


if __name__ == "__main__":
    main()
