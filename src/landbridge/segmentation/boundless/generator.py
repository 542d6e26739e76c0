"""Features of pixels, made from what is said of their class."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from landbridge.core.processes import noise_like
from landbridge.data.label_maps import VOID
from landbridge.losses import maximum_mean_discrepancy

SLOPE, DROPPED = 0.2, 0.5
"""Of the leaky ReLU and of dropout, as in ZS3Net's published code."""


class FeatureGenerator(nn.Module):
    """A generative moment-matching network: the description of a class and noise become features of its pixels.

        x = G(a, z; w),   z ~ N(0, I)

    (Bucher et al., NeurIPS 2019, after Li et al., ICML 2015.) One hidden layer, leaky ReLU and dropout. The noise is as
    wide as the description, as theirs is (300 and 300).

    Args:
        conditions: a description a class, [classes, A]; `landbridge.segmentation.boundless.descriptions.conditions`.
        width: D, of the features.
        hidden: of the hidden layer.

    >>> generator = FeatureGenerator(torch.eye(3), width=8)
    >>> generator(torch.tensor([0, 2, 2])).shape
    torch.Size([3, 8])
    """

    conditions: Tensor

    def __init__(self, conditions: Tensor, width: int, hidden: int = 256) -> None:
        super().__init__()
        self.register_buffer("conditions", conditions)
        self.layers = nn.Sequential(
            nn.Linear(2 * conditions.shape[1], hidden),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(DROPPED),
            nn.Linear(hidden, width),
        )

    def forward(self, classes: Tensor) -> Tensor:
        """Features [n, D] of pixels of the classes int64 [n], with noise of their own."""
        said = self.conditions[classes]
        made: Tensor = self.layers(torch.cat([said, noise_like(said)], 1))
        return made

    def maps(self, classes: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps [n, D, h, w], all pixels of the i-th of class number `classes[i]`."""
        height, width = size
        made: Tensor = self(classes.repeat_interleave(height * width))
        return made.view(len(classes), height, width, -1).movedim(-1, 1)


def features_by_class(features: Tensor, labels: Tensor, most: int) -> dict[int, Tensor]:
    """Some features of each class that is there, drawn at random.

    Args:
        features: maps [n, D, h, w].
        labels: class numbers int64 [n, h, w], void ones left out.
        most: features a class; a class with fewer than two is left out, since a distribution needs two.

    Returns:
        class number -> [2 to most, D].
    """
    flat, classes = features.movedim(1, -1).flatten(0, 2), labels.flatten()
    drawn = torch.randperm(len(classes), device=classes.device)
    found = {}
    for number in classes.unique().tolist():
        if number == VOID:
            continue
        places = drawn[classes[drawn] == number][:most]
        if len(places) > 1:
            found[number] = flat[places]
    return found


def generation_loss(generator: FeatureGenerator, real: Mapping[int, Tensor]) -> Tensor:
    """How far generated features are from real ones, class by class.

        mean over classes c of   E k(x, x') + E k(y, y') - 2 E k(x, y),   x, x' in X(c) real, y, y' = G(a[c], z)

    (Bucher et al., NeurIPS 2019, who write sums where this takes means; k Gaussian kernels of several widths.) Their
    widths are fixed for features of one network (2 to 60 in the paper, 2 to 80 in the published code, which also takes
    the square root); here they follow the median distance of the features at hand, as everywhere in this package.

    Args:
        generator: G.
        real: class number -> features [n >= 2, D].

    Returns:
        A scalar; about 0 where no kernel tells them apart, and 0 with a gradient of 0 where there is no class. Over
        several processes the means of each one's classes are averaged.
    """
    if not real:
        any_class = torch.zeros(1, dtype=torch.int64, device=generator.conditions.device)
        nothing: Tensor = generator(any_class).sum() * 0
        return nothing
    discrepancies = [
        maximum_mean_discrepancy(features, generator(torch.full((len(features),), number, device=features.device)))
        for number, features in real.items()
    ]
    return torch.stack(discrepancies).mean()
