"""The collapse gate, and what is chosen through it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.evaluation.choosing import chosen_among
from landbridge.evaluation.collected import Collected, Outputs
from landbridge.evaluation.selection import FEWEST, Candidate, Judged, choose, diversity, diversity_of, refusal
from landbridge.runs import Result


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_diversity_is_the_perplexity_of_calls_relative_to_that_of_labels(told: list[int]) -> None:
    shares = [told.count(number) / len(told) for number in set(told)]
    perplexity = math.exp(-sum(share * math.log(share) for share in shares))
    assert diversity(torch.tensor(told), torch.arange(5)) == pytest.approx((perplexity - 1) / 4, abs=1e-9)


def test_diversity_at_its_ends() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1])
    assert diversity(torch.tensor([1, 1, 1]), labels) == 0
    assert diversity(labels, labels) == pytest.approx(1)
    assert diversity(torch.tensor([0, 1]), labels) > 1
    assert diversity(torch.tensor([0, 1]), torch.tensor([1, 1])) == 1


def seen(told: list[int], *, partial: bool = False) -> Collected:
    logits = torch.eye(4)[told]
    return Collected(Outputs(logits, logits), torch.arange(4), partial=partial)


def test_what_is_sound() -> None:
    assert Judged.of(0.3, seen([0, 1, 2, 3])).sound
    assert not Judged.of(9.0, seen([0, 0, 0, 0])).sound
    assert not Judged.of(math.nan, seen([0, 1, 2, 3])).sound
    assert not Judged.of(math.inf, seen([0, 1, 2, 3])).sound
    assert diversity_of(seen([0, 0], partial=True)) == 1, "a target may have one class only"


def test_sound_beats_collapsed_whatever_the_scores() -> None:
    good, better, bad, worse = Judged(0.1), Judged(0.2), Judged(0.9, sound=False), Judged(0.3, sound=False)
    assert good.beats(bad)
    assert not bad.beats(good)
    assert better.beats(good)
    assert not good.beats(better)
    assert not good.beats(good)
    assert worse.beats(bad), "of two collapsed ones the later"


def test_never_chosen() -> None:
    plain = Candidate("source-only", 0.5, 0.9)
    collapsed, worse, unknown = Candidate("c", 0.9, FEWEST / 2), Candidate("w", 0.4, 0.9), Candidate("u", None, 0.9)
    choice = choose([collapsed, worse, unknown], plain)
    assert (choice.name, choice.score) == ("source-only", 0.5)
    assert choice.refused == {
        "c": "collapsed: predicts few classes (diversity 0.25, below 0.5)",
        "w": "scores worse than source-only (0.4, below 0.5)",
        "u": "has no score",
    }
    better = Candidate("b", 0.6, FEWEST)
    assert choose([collapsed, better, worse], plain).name == "b"
    assert choose([Candidate("same", 0.5, 0.9)], plain).name == "source-only", "a tie goes to no adaptation"
    assert choose([collapsed, worse]).name == "w"
    assert choose([collapsed, unknown]).name == "u", "the last where nothing is left"


def test_a_collapsed_source_only_is_no_yardstick() -> None:
    """By entropy, what calls everything one class looks perfect."""
    plain = Candidate("source-only", 0.0, 0.0)
    fine = Candidate("b", -0.4, 0.9)
    assert refusal(fine, plain) == ""
    assert choose([fine], plain).name == "b"
    assert choose([Candidate("c", 0.0, 0.1)], plain).name == "source-only"


def result(
    method: str, seed: int, im: float | None, told: float = 0.9, selection: str = "im", *, oracle: bool = False
) -> Result:
    metrics = {"validators": {"im": im}, "diversity": told, "target_accuracy": 0.1 if method == "good" else 0.99}
    settings = {"options": {"weight": 0.5}}
    return Result(method, "a", "b", "n", "inductive", selection, seed, 9, "cpu", 1.0, metrics, oracle, settings)


def test_the_method_that_a_comparison_chooses() -> None:
    """By the mean over the seeds that all have; true accuracies, which would say otherwise, have no say."""
    groups = [
        [result("source-only", 0, 1.0), result("source-only", 1, 1.2)],
        [result("good", 0, 1.5), result("good", 1, 1.7)],
        [result("lucky", 0, 1.4), result("lucky", 1, 1.5), result("lucky", 2, 9.0)],
        [result("sunk", 0, 2.0), result("sunk", 1, 2.0, told=0.1)],
        [result("silent", 0, 2.0), result("silent", 1, None)],
        [result("target-only", 0, 5.0, oracle=True)],
    ]
    chosen = chosen_among(groups)
    assert (chosen.method, chosen.validator, chosen.options) == ("good", "im", {"weight": 0.5})
    assert chosen.score == pytest.approx(1.6)
    assert set(chosen.refused) == {"sunk", "silent"}
    assert chosen.text.startswith(
        "Chosen by im, without target labels: good (weight=0.5), score 1.6. Refused: sunk coll"
    )
    assert "Refused" not in chosen_among(groups[:3]).text


def test_nothing_is_chosen_without_a_rule_or_what_it_takes() -> None:
    assert chosen_among([]) is None
    assert chosen_among([[result("a", 0, 1.0, selection="last")]]) is None
    assert chosen_among([[result("a", 0, 1.0)], [result("b", 0, 1.0, selection="snd")]]) is None
    assert chosen_among([[result("a", 0, 1.0)], [result("b", 1, 1.0)]]) is None, "no seed in common"
    old = result("a", 0, 1.0)
    del old.metrics["diversity"]
    assert chosen_among([[old]]) is None
