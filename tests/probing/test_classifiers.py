"""What holds for every classifier of the registry."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from landbridge.probing import CLASSIFIERS

MAKERS = {name: CLASSIFIERS.resolve(name) for name in CLASSIFIERS}
LEFT_OPEN = {"svm": "C", "softmax": "C", "knn": "k", "prototype": "shrinkage"}


@parametrize_with_checks([MAKERS[name]() for name in MAKERS])
def test_they_are_classifiers_like_any_other(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clusters(classes: int, each: int, width: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(classes * each) % classes
    means = 2.5 * np.random.default_rng(9).normal(size=(classes, width)) / np.sqrt(width)
    return (means[y] + 0.5 * rng.normal(size=(len(y), width))).astype(np.float32), y


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("classes", [2, 5])
def test_scores_tell_every_class_and_the_largest_is_predicted(name: str, classes: int) -> None:
    x, y = clusters(classes, 30)
    names = np.array([f"class {9 - code}" for code in range(classes)])
    fitted = MAKERS[name]().fit(x, names[y])
    scores = fitted.scores(x)
    assert scores.shape == (len(x), classes)
    assert fitted.classes_.tolist() == sorted(names)
    np.testing.assert_array_equal(fitted.classes_[scores.argmax(1)], fitted.predict(x))
    decision = fitted.decision_function(x)
    if classes == 2:
        np.testing.assert_array_equal(decision > 0, fitted.predict(x) == fitted.classes_[1])
    else:
        np.testing.assert_array_equal(decision, scores)
    other, truth = clusters(classes, 30, seed=1)
    assert fitted.score(other, names[truth]) > 0.75 > 1.2 / classes


@pytest.mark.parametrize("name", MAKERS)
def test_settings_fit_the_same_again_without_choosing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = clusters(4, 20)
    maker = MAKERS[name]
    chosen = maker(**{LEFT_OPEN[name]: None} if name in LEFT_OPEN else {}).fit(x, y)
    assert None not in chosen.settings_.values()
    monkeypatch.setattr(maker, "_choose", lambda *_: pytest.fail("chose again"))
    again = maker(**chosen.settings_).fit(x, y)
    assert again.settings_ == chosen.settings_
    np.testing.assert_array_equal(again.scores(x), chosen.scores(x))


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_what_is_chosen_has_the_best_accuracy_on_held_out_folds(name: str) -> None:
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    x, y = clusters(6, 30, width=4)
    maker, setting = MAKERS[name], LEFT_OPEN[name]
    others = {"scaling": "standard"} if "scaling" in maker._candidates else {}
    chosen = maker(**others | {setting: None}).fit(x, y).settings_[setting]
    order = np.random.default_rng(0).permutation(len(y))
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    accuracy = {
        value: cross_val_score(maker(**others | {setting: value}), x[order], y[order], cv=folds).mean()
        for value in maker._candidates[setting]
    }
    assert len(set(accuracy.values())) > 1
    assert accuracy[chosen] == max(accuracy.values())


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_one_example_a_class_leaves_nothing_to_choose_by(name: str) -> None:
    x, y = clusters(3, 1)
    fitted = MAKERS[name](**{LEFT_OPEN[name]: None}).fit(x, y)
    assert fitted.settings_[LEFT_OPEN[name]] == MAKERS[name]._usual[LEFT_OPEN[name]]
    assert fitted.score(x, y) == 1


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_a_class_of_one_example_stays_out_of_choosing_but_is_learned(name: str) -> None:
    x, y = clusters(3, 12)
    keep = (y != 2) | (np.arange(len(y)) == 2)
    fitted = MAKERS[name](**{LEFT_OPEN[name]: None}).fit(x[keep], y[keep])
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.settings_[LEFT_OPEN[name]] is not None


@pytest.mark.parametrize("name", MAKERS)
def test_one_class_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="all 6 examples are of one class"):
        MAKERS[name]().fit(np.eye(6), np.zeros(6))
