"""Do transferability scores order backbones as a real linear probe does?

    python benchmarks/transferability.py --weights WEIGHTS --data-root DATA --out docs/results

Three layers of five networks, three with ImageNet weights and two with random ones, on seven data sets. The scores see
a few labelled training examples; the accuracy is that of a linear SVM fitted on the same ones (liblinear, features
standardised, C by two-fold cross-validation), over the classes of the test part. LEEP and NCE need a network with a
head, so they are held against the last layer of four of the networks.

WEIGHTS is a folder with `mobilenetv2_100.timm.safetensors`, `squeezenet1_1.torchvision.safetensors`,
`mobilenet_v2_gluon.features.safetensors` and `nets.py`, whose `mobilenet_v2_gluon()` the last one loads into. Every
pair becomes a line of `transferability-trials.jsonl`; pairs that stand there already are not measured again. The tables
go to stdout.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.stats import spearmanr, weightedtau
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from landbridge.data.domain import Domain, Examples, View
from landbridge.data.registry import load_domain
from landbridge.evaluation.label_transfer import leep, nce
from landbridge.evaluation.transferability import SCORES
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.blueprint import IMAGENET, Blueprint
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.taps import OUTPUT
from landbridge.training.features import FeatureStore

Array = NDArray[Any]
Row = dict[str, Any]

DOMAINS = ("pacs/photo", "pacs/art_painting", "pacs/cartoon", "pacs/sketch", "gtsrb", "caltech101", "flowers102")
LABEL_SCORES = ("leep", "nce")


@dataclass(frozen=True)
class Network:
    """A network of the study.

    Attributes:
        name: what the tables call it.
        make: (folder of weights, side of the inputs) -> the backbone; with a head, its output is probabilities.
        layers: three of its layers, the last one before the head.
        trained: whether it has ImageNet's weights.
        head: whether its classes of the source are still there.
    """

    name: str
    make: Callable[[Path, int], Backbone]
    layers: tuple[str, str, str]
    trained: bool = True
    head: bool = True


def mobilenet(weights: Path | None, size: int) -> Backbone:
    """MobileNetV2 of timm with its head."""
    import timm

    network = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=1001)
    file = weights and weights / "mobilenetv2_100.timm.safetensors"
    return with_probabilities(network, file, Preprocessing((size, size), (0.5,) * 3, (0.5,) * 3))


def squeezenet(weights: Path | None, size: int) -> Backbone:
    """SqueezeNet of torchvision with its head."""
    from torchvision.models import squeezenet1_1

    file = weights and weights / "squeezenet1_1.torchvision.safetensors"
    return with_probabilities(squeezenet1_1(), file, Preprocessing((size, size), IMAGENET.mean, IMAGENET.std))


def gluon(weights: Path, size: int) -> Backbone:
    """A MobileNetV2 of another training, without a head."""
    spec = f"{weights / 'nets.py'}:mobilenet_v2_gluon?size={size}"
    return make_backbone(spec, weights / "mobilenet_v2_gluon.features.safetensors")


def with_probabilities(network: nn.Module, file: Path | None, preprocessing: Preprocessing) -> Backbone:
    """A backbone that puts out the probabilities of its source classes."""
    if file:
        network.load_state_dict(load_file(file))
    return Backbone(type(network).__name__, Blueprint(nn.Sequential(network, nn.Softmax(1)), preprocessing))


MOBILENET_LAYERS = ("0.blocks.2", "0.blocks.4", "0.bn2")
SQUEEZENET_LAYERS = ("0.features.4", "0.features.9", "0.features.12")

NETWORKS = (
    Network("mobilenetv2_100", mobilenet, MOBILENET_LAYERS),
    Network("squeezenet1_1", squeezenet, SQUEEZENET_LAYERS),
    Network("mobilenet_v2_gluon", gluon, ("features.6", "features.13", "features.18"), head=False),
    Network("mobilenetv2_100, random", lambda _, size: mobilenet(None, size), MOBILENET_LAYERS, trained=False),
    Network("squeezenet1_1, random", lambda _, size: squeezenet(None, size), SQUEEZENET_LAYERS, trained=False),
)


def few(domain: Domain, train: int, test: int, seed: int) -> Domain:
    """A domain with some `train` training examples, 30 a class at most, and `test` examples to test on."""
    labelled, rest = domain.draw(min(30, train // len(domain.classes)), seed)
    some = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))[:test]

    def cut(view: View) -> Examples:
        return domain.splits[view.split].pick(view.index)

    return Domain(domain.name, domain.classes, {"train": cut(labelled), "test": cut(rest.subset(some.sort().values))})


def arrays(domain: Domain, split: str) -> tuple[Array, Array]:
    """Features and labels of a split."""
    examples = domain.splits[split]
    assert examples.y is not None
    return examples.x.read(torch.arange(len(examples)), None).numpy(), examples.y.numpy()


def probed(domain: Domain, seed: int) -> float:
    """What a linear SVM reaches on the test part, the mean over its classes."""
    x, y = arrays(domain, "train")
    # Standardised features have a squared norm of D: dividing by it makes one grid fit every width.
    grid = {"linearsvc__C": [c / x.shape[1] for c in (0.01, 0.1, 1.0)]}
    search = GridSearchCV(make_pipeline(StandardScaler(), LinearSVC(random_state=seed)), grid, cv=2)
    test, truth = arrays(domain, "test")
    return float(balanced_accuracy_score(truth, search.fit(x, y).predict(test)))


def measured(network: Network, weights: Path, domain: Domain, size: int, seed: int, store: FeatureStore) -> list[Row]:
    """One row a layer: the scores on the training examples, and the accuracy on the test examples."""
    torch.manual_seed(seed)
    backbone = network.make(weights, size)
    wanted = [*network.layers, OUTPUT] if network.head else list(network.layers)
    found = store.domains(backbone, domain, wanted)
    rows = []
    for depth, layer in enumerate(network.layers, 1):
        x, y = arrays(found[layer], "train")
        row: Row = {"domain": domain.name, "network": network.name, "trained": network.trained, "depth": depth}
        row |= {"layer": layer.removeprefix("0."), "width": x.shape[1], "examples": len(x), "size": size, "seed": seed}
        began = time.process_time()
        row["accuracy"] = probed(found[layer], seed)
        row["seconds"] = {"svm": time.process_time() - began}
        for name, score in SCORES.items():
            began = time.process_time()
            row[name] = score(x, y)
            row["seconds"][name] = time.process_time() - began
        rows.append(row)
    if network.head:
        probabilities, y = arrays(found[OUTPUT], "train")
        rows[-1] |= {"leep": leep(probabilities, y), "nce": nce(probabilities.argmax(1), y)}
    return rows


def correlations(rows: Sequence[Row], score: str) -> tuple[float, float]:
    """Kendall's weighted tau and Spearman's rho between a score and the accuracy; nan where a score never changes."""
    values, accuracies = rounded(rows, score), [row["accuracy"] for row in rows]
    if len(set(values)) == 1:
        return float("nan"), float("nan")
    return float(weightedtau(values, accuracies).statistic), float(spearmanr(values, accuracies).statistic)


def rounded(rows: Sequence[Row], score: str) -> list[float]:
    """A score to nine digits; what lies below is rounding, and must not order equal ones."""
    return [float(f"{row[score]:.9g}") for row in rows]


def lost(rows: Sequence[Row], score: str) -> float:
    """Points of accuracy between the best row and the one that a score puts first; of equal ones, their mean."""
    values, accuracies = np.array(rounded(rows, score)), np.array([row["accuracy"] for row in rows])
    return float(100 * (accuracies.max() - accuracies[values == values.max()].mean()))


def compared(rows: Sequence[Row], score: str) -> list[str]:
    """A score's line of a table: both correlations, and what its first choice loses (mean, lowest to highest)."""
    rows = [row for row in rows if score in row]
    sets = [[row for row in rows if row["domain"] == name] for name in names(rows)]
    inside, losses = [correlations(some, score) for some in sets], [lost(some, score) for some in sets]
    known = np.array([pair for pair in inside if not np.isnan(pair).any()]).reshape(-1, 2)
    within = [f"{c.mean():.2f} ({c.min():.2f} to {c.max():.2f})" if len(c) else "none" for c in known.T]
    over_all = (f"{c:.2f}" for c in correlations(rows, score))
    return [
        score,
        str(len(rows)),
        f"{len(known)} of {len(inside)}",
        *within,
        *over_all,
        f"{np.mean(losses):.1f} (at most {max(losses):.1f})",
    ]


