"""Published tables of features by layer, to stand beside one's own."""

from typing import NamedTuple

PAPER = "Zeiler and Fergus, ECCV 2014, table 7"
NETWORK = "Krizhevsky's network"
"""Whose layers it chops: AlexNet (Krizhevsky et al., NeurIPS 2012)."""

LAYERS = 7
"""How many layers that network has."""


class Published(NamedTuple):
    """A published figure: mean and deviation over draws, in [0, 1]."""

    mean: float
    deviation: float


def _figures(**columns: dict[int, tuple[float, float]]) -> dict[tuple[str, int], Published]:
    return {
        (classifier, layer): Published(round(mean / 100, 5), round(deviation / 100, 5))
        for classifier, figures in columns.items()
        for layer, (mean, deviation) in figures.items()
    }


_TABLES = {
    ("caltech101", 30): _figures(
        svm={1: (44.8, 0.7), 2: (66.2, 0.5), 3: (72.3, 0.4), 4: (76.6, 0.4), 5: (86.2, 0.8), 7: (85.5, 0.4)},
        softmax={5: (82.9, 0.4), 7: (85.4, 0.4)},
    ),
    ("caltech256", 60): _figures(
        svm={1: (24.6, 0.4), 2: (39.6, 0.3), 3: (46.0, 0.3), 4: (51.3, 0.1), 5: (65.6, 0.3), 7: (71.7, 0.2)},
        softmax={5: (65.7, 0.5), 7: (72.6, 0.1)},
    ),
}


def published(domain: str, shots: int | None) -> dict[tuple[str, int], Published]:
    """The published figures for a domain and so many examples a class, by (classifier, number of the layer).

    Returns:
        Class-averaged accuracies; empty where nothing was published for just this.

    >>> published("caltech101", 30)["svm", 5]
    Published(mean=0.862, deviation=0.008)
    >>> published("caltech101", 15)
    {}
    """
    return _TABLES.get((domain, shots or 0), {})


def is_the_network(backbone: str) -> bool:
    """Whether a backbone is the published one, so that layer n is layer n.

    >>> is_the_network("torchvision/alexnet"), is_the_network("timm/mobilenetv2_100?pad_type=same")
    (True, False)
    """
    return backbone.partition("?")[0].rpartition("/")[2] == "alexnet"
