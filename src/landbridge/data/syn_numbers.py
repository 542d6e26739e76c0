"""SYN NUMBERS: rendered house numbers, as the source for SVHN."""

from functools import partial
from pathlib import Path

from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.kept import kept
from landbridge.data.mnist import DIGITS
from landbridge.data.rendering import VERSION, Recipe, balanced_labels, render

RECIPE = Recipe(
    size=32, height=(16, 27), rotation=18, shear=0.25, stretch=(0.7, 1.15), shift=2.5, weight=(-0.2, 1.0),
    outlined=0.4, outline=(0.7, 2.2), blur=(1.0, 4.5), contrast=30, textured=0.7, noise=(0, 9), neighbours=0.55,
)  # fmt: skip
"""How the numbers vary: the ranges are ours, since the paper names what varies but not how much."""

COUNTS = {"100k": (100_000, 9_553), "full": (479_400, 9_553)}
"""Sizes of train and test by variant; `full` has those of the published archive."""

_SEED = 1


def load(variant: str | None, root: Path | None) -> Domain:
    """SYN NUMBERS (Ganin and Lempitsky, ICML 2015, section 4.1), rendered by the paper's recipe, 32x32 RGB.

    Numbers of one to three digits in many fonts; the one in the middle is the label. Position, orientation, ground and
    stroke colours and the amount of blur vary. The authors' images came from Windows fonts and are not used: ours
    come from Matplotlib's fonts. By default 100,000 + 9,553 of them (half a minute the first time, then from the
    cache, 0.3 GB); `syn-numbers/full` has the published 479,400 (1.5 GB); `rendered` gives any number.
    """
    train, test = COUNTS[variant or "100k"]
    return rendered(train, test)


def rendered(train: int, test: int) -> Domain:
    """As many rendered numbers as wanted, the same ones for the same numbers.

    Args:
        train: how many training images.
        test: how many test images; drawn apart from the training images.
    """
    splits = {"train": _examples("train", train, 0), "test": _examples("test", test, 1)}
    return Domain("syn-numbers", DIGITS, splits, backbone="ganin-svhn", note="rendered by us, by the paper's recipe")


def _examples(split: str, count: int, number: int) -> Examples:
    labels = balanced_labels(count, [_SEED, number])
    draw = partial(render, labels, RECIPE, [_SEED, number])
    return Examples(Arrays(lambda: kept(f"syn-numbers-{split}", f"v{VERSION}-{count}", draw), count), labels)
