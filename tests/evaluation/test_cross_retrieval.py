"""Ranks between images and texts, against sorting everything over all orders of equals."""

from itertools import permutations

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.evaluation import cross_retrieval as module
from landbridge.evaluation.cross_retrieval import cross_retrieval, subset_retrieval


def naive(scores: np.ndarray, right: np.ndarray, k: int) -> tuple[float, float]:
    """Expected recall at k and mean rank over every order of the candidates, equals included: [Q, M] each."""
    recall, ranks = [], []
    for line, own in zip(scores, right):
        places = []
        for order in permutations(range(len(line))):
            ranked = sorted(order, key=lambda candidate: -line[candidate])
            places.append(1 + next(place for place, candidate in enumerate(ranked) if own[candidate]))
        recall.append(np.mean(np.array(places) <= k))
        ranks.append(np.mean(places))
    return float(np.mean(recall)), float(np.mean(ranks))


@pytest.mark.parametrize("seed", range(6))
def test_numbers_equal_the_mean_over_all_orders(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    rng = np.random.default_rng(seed)
    owner = rng.permutation([0, 1, 2, *rng.integers(0, 3, 3)])
    signs = rng.choice([-1.0, 1.0], (9, 2))  # four directions: many equals
    images, texts = signs[:3], signs[3:]
    scores = texts @ images.T
    right = owner[:, None] == np.arange(3)
    found = cross_retrieval(images, texts, owner, ks=[1, 2])
    for way, by, own in ((found.text_to_image, scores, right), (found.image_to_text, scores.T, right.T)):
        for k in (1, 2):
            recall, mean = naive(by, own, k)
            assert way.recall[k] == pytest.approx(recall)
            assert way.mean_rank == pytest.approx(mean)


def test_without_equals_it_is_sorting() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(300), 3)
    images = rng.normal(size=(300, 16))
    texts = images[owner] + 1.5 * rng.normal(size=(900, 16))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (texts, images)]
    scores = unit[0] @ unit[1].T
    by_text = 1 + (scores > scores[np.arange(900), owner][:, None]).sum(1)
    best = np.array([scores[owner == image, image].max() for image in range(300)])
    by_image = 1 + (scores > best).sum(0)
    for ties in ("expected", "pessimistic"):
        found = cross_retrieval(images, texts, owner, ties=ties)
        for way, ranks in ((found.text_to_image, by_text), (found.image_to_text, by_image)):
            assert way.median_rank == np.median(ranks)
            assert way.mean_rank == pytest.approx(ranks.mean())
            assert way.recall == pytest.approx({k: (ranks <= k).mean() for k in (1, 5, 10)})


@pytest.mark.parametrize("width", [1, 7, 512])
def test_a_collapsed_model_is_at_chance(width: int) -> None:
    same = np.random.default_rng(0).normal(size=(1, width)).repeat(1001, 0)
    found = cross_retrieval(same[:1000], same[:1000])
    for way in (found.image_to_text, found.text_to_image):
        assert way.recall == pytest.approx({1: 0.001, 5: 0.005, 10: 0.01})
        assert (way.median_rank, way.mean_rank) == (500.5, 500.5)
    behind = cross_retrieval(same[:1000], same[:1000], ties="pessimistic")
    assert behind.text_to_image.recall[10] == 0
    assert behind.image_to_text.median_rank == 1000


def test_subsets_are_seeded_means() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(40), 2)
    images = rng.normal(size=(40, 8))
    texts = images[owner] + rng.normal(size=(80, 8))
    whole = cross_retrieval(images, texts, owner).metrics()
    assert subset_retrieval(images, texts, owner, size=40, draws=2).mean == pytest.approx(whole)
    one, again, other = (subset_retrieval(images, texts, owner, size=10, draws=5, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.mean != other.mean
    assert one.mean["text_to_image_mean_rank"] < whole["text_to_image_mean_rank"]
    assert one.deviation["text_to_image_mean_rank"] > 0


def test_what_does_not_fit() -> None:
    x = np.eye(3)
    for images, texts, owner, message in [
        (x, np.eye(4), None, "do not fit: N,D and T,D"),
        (x, x, [0, 1], "one whole number for each of 3"),
        (x, x, [0.0, 1.0, 2.0], "one whole number for each of 3"),
        (x, x, [0, 1, 3], "belongs to image 3, but the images are 0 to 2"),
        (x, x, [0, 1, -1], "belongs to image -1"),
        (x, x, [0, 1, 1], r"1 images have no text \(first: image 2\)"),
        (x, x * np.nan, None, "not finite"),
    ]:
        with pytest.raises(BadDataError, match=message):
            cross_retrieval(images, texts, owner)
    with pytest.raises(LandbridgeError, match="ties are expected or pessimistic, not 'best'"):
        cross_retrieval(x, x, ties="best")
    with pytest.raises(BadDataError, match="subsets of 4 cannot be drawn from 3"):
        subset_retrieval(x, x, size=4)
