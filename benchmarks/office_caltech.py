"""Methods on features side by side on Office-Caltech-10, by both protocols that published tables use.

    python benchmarks/office_caltech.py --data-root DATA --out docs/results

Protocol `full`: all examples of the source are labelled, once. Protocol `sampled`: 20 a class of the source, 8 where
the source is dslr, drawn anew in each trial. In both all examples of the target are seen without labels and tested on.
What a method has to choose, it chooses by the labelled source or by reverse validation; no label of the target is seen
but by `landbridge.evaluation`. Every pair, method and trial becomes a line of `adaptation-office-trials.jsonl`; those
that stand there already are not computed again. The tables go to stdout.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch.nn.functional import one_hot

from landbridge.adaptation.coral import CorrelationAlignment
from landbridge.adaptation.ot import OptimalTransport
from landbridge.adaptation.sa import SubspaceAlignment
from landbridge.adaptation.svm import StandardisedSVM
from landbridge.adaptation.tca import TransferComponents
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.office_caltech import DOMAINS
from landbridge.data.registry import load_domain
from landbridge.evaluation.metrics import score

Array = NDArray[Any]
Row = dict[str, Any]

METHODS: dict[str, Callable[[], Any]] = {
    "svm, source's scale": lambda: StandardisedSVM("source"),
    "svm": StandardisedSVM,
    "sa": SubspaceAlignment,
    "sa, C chosen": lambda: SubspaceAlignment(C=None),
    "coral": CorrelationAlignment,
    "tca": TransferComponents,
    "tca, together": lambda: TransferComponents(scale="together"),
    "tca, rbf": lambda: TransferComponents("rbf"),
    "ot": OptimalTransport,
    "ot, sinkhorn": lambda: OptimalTransport("sinkhorn"),
    "ot, emd": lambda: OptimalTransport("emd"),
    "ot, linear": lambda: OptimalTransport("linear"),
}

TRIALS = {"full": 1, "sampled": 20}
CHOSEN = ("C_", "dimension_", "regularisation_")


def everything(domain: Domain) -> Domain:
    """The same domain with all its examples as `train`: of the source every label is open in this protocol."""
    y = torch.cat([examples.y for examples in domain.splits.values() if examples.y is not None])
    return Domain(domain.name, domain.classes, {"train": Examples(domain.unlabelled("all").x, y)})


def labelled(source: Domain, protocol: str, seed: int) -> View:
    """What a trial sees of the source."""
    shots = None if protocol == "full" else 8 if source.name.endswith("dslr") else 20
    return everything(source).labelled(shots, seed)


def measured(name: str, source: Domain, target: Domain, protocol: str, seed: int) -> Row:
    """One line: a method on a pair."""
    shown, sealed = labelled(source, protocol, seed), target.unlabelled("all")
    method, began = METHODS[name](), time.process_time()
    method.set_params(random_state=seed).fit(shown.read().numpy(), shown.y.numpy(), target=sealed.read().numpy())
    seconds = time.process_time() - began
    guess = one_hot(torch.from_numpy(method.predict(sealed.read().numpy())), len(source.classes))
    row: Row = {"source": source.name, "target": target.name, "method": name, "protocol": protocol, "seed": seed}
    row |= {"examples": len(shown), "target_accuracy": score(guess.float(), sealed).accuracy}
    row |= {key.strip("_"): getattr(method, key) for key in CHOSEN if hasattr(method, key)}
    return row | {"seconds": round(seconds, 2)}


def pairs(kind: str) -> Iterator[tuple[str, str]]:
    """Ordered pairs of the domains that have this kind of features."""
    return permutations([f"office-caltech10/{kind}/{domain}" for domain in DOMAINS[kind]], 2)


def key(row: Row) -> tuple[Any, ...]:
    """What tells one line from another."""
    return tuple(row[name] for name in ("source", "target", "method", "protocol", "seed"))


def short(pair: tuple[str, str]) -> str:
    """`A->C` for a pair."""
    return "->".join(name.rpartition("/")[2][0].upper() for name in pair)


def table(rows: Iterable[Row], kind: str, protocol: str) -> str:
    """Accuracy in % by method and pair, mean over the trials, and the mean of all pairs with its deviation by trial."""
    every = list(pairs(kind))
    some = [row for row in rows if row["protocol"] == protocol and (row["source"], row["target"]) in every]
    lines = [["method", *map(short, every), "mean", "trials"], ["---", *["---:"] * (len(every) + 2)]]
    for name in METHODS:
        trials = {
            pair: [
                100 * row["target_accuracy"]
                for row in sorted(some, key=lambda row: row["seed"])
                if row["method"] == name and (row["source"], row["target"]) == pair
            ]
            for pair in every
        }
        counts = {len(values) for values in trials.values()}
        if 0 in counts:
            continue
        means = [float(np.mean(values)) for values in trials.values()]
        by_trial = np.mean([values[: min(counts)] for values in trials.values()], axis=0)
        spread = f" ± {by_trial.std(ddof=1):.1f}" if len(by_trial) > 1 else ""
        lines.append([name, *(f"{mean:.1f}" for mean in means), f"{np.mean(means):.1f}{spread}", str(min(counts))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def wanted(kinds: Sequence[str], protocols: Sequence[str], methods: Sequence[str], trials: int) -> Iterator[Row]:
    """Which lines there should be, the first trials of all before the later ones."""
    for protocol in protocols:
        for seed in range(min(trials, TRIALS[protocol])):
            for kind in kinds:
                for source, target in pairs(kind):
                    for method in methods:
                        names = ("source", "target", "method", "protocol", "seed")
                        yield dict(zip(names, (source, target, method, protocol, seed)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="the folder of data sets; by default LANDBRIDGE_DATA")
    parser.add_argument("--out", type=Path, default=Path(), help="where adaptation-office-trials.jsonl goes")
    parser.add_argument("--kinds", nargs="+", default=list(DOMAINS), choices=list(DOMAINS))
    parser.add_argument("--protocols", nargs="+", default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--trials", type=int, default=20, help="trials of the sampled protocol, seeds from 0 on")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # from a C that is too large, tried and not kept
    file = given.out / "adaptation-office-trials.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {key(row) for row in rows}
    for row in wanted(given.kinds, given.protocols, given.methods, given.trials):
        if key(row) in done:
            continue
        source, target = (load_domain(row[side], given.data_root) for side in ("source", "target"))
        rows.append(measured(row["method"], source, target, row["protocol"], row["seed"]))
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(rows[-1]) + os.linesep)
        print(json.dumps(rows[-1]), file=sys.stderr)
    for kind in given.kinds:
        for protocol in given.protocols:
            print(f"### {kind}, {protocol}\n\n{table(rows, kind, protocol)}")


if __name__ == "__main__":
    main()
