"""The protocol of the tables of layers: which layers are read, what is learned on which draw, and what stays sealed.

Chop a network at each layer, learn a classifier on what it puts out for a few examples a class, and test on others,
several draws each (Zeiler and Fergus, ECCV 2014, section 5.2 and table 7).
"""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.core.registry import nearest, resolve
from landbridge.data.domain import Domain, View
from landbridge.nn.backbones import Backbone
from landbridge.nn.taps import OUTPUT, tap_points
from landbridge.probing import CLASSIFIERS

Array = NDArray[Any]

SEVERAL_LABELS = {"svm": "landbridge.probing.multi_label:OneVsRestSVM"}
"""What a classifier becomes where an example may have several labels."""


class Layer(NamedTuple):
    """A layer that is probed.

    Attributes:
        name: of the layer with the weights, or as it was asked for.
        read: the layer whose output is taken: after what follows without weights.
        number: its place among the layers with weights, from 1, as the tables of the literature count; None for others.
    """

    name: str
    read: str
    number: int | None


class Cell(NamedTuple):
    """One number of a table: a classifier on a layer, learned and tested on one draw of a domain."""

    domain: str
    shots: int | None
    layer: str
    classifier: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came out of one cell.

    Attributes:
        scores: of the examples to test on, in the order of their view, [n, classes].
        settings: the arguments of the classifier, its chosen ones included.
        seconds: spent on choosing, learning and scoring.
    """

    scores: Tensor
    settings: dict[str, Any]
    seconds: float


def chosen_layers(backbone: Backbone, asked: str) -> list[Layer]:
    """The layers that a user asks for.

    Args:
        backbone: the network.
        asked: `all` layers with weights, the `last` of them, the network's `output`; or a comma-separated list of
            their numbers, from 1, or names of any layers.

    Raises:
        UnknownNameError: the network has no such layer; the message suggests the nearest.

    >>> from landbridge.nn.backbones import make_backbone
    >>> [layer.name for layer in chosen_layers(make_backbone("torchvision/alexnet"), "1,last,output")]
    ['features.0', 'classifier.4', 'output']
    """
    points = tap_points(backbone)
    every = [Layer(name, read, number) for number, (name, read) in enumerate(points.items(), 1)]
    known = {"all": every, "last": every[-1:], OUTPUT: [Layer(OUTPUT, OUTPUT, None)]}
    known |= {str(layer.number): [layer] for layer in every}
    known |= {key: [layer] for layer in every for key in (layer.read, layer.name) if key not in known}
    for name, _ in backbone.network.named_modules():
        known.setdefault(name, [Layer(name, name, None)])
    found: list[Layer] = []
    for word in filter(None, map(str.strip, asked.split(","))):
        if word not in known:
            hint = nearest(word, known) or f"; it has {len(every)}: all, last, output, 1 to {len(every)}, or names"
            raise UnknownNameError(f"'{backbone.name}' has no layer '{word}'{hint}")
        found += known[word]
    if not found:
        raise LandbridgeError("--layers names none: say all, last, output, or numbers or names with commas")
    return list(dict.fromkeys(found))


def check_classifiers(names: Sequence[str], domains: Sequence[Domain]) -> None:
    """Refuse classifiers that there are not, or that a domain has no use for.

    Raises:
        UnknownNameError: no such classifier; the message suggests the nearest.
        LandbridgeError: none is named, or one cannot learn several labels an example.
    """
    if not names:
        raise LandbridgeError(f"--classifiers names none; known: {', '.join(CLASSIFIERS)}")
    for name in names:
        CLASSIFIERS[name]
        several = next((domain.name for domain in domains if domain.multi_label and name not in SEVERAL_LABELS), None)
        if several:
            raise LandbridgeError(
                f"an example of {several} may have several labels, which '{name}' cannot learn: "
                f"take --classifiers {','.join(SEVERAL_LABELS)}"
            )


def draw(domain: Domain, shots: int | None, seed: int) -> tuple[View, View]:
    """The examples to learn from, labels shown, and those to test on, sealed; see `Domain.draw`.

    Raises:
        BadDataError: a class has fewer examples than asked for, there is nothing to test on, or nothing to tell apart.
    """
    shown, held = domain.draw(shots, seed)
    sizes = f"{len(shown)} to learn from and {len(held)} to test on"
    if not len(shown) or not len(held):
        raise BadDataError(f"{domain.name} has {sizes}: more images a class are needed, five or so at least")
    if shown.y.dim() == 1 and len(shown.y.unique()) < 2:
        raise BadDataError(f"{domain.name} has {sizes}, the former all of one class: two classes at least are needed")
    return shown, held


def outcomes(
    layers: Mapping[str, Domain],
    cells: Sequence[Cell],
    settings: Mapping[Cell, Mapping[str, Any]],
    jobs: int = 1,
) -> Iterator[tuple[Cell, View, Outcome]]:
    """Compute cells of one domain.

    What is left open in a classifier is chosen on the labels shown of one draw and kept for the others, so that all
    draws tell of the same classifier.

    Args:
        layers: the domain as features, by layer.
        cells: what to compute.
        settings: for some cells the arguments of the classifier; the others choose their own.
        jobs: cells computed side by side, in processes of their own.

    Yields:
        Each cell with its sealed view and its outcome, in order.
    """

    def tasks() -> Iterator[Any]:
        for cell in cells:
            shown, held = draw(layers[cell.layer], cell.shots, cell.seed)
            features = (shown.read().numpy(), held.read().numpy())
            yield joblib.delayed(fit_and_score)(
                cell.classifier, features[0], shown.y.numpy(), features[1], len(shown.classes), settings.get(cell, {})
            )

    found = joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks())
    for cell, outcome in zip(cells, found):
        yield cell, draw(layers[cell.layer], cell.shots, cell.seed)[1], outcome


def fit_and_score(
    classifier: str, train: Array, labels: Array, test: Array, classes: int, settings: Mapping[str, Any]
) -> Outcome:
    """Learn on one draw and score its test examples.

    Args:
        classifier: a name of `landbridge.probing.CLASSIFIERS`.
        train: features [n, D].
        labels: their class numbers [n], or labels by class [n, classes].
        test: features [m, D]; their labels are not at hand here.
        classes: how many there are.
        settings: arguments of the classifier; those left out are chosen on `train`.

    Returns:
        The outcome; a class without examples to learn from is never called.
    """
    reference = SEVERAL_LABELS[classifier] if labels.ndim == 2 else CLASSIFIERS[classifier]
    estimator = resolve(reference)(**settings)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # A large C that does not converge loses the cross-validation, or wins it as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # One example a class is what was asked for; scikit-learn takes such labels for numbers.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        known = estimator.fit(train, labels).scores(test)
    seconds = time.perf_counter() - start
    scores = torch.full((len(test), classes), -torch.inf)
    scores[:, torch.from_numpy(np.asarray(estimator.classes_))] = torch.as_tensor(known, dtype=torch.float32)
    return Outcome(scores, {name: _plain(value) for name, value in estimator.settings_.items()}, seconds)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
