"""Training above a frozen lower part: its outputs are computed once, kept, and read instead of the images."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from landbridge.data.augment import augmentation
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.nn.backbones import Backbone
from landbridge.nn.models import Classifier
from landbridge.nn.splitting import Split
from landbridge.training.features import FeatureStore

VERSIONS = 4
"""Versions of each training image that are drawn, once, where images are augmented."""


class FrozenBelow:
    """A network whose lower layer groups stay as they are, statistics of their BatchNorm included.

    Args:
        backbone: the network.
        groups: names of its groups that stay as they are, from the stem up.
        store: where their outputs are kept.

    Attributes:
        upper: the part that trains, a backbone that reads the lower part's outputs.

    Raises:
        LandbridgeError: the network cannot be cut there.
    """

    def __init__(self, backbone: Backbone, groups: Sequence[str], store: FeatureStore) -> None:
        self._split, self._store = Split(backbone, groups), store
        self.upper = self._split.upper

    def domain(
        self, domain: Domain, trained: Sequence[str] = ("train",), augment: str = "none", seed: int = 0
    ) -> Domain:
        """A domain of images as what the lower part makes of them, [N, D]; labels, groups and seals stay.

        Args:
            domain: the images.
            trained: the splits that are trained on.
            augment: their augmentation: `VERSIONS` of each image, drawn once, take its place, all of one bundle, so
                that no validation part has some of them and training the others.
            seed: what they are drawn by.
        """
        splits = dict(domain.splits)
        if augment != "none":
            splits |= {name: _versions(splits[name], augment, seed) for name in trained if name in splits}
        backbone, cut = self._split.whole, self._split.cut
        return self._store.domains(backbone, replace(domain, splits=splits), [cut], "flatten")[cut]

    def whole(self, model: Classifier) -> Classifier:
        """A classifier that was trained on the lower part's outputs, as one that reads images."""
        return Classifier(self._split.joined(model.backbone), model.head, model.classes)


def _versions(examples: Examples, augment: str, seed: int) -> Examples:
    change, count = augmentation(augment), len(examples)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "versions", augment))
        images = [change(examples.x.read(part)) for _ in range(VERSIONS) for part in torch.arange(count).split(256)]
    position = torch.arange(count).repeat(VERSIONS)
    versions = examples.read_as(Arrays(torch.cat(images)), position)
    alone = versions.group is None and versions.bundle is None
    return replace(versions, bundle=position) if alone else versions
