"""What is looked at in training: recall on held-out pairs, the same pairs again and again, queries and their hits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landbridge.evaluation.cross_retrieval import cross_retrieval
from landbridge.vision_language.looks import (
    PairWatcher,
    embeddings,
    judge,
    mean_recall,
    one_sentence_each,
    retrieval,
    samples,
)
from toy_captions import dual, shapes, vectors


def test_embeddings_do_not_depend_on_the_batch_and_leave_the_mode_alone() -> None:
    pairs = vectors()
    model = dual(pairs).train()
    images, texts = embeddings(model, pairs)
    again = embeddings(model, pairs, batch_size=7)
    torch.testing.assert_close(images, again[0])
    torch.testing.assert_close(texts, again[1])
    torch.testing.assert_close(images.norm(dim=1), torch.ones(40))
    assert model.training
    assert not images.requires_grad


def test_mean_recall_is_that_of_six_numbers() -> None:
    found = cross_retrieval(np.eye(20), np.roll(np.eye(20), 1, axis=0))
    told = [value for name, value in found.metrics().items() if "recall" in name]
    assert len(told) == 6
    assert mean_recall(found) == pytest.approx(sum(told) / 6)
    assert mean_recall(cross_retrieval(np.eye(20), np.eye(20))) == 1


def test_a_judge_prefers_what_finds_more() -> None:
    held = vectors(20)
    model = dual(held)
    judged = judge(held)(model)
    assert judged.score == pytest.approx(mean_recall(retrieval(model, held)))
    assert judged.sound


def test_looked_at_pairs_have_one_sentence_each_and_no_sentence_twice() -> None:
    pairs, positions = one_sentence_each(shapes(2, 1))
    assert len(pairs.texts) == len(set(pairs.texts)) == len(pairs.images) == len(positions) == 24
    assert pairs.owner.tolist() == list(range(24))
    whole = shapes(2, 1)
    assert [whole.texts_of(position)[0] for position in positions.tolist()] == list(pairs.texts)
    few, _ = one_sentence_each(vectors(3))
    assert 1 <= len(few.texts) <= 3


def test_a_look_keeps_the_similarities(tmp_path: Path) -> None:
    pairs, positions = one_sentence_each(shapes(1, 1))
    model = dual(pairs, "small-cnn")
    watch = PairWatcher(tmp_path, pairs)
    watch.begin(model, pairs.images.read(torch.arange(len(positions))))
    watch(model, 20)
    images, texts = embeddings(model, pairs)
    for step in ("0000000", "0000020"):
        kept = np.load(tmp_path / "looks" / f"{step}.npz")["similarity"]
        np.testing.assert_allclose(kept, (images @ texts.T).numpy(), rtol=1e-5)
    assert json.loads((tmp_path / "looks" / "pairs.json").read_text())["texts"] == list(pairs.texts)
    assert np.load(tmp_path / "looks" / "pairs.npz")["images"].shape == (24, 32, 32, 3)
    torch.nn.init.zeros_(model.image_head.output.bias)  # type: ignore[union-attr, arg-type]
    before = (tmp_path / "looks" / "0000000.npz").read_bytes()
    watch.begin(model, pairs.images.read(torch.arange(24)))
    assert (tmp_path / "looks" / "0000000.npz").read_bytes() == before, "a resumed run keeps its first look"


def test_samples_name_the_nearest_and_say_which_are_right() -> None:
    pairs = replace(vectors(12), texts=tuple(f"sentence {n}" for n in range(18)))
    images = torch.eye(12)
    texts = images[pairs.owner]
    told, shown = samples(images, texts, pairs, queries=3, hits=2)
    assert [query["hits"][0]["right"] for query in told["text_to_image"]] == [True] * 3
    assert all(not query["hits"][1]["right"] for query in told["text_to_image"])
    for query in told["text_to_image"]:
        number = pairs.texts.index(query["text"])
        assert int(shown[query["hits"][0]["image"]]) == int(pairs.owner[number])
        assert query["hits"][0]["score"] == pytest.approx(1.0)
    for query in told["image_to_text"]:
        assert query["hits"][0]["text"] in pairs.texts_of(int(shown[query["image"]]))
        assert query["hits"][0]["right"]
