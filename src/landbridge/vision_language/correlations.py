"""Canonical correlations between images and recipes: the linear maps that training starts from, in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from landbridge.core.errors import BadDataError

FLAT = 1e-6
"""Directions with a smaller share of the largest variance are left out: nothing can be learned along them."""

TITLE_TO_INSTRUCTIONS = (0.5, 1.0, 1.4)
"""How much the words of a title, of ingredients and of instructions count: the row of a short text is noisy."""


@dataclass(frozen=True)
class Correlations:
    """Affine maps into the space in which images and recipes are correlated most.

    Attributes:
        image: of image features, [D, k].
        image_offset: [k].
        fields: of the rows of each field, [V, k].
        field_offsets: [k] each.
        strengths: the correlations of the k directions, descending, in [0, 1].
    """

    image: Tensor
    image_offset: Tensor
    fields: tuple[Tensor, ...]
    field_offsets: tuple[Tensor, ...]
    strengths: Tensor


def correlations(
    images: Tensor,
    fields: Sequence[Tensor],
    width: int,
    *,
    image_ridge: float = 3.0,
    text_ridge: float = 4.0,
    keep: float = 0.8,
    weights: Sequence[float] | None = None,
    own: float = 0.5,
    directions: int = 600,
    power: float = 2.0,
) -> Correlations:
    """Regularised canonical correlation between images and what several fields say about them together.

    With p_f the part that field f adds to the principal components of all text, and m_f = 1 with chance `keep`, else 0,
    whether f is there, the covariance of a recipe sum_f m_f p_f is in the mean, up to the factor keep,

        C_t = keep cov(sum_f p_f) + (1 - keep) sum_f cov(p_f):

    dropping fields at random, without drawing any. U S V' = (C_i + a I)^-1/2 C_it (C_t + b I)^-1/2 gives the directions
    (Hotelling, Biometrika 1936; ridges: Vinod, Journal of Econometrics 1976), and direction k counts S_k^(power / 2) on
    either side, so that doubtful ones count little (power 0 is plain correlation, as in Hardoon et al., Neural
    Computation 2004). Fields share their words: each field's map is one of all fields plus one of its own, the inner
    product of two fields f and g being w_f w_g (1 + own [f = g]) <x_f, x_g>. The closed-form dropping, the power and
    the shared words are ours.

    Args:
        images: features [N, D].
        fields: rows of the fields [N, V], over one vocabulary; zeros where a recipe lacks the field.
        width: how many directions at most.
        image_ridge: a, in mean variances of a feature, > 0.
        text_ridge: b times N, in the variance of all text together, > 0.
        keep: chance that a field is there, in (0, 1].
        weights: w_f, > 0; by default `TITLE_TO_INSTRUCTIONS` for three fields, else 1.
        own: how much fields differ in what a word means, > 0.
        directions: principal components of either side that are looked at.
        power: >= 0.

    Raises:
        BadDataError: fewer than two pairs, or nothing varies.

    >>> generator = torch.Generator().manual_seed(0)
    >>> fields = [torch.rand(80, 6, generator=generator) for _ in range(3)]
    >>> images = sum(fields) @ torch.rand(6, 4, generator=generator)
    >>> found = correlations(images, fields, 3, image_ridge=1e-3, text_ridge=1e-3, keep=1.0)
    >>> found.image.shape, found.fields[0].shape, bool(found.strengths[0] > 0.95)
    (torch.Size([4, 3]), torch.Size([6, 3]), True)
    """
    count = len(images)
    if count < 2:
        raise BadDataError(f"{count} recipes are too few to find what images and texts have in common")
    mixed = _mixing(len(fields), weights, own)
    middle, middles = images.double().mean(0), [rows.double().mean(0) for rows in fields]
    pictures = images.double() - middle
    spread, variance = _principal(pictures.T @ pictures / count, directions)
    along, parts, total = _components(fields, middles, mixed, directions)
    if not len(variance) or not along[0].shape[1]:
        raise BadDataError("images or texts do not vary: there is nothing to learn from them")
    image_white = spread / (variance + image_ridge * pictures.square().mean()).sqrt()
    whole = torch.stack(parts).sum(0)
    covariance = (keep * whole.T @ whole + (1 - keep) * sum(part.T @ part for part in parts)) / count
    text_white = _inverse_root(covariance + text_ridge * total / count * torch.eye(len(covariance)))
    between = (pictures @ image_white).T @ (whole @ text_white) / count
    u, strengths, v = torch.linalg.svd(between, full_matrices=False)
    scale = strengths[:width] ** (power / 2)
    image = image_white @ u[:, :width] * scale
    maps = [axes @ text_white @ v[:width].T * scale for axes in along]
    offsets = tuple(-mean @ map_ for mean, map_ in zip(middles, maps))
    return Correlations(image, -middle @ image, tuple(maps), offsets, strengths[:width])


def _mixing(count: int, weights: Sequence[float] | None, own: float) -> Tensor:
    """The inner product of fields, w_f w_g (1 + own [f = g]), [F, F]."""
    usual = TITLE_TO_INSTRUCTIONS if count == len(TITLE_TO_INSTRUCTIONS) else (1.0,) * count
    w = torch.tensor(weights or usual, dtype=torch.float64)
    return w[:, None] * w * (1 + own * torch.eye(count))


def _principal(covariance: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The directions [D, k] in which there is most variance, and the variance along each [k], descending."""
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:most], vectors.flip(1)[:, :most]
    varies = values > FLAT * values[0].clamp(min=torch.finfo(values.dtype).tiny)
    return vectors[:, varies], values[varies]


def _components(
    fields: Sequence[Tensor], middles: Sequence[Tensor], mixed: Tensor, most: int
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Principal components of all fields together, found from the inner products of the recipes.

    Returns:
        What takes a row of each field to its part of the components, [V, k] each; the parts of these recipes [N, k]
        each, which sum to 0; and the variance of all text together, a scalar.
    """
    count, sparse = len(fields[0]), [csr_matrix(rows.double().numpy()) for rows in fields]
    weights = mixed.numpy()
    alike = np.zeros((count, count))
    for f, rows in enumerate(sparse):
        alike += (rows @ sum(weight * other for weight, other in zip(weights[f], sparse)).T).toarray()
    alike += alike.mean() - alike.mean(0) - alike.mean(1, keepdims=True)
    vectors, values = _principal(torch.from_numpy(alike + alike.T) / (2 * count), most)
    vectors = vectors / (values * count).sqrt()
    # These are centred themselves, so that recipes need not be: they could not stay sparse.
    words = [torch.from_numpy(rows.T @ vectors.numpy()) for rows in sparse]
    along = [sum((weight * word for weight, word in zip(own, words)), torch.zeros(())) for own in mixed]
    parts = [torch.from_numpy(rows @ axes.numpy()) - mean @ axes for rows, mean, axes in zip(sparse, middles, along)]
    return along, parts, torch.tensor(alike.trace() / count)


def _inverse_root(matrix: Tensor) -> Tensor:
    """M^-1/2 of a symmetric positive matrix [k, k]."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors / values.sqrt() @ vectors.T
    return root
