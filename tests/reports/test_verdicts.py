"""Each sentence of judgement, from made-up numbers."""

import numpy as np
import pytest

from landbridge.evaluation.table import Table, make_table
from landbridge.reports import verdicts
from landbridge.runs import Result


def curve(end: float, noise: float = 0.0) -> list[float]:
    return [0.95] * 10 + [end + noise * (-1) ** i for i in range(30)]


@pytest.mark.parametrize(
    ("end", "noise", "tone", "said"),
    [
        (0.54, 0.03, "good", "settled at 0.54: the domains are confused"),
        (0.72, 0.03, "mixed", "settled at 0.72: the domains have come closer"),
        (0.93, 0.01, "bad", "The discriminator won: it still tells the domains apart at 0.93"),
        (0.60, 0.30, "mixed", "swings between 0.30 and 0.90"),
    ],
)
def test_the_game(end: float, noise: float, tone: str, said: str) -> None:
    verdict = verdicts.game(curve(end, noise))
    assert verdict is not None
    assert verdict.tone == tone
    assert said in verdict.text


def test_a_game_not_played_or_too_short() -> None:
    assert verdicts.game([]) is None
    assert verdicts.games([]) is None
    short = verdicts.game([0.5, 0.5])
    assert short is not None
    assert short.tone == "unknown"


def test_several_seeds() -> None:
    agreed = verdicts.games([curve(0.52), curve(0.56)])
    assert agreed is not None
    assert "settled at 0.54" in agreed.text
    torn = verdicts.games([curve(0.52), curve(0.93), curve(0.54)])
    assert torn is not None
    assert torn.tone == "bad"
    assert "1 of 3 seeds" in torn.text


def field(
    dann: tuple[float | None, ...], lower: tuple[float | None, ...] = (0.5, 0.51, 0.52), *, oracle: bool = True
) -> Table:
    numbers = {"source-only": lower, "dann": dann} | ({"target-only": (0.9, 0.91, 0.92)} if oracle else {})
    return make_table([
        Result(method, "here", "there", "net", "inductive", "last", seed, 10, "cpu", 1.0, {"target_accuracy": accuracy},
               oracle=method == "target-only", versions={})
        for method, row in numbers.items() for seed, accuracy in enumerate(row)
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("dann", "tone", "said"),
    [
        (
            (0.80, 0.81, 0.82),
            "good",
            "75 % of the gap to training on the target is closed. The 95 % intervals over seeds are apart",
        ),
        ((0.45, 0.6, 0.7), "mixed", "overlap, so this may be chance"),
        ((0.3, 0.31, 0.32), "bad", "dann did harm: 31.0 ± 1.0 % target accuracy, 20.0 points below source-only"),
        ((0.8,), "mixed", "what chance contributes is unknown"),
        ((None, None), "unknown", "unknown: no labels"),
    ],
)
def test_the_gap(dann: tuple[float | None, ...], tone: str, said: str) -> None:
    table = field(dann)
    row = table.row("dann")
    assert row is not None
    verdict = verdicts.gap(table, row)
    assert (verdict.tone, said in verdict.text) == (tone, True), verdict


def test_ends_of_the_gap() -> None:
    table = field((0.8, 0.8, 0.8))
    assert table.lower is not None
    assert table.oracle is not None
    assert "what is to be beaten" in verdicts.gap(table, table.lower).text
    assert "oracle" in verdicts.gap(table, table.oracle).text


def test_collapse() -> None:
    one_class = verdicts.collapse([3] * 100, 10)
    assert one_class is not None
    assert one_class.tone == "bad"
    few = verdicts.collapse([0, 1, 2, 3] * 25, 10)
    assert few is not None
    assert "4 of 10 classes" in few.text
    assert verdicts.collapse(np.random.default_rng(0).integers(0, 10, 200).tolist(), 10) is None
    assert verdicts.collapse([], 10) is None
    assert verdicts.collapse([0] * 7 + [1] * 3, 2) is None


def test_source_lost_or_never_learned() -> None:
    lost = verdicts.forgetting(0.9, 0.13)
    assert lost is not None
    assert lost.tone == "bad"
    assert verdicts.forgetting(0.9, 0.89) is None
    assert verdicts.forgetting(None, 0.5) is None
    assert verdicts.learning([0.12] * 20, 10) is not None
    assert verdicts.learning([0.1] * 5 + [0.95] * 20, 10) is None


def test_distance() -> None:
    tones = [getattr(verdicts.distance(1.5, after), "tone", None) for after in (0.4, 1.45, 1.9, None)]
    assert tones == ["good", "mixed", "mixed", None]
