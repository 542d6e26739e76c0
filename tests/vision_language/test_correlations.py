"""Canonical correlations against the textbook, and what dropping fields in closed form stands for."""

import pytest
import torch
from torch import Tensor

from landbridge.core.errors import BadDataError
from landbridge.vision_language.correlations import correlations

PLAIN = {"image_ridge": 1e-9, "text_ridge": 1e-9, "keep": 1.0}


def fields_of(count: int = 60, words: int = 5, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, words, generator=generator, dtype=torch.float64) for _ in range(3)]


def images_of(fields: list[Tensor], width: int = 4, noise: float = 0.3) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    maps = torch.randn(len(fields), fields[0].shape[1], width, generator=generator, dtype=torch.float64)
    clean = sum((rows @ map_ for rows, map_ in zip(fields, maps)), torch.zeros(()))
    return clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)


def test_without_ridges_these_are_the_canonical_correlations_of_the_textbook() -> None:
    """The singular values of Q_x' Q_y, with Q the orthonormal bases of the centred columns."""
    fields = fields_of()
    images = images_of(fields)
    bases = [torch.linalg.qr(rows - rows.mean(0))[0] for rows in (images, torch.cat(fields, 1))]
    expected = torch.linalg.svdvals(bases[0].T @ bases[1])
    assert torch.allclose(correlations(images, fields, 4, **PLAIN).strengths, expected, atol=1e-5)


def test_the_maps_give_uncorrelated_directions_as_strong_as_they_say() -> None:
    fields = fields_of()
    images = images_of(fields)
    found = correlations(images, fields, 4, power=0.0, **PLAIN)
    seen = images @ found.image + found.image_offset
    read = sum((x @ w + b for x, w, b in zip(fields, found.fields, found.field_offsets)), torch.zeros(()))
    assert torch.allclose(seen.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-8)
    assert torch.allclose(read.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-8)
    eye = torch.eye(4, dtype=torch.float64)
    assert torch.allclose(seen.T @ seen / len(seen), eye, atol=1e-5)
    assert torch.allclose(read.T @ read / len(read), eye, atol=1e-5)
    assert torch.allclose(seen.T @ read / len(read), torch.diag(found.strengths), atol=1e-5)


def test_dropping_fields_in_closed_form_is_what_drawing_comes_to() -> None:
    """All eight ways to drop three fields, each as often as it comes, are one large set of recipes."""
    fields, keep = fields_of(24), 0.7
    images = images_of(fields)
    texts = [rows - rows.mean(0) for rows in fields]
    rows, pictures, shares = [], [], []
    for number in range(8):
        kept = [bool(number >> f & 1) for f in range(3)]
        shares.append(keep ** sum(kept) * (1 - keep) ** (3 - sum(kept)))
        rows.append(torch.cat([text * there for text, there in zip(texts, kept)], 1))
        pictures.append(images - images.mean(0))
    weight = torch.tensor(shares, dtype=torch.float64).repeat_interleave(24)[:, None]
    x, y = torch.cat(pictures), torch.cat(rows)

    def root(matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        return vectors / values.sqrt() @ vectors.T

    # Both covariances with texts are in units of keep, as the closed form has them.
    between = root((weight * x).T @ x) @ ((weight * x).T @ y) @ root((weight * y).T @ y)
    expected = torch.linalg.svdvals(between)[:4] / keep**0.5
    found = correlations(images, fields, 4, **{**PLAIN, "keep": keep})
    assert torch.allclose(found.strengths, expected, atol=1e-5)


def test_ridges_and_powers_make_doubtful_directions_count_less() -> None:
    fields = fields_of()
    images = images_of(fields)
    loose, tight = correlations(images, fields, 4, **PLAIN), correlations(images, fields, 4)
    assert bool((tight.strengths < loose.strengths).all())
    flat, steep = (correlations(images, fields, 4, power=power) for power in (0.0, 2.0))
    assert torch.allclose(flat.image * flat.strengths, steep.image)


def test_a_field_that_nobody_has_changes_nothing() -> None:
    fields = fields_of()
    images = images_of(fields[1:])
    options = {"weights": (1.0, 1.0), **PLAIN}
    two = correlations(images, fields[1:], 4, **options)
    three = correlations(images, [torch.zeros_like(fields[0]), *fields[1:]], 4, weights=(1.0, 1.0, 1.0), **PLAIN)
    assert torch.allclose(two.strengths, three.strengths, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "texts", "message"),
    [
        (torch.rand(1, 4), torch.rand(1, 5), "1 recipes are too few"),
        (torch.rand(9, 4), torch.zeros(9, 5), "do not vary: there is nothing to learn"),
        (torch.zeros(9, 4), torch.rand(9, 5), "do not vary"),
    ],
)
def test_too_little_to_learn_from_is_one_line(images: Tensor, texts: Tensor, message: str) -> None:
    with pytest.raises(BadDataError, match=message):
        correlations(images, [texts], 2)