def names(rows: Iterable[Row], key: str = "domain") -> list[str]:
    """What stands under a key, each once."""
    return list(dict.fromkeys(row[key] for row in rows))


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines]) + "\n"


def page(rows: Sequence[Row]) -> str:
    """All tables."""
    header = (
        "score",
        "pairs",
        "data sets",
        "tau_w within",
        "rho within",
        "tau_w over all",
        "rho over all",
        "points lost",
    )
    last = [row for row in rows if "leep" in row]
    chosen = {
        "All layers of all networks": (rows, SCORES),
        "All layers of the networks with ImageNet's weights": ([row for row in rows if row["trained"]], SCORES),
        "The last layers of the networks with a head": (last, [*SCORES, *LABEL_SCORES]),
    }
    parts = [f"### {title}\n\n{table(header, (compared(some, s) for s in by))}" for title, (some, by) in chosen.items()]
    accuracy = {(row["network"], row["depth"], row["domain"]): f"{100 * row['accuracy']:.1f}" for row in rows}
    layers = {(row["network"], row["depth"]): row["layer"] for row in rows}
    lines = [
        [f"{network}, {layer}", *(accuracy[network, depth, domain] for domain in names(rows))]
        for (network, depth), layer in layers.items()
    ]
    parts.append(f"### Accuracy of the linear SVM (%)\n\n{table(['layer', *names(rows)], lines)}")
    seconds = [[name, f"{np.mean([row['seconds'][name] for row in rows]):.2f}"] for name in ("svm", *SCORES)]
    parts.append(f"### Computing time, mean (s)\n\n{table(['what', 'seconds'], seconds)}")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the folder of weights")
    parser.add_argument("--data-root", type=Path, help="the folder of data sets; by default LANDBRIDGE_DATA")
    parser.add_argument("--out", type=Path, default=Path(), help="where transferability-trials.jsonl goes")
    parser.add_argument("--train", type=int, default=500, help="training examples a data set, at most 30 a class")
    parser.add_argument("--test", type=int, default=400, help="test examples a data set")
    parser.add_argument("--size", type=int, default=96, help="side of the networks' inputs")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    trials, store = given.out / "transferability-trials.jsonl", FeatureStore(quiet=True)
    rows = [json.loads(line) for line in trials.read_text().splitlines()] if trials.exists() else []
    for name in DOMAINS:
        domain = few(load_domain(name, given.data_root), given.train, given.test, given.seed)
        for network in NETWORKS:
            if any(row["domain"] == name and row["network"] == network.name for row in rows):
                continue
            new = measured(network, given.weights, domain, given.size, given.seed, store)
            rows += new
            with trials.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in new)
            print(f"{name}, {network.name}: {[round(row['accuracy'], 3) for row in new]}", file=sys.stderr)
    print(page(rows))


if __name__ == "__main__":
    main()
