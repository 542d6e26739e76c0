"""What the protocol may look at, and that what it chooses is what a plain search would choose."""

from dataclasses import replace

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.evaluation.zero_shot import class_averaged
from landbridge.zeroshot import METHODS
from landbridge.zeroshot.base import unit_rows
from landbridge.zeroshot.protocol import (
    Known,
    a_share,
    calibration,
    choose,
    class_folds,
    few,
    grid_of,
    is_seeded,
    learn,
    make,
    tunings,
)

TABLE = np.array([[c >> k & 1 for k in range(4)] + [c % 3 == 0, c % 5 == 0] for c in range(16)], float)
UNSEEN = np.array([3, 7, 9, 12])
SEEN = np.setdiff1d(np.arange(16), UNSEEN)


@pytest.fixture(name="known")
def _known() -> Known:
    rng = np.random.default_rng(0)
    y = np.repeat(SEEN, 12)
    x = TABLE[y] @ rng.normal(size=(6, 15)) + rng.normal(scale=0.8, size=(len(y), 15))
    names = tuple(f"class {c}" for c in range(16))
    return Known(x, y, TABLE, SEEN, UNSEEN, class_folds(SEEN, 3), names, a_share(y))


def test_a_leak_is_refused(known: Known) -> None:
    y = known.y.copy()
    y[:3] = [9, 3, 3]
    with pytest.raises(BadDataError, match=r"a leak: 3 training examples are of unseen classes .*'class 9'"):
        replace(known, y=y)


def test_a_seen_class_has_examples(known: Known) -> None:
    with pytest.raises(BadDataError, match="'class 5' counts as seen, but has no training example"):
        replace(known, x=known.x[known.y != 5], y=known.y[known.y != 5])


def test_tuning_hears_nothing_of_unseen_classes(known: Known) -> None:
    parts = tunings(known)
    held = np.concatenate([np.unique(part.held_y) for part in parts])
    assert sorted(held) == list(range(len(SEEN)))
    for part in parts:
        np.testing.assert_array_equal(part.signatures, TABLE[SEEN])
        assert not np.intersect1d(part.y, part.held_y).size
        assert len(part.y) + len(part.held_y) == len(known.y) == len(part.x) + len(part.held_x)
        assert part.names == tuple(f"class {c}" for c in SEEN)
        assert len(part.kept) == len(part.y)


def test_folds_are_groups_of_two_or_more() -> None:
    folds = class_folds(SEEN)
    assert sorted(np.concatenate(folds)) == SEEN.tolist()
    assert min(map(len, folds)) >= 2
    assert class_folds(np.arange(3)) == ()


def test_settings_are_those_of_a_plain_search(known: Known) -> None:
    grid = {"alpha": [0.01, 10.0], "gamma": [0.1, 1.0]}
    chosen = choose("eszsl", known, grid, 0)
    found = {}
    for alpha in grid["alpha"]:
        for gamma in grid["gamma"]:
            accuracies = []
            for part in tunings(known):
                method = make("eszsl", {"alpha": alpha, "gamma": gamma}, 0)
                method.fit(part.x, part.y, unit_rows(part.signatures))
                right = method.predict(part.held_x, part.unseen) == part.held_y
                accuracies.append(class_averaged(right, part.held_y))
            found[alpha, gamma] = np.mean(accuracies)
    assert chosen.tried == 4
    assert chosen.accuracy == pytest.approx(max(found.values()))
    assert found[chosen.settings["alpha"], chosen.settings["gamma"]] == pytest.approx(chosen.accuracy)


def test_what_is_given_is_not_searched(known: Known) -> None:
    chosen = choose("eszsl", known, {"alpha": 3.0, "gamma": 0.5}, 0)
    assert chosen.settings == {"alpha": 3.0, "gamma": 0.5}
    assert chosen.accuracy is None


def test_without_folds_defaults_hold(known: Known) -> None:
    alone = replace(known, folds=())
    chosen = choose("eszsl", alone, {"gamma": 2.0}, 0)
    assert chosen.settings == {"gamma": 2.0}
    assert learn("eszsl", chosen.settings, alone, 0).method.get_params()["alpha"] == METHODS.resolve("eszsl")().alpha
    assert calibration("eszsl", chosen.settings, alone, 0) == 0


def test_calibration_looks_at_no_unseen_image_and_follows_the_scale(known: Known) -> None:
    gamma = calibration("eszsl", {"alpha": 1.0}, known, 0)
    assert gamma != 0
    assert calibration("eszsl", {"alpha": 1.0}, replace(known, kept=np.zeros(len(known.y), bool)), 0) == 0


def test_methods_that_predict_attributes_see_the_table_as_it_stands(known: Known) -> None:
    np.testing.assert_array_equal(known.scaled(make("dap", {}, 0)), TABLE)
    np.testing.assert_allclose(known.scaled(make("eszsl", {}, 0)), unit_rows(TABLE))


def test_seeds_reach_the_methods_that_use_chance() -> None:
    assert make("devise", {}, 5).get_params()["random_state"] == 5
    assert is_seeded("cvae")
    assert not is_seeded("eszsl")


def test_shots_are_drawn_a_class(known: Known) -> None:
    some = few(known.y, 3, 1, known.names)
    assert np.unique(known.y[some], return_counts=True)[1].tolist() == [3] * len(SEEN)
    assert few(known.y, 3, 2, known.names).tolist() != some.tolist()
    with pytest.raises(BadDataError, match="13 shots asked for, but class 'class 0' has 12"):
        few(known.y, 13, 1, known.names)


def test_a_share_of_each_class_is_kept_aside() -> None:
    y = np.repeat([0, 1, 2], [10, 2, 1])
    assert np.bincount(y[a_share(y)], minlength=3).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("eszsl", {"alpa": 1}, "eszsl has no argument 'alpa'; did you mean 'alpha'"),
        ("eszsl", {"alpha": []}, "no value to try for 'alpha'"),
    ],
)
def test_a_wrong_grid_is_one_line(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(LandbridgeError, match=message):
        grid_of(name, given)


def test_an_unknown_method_is_one_line() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'eszsl'"):
        make("ezsl", {}, 0)
