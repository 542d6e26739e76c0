"""Drawings, embeddings, contact sheets."""

import base64
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError
from landbridge.reports import plots
from landbridge.reports.contact_sheet import write_contact_sheet
from landbridge.reports.drawing import canvas, hue, ink, picture, svg
from landbridge.reports.embedding import embed


def test_a_drawing_takes_the_pages_colours() -> None:
    figure, (axes,) = canvas(200, 100)
    axes.plot([1, 2, 3], [1, 2, 3], "o", mfc=ink("source"), mec=hue(1, 2))
    axes.text(1, 2, "<&>", color=ink("ink"))
    text = svg(figure, "toy", 'what "it" shows')
    assert "var(--source)" in text
    assert "oklch(var(--class) 180)" in text
    assert "#a1" not in text
    assert "#b1" not in text
    assert "&lt;&amp;&gt;" in text
    assert 'aria-label="what &#34;it&#34; shows"' in text
    assert text.count("var(--source)") == 1, "the style of markers is said once"


def test_two_drawings_share_no_ids() -> None:
    found = []
    for name in ("one", "two"):
        figure, (axes,) = canvas(200, 100)
        axes.plot([1, 2], [1, 2], "o")
        found.append(set(re.findall(r' id="([^"]+)"', svg(figure, name, "same"))))
    assert found[0]
    assert not found[0] & found[1]


def test_embedding_is_reproducible_and_keeps_domains_apart() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(60, 80)), rng.normal(size=(50, 80)) + 6
    one, two = embed(source, target), embed(source, target)
    assert one[0].shape == (60, 2)
    assert one[1].shape == (50, 2)
    np.testing.assert_array_equal(one[0], two[0])
    distance = np.linalg.norm(one[0].mean(0) - one[1].mean(0))
    assert distance > 3 * np.linalg.norm(one[0] - one[0].mean(0), axis=1).mean() / 2


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((40, 8)),
        np.full((40, 8), np.nan),
        np.full((40, 8), np.inf),
        np.ones((40, 1)),
        np.arange(6.0).reshape(2, 3),
    ],
)
def test_embedding_of_odd_features(features: np.ndarray) -> None:
    for points in embed(features, features):
        assert points.shape == (len(features), 2)
        assert np.isfinite(points).all()


def test_labels_keep_their_distance() -> None:
    places = plots.spread_out([0.0, 0.01, 0.5, 0.99, 1.0], 0.1, 0.0, 1.0)
    assert min(b - a for a, b in itertools.pairwise(places)) >= 0.0999
    assert max(places) <= 1.0


def test_picture_is_lossless() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    data = picture(pixels).split(",")[1]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), pixels)


def test_contact_sheet(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (30, 1, 28, 28), dtype=torch.uint8)
    write_contact_sheet(images, ["cat"] * 16 + ["dog with a name"] * 14, tmp_path / "a.png", "toy (train, 30 examples)")
    write_contact_sheet(images.expand(-1, 3, -1, -1), [""] * 30, tmp_path / "b.png", "toy")
    labelled, bare = Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png")
    assert labelled.height > bare.height
    assert labelled.width > bare.width
    with pytest.raises(BadDataError, match="no images"):
        write_contact_sheet(torch.zeros(3, 5), ["a"] * 3, tmp_path / "c.png", "features")
