import numpy as np
import pytest
import torch

from landbridge.evaluation.multi_label import average_precision_11_point
from landbridge.probing.multi_label import OneVsRestSVM
from landbridge.probing.svm import LinearSVM


def objects(count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, each of which a direction of the features tells; a tenth of the labels is not to be judged."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random((count, 3)) < 0.35, 1, -1)
    x = rng.normal(size=(count, 6)).astype(np.float32)
    x[:, :3] += 1.5 * y
    return x, np.where(rng.random(y.shape) < 0.1, 0, y)


def test_each_class_is_an_svm_on_its_judged_examples() -> None:
    x, y = objects()
    fitted = OneVsRestSVM(C=0.3).fit(x, y)
    unseen, _ = objects(seed=1)
    for c in range(3):
        judged = y[:, c] != 0
        alone = LinearSVM(C=0.3, scaling="length").fit(x[judged], y[judged, c])
        np.testing.assert_allclose(fitted.scores(unseen)[:, c], alone.decision_function(unseen))
    np.testing.assert_array_equal(fitted.predict(unseen) == 1, fitted.scores(unseen) > 0)
    assert fitted.classes_.tolist() == [0, 1, 2]


def test_what_is_not_judged_has_no_say() -> None:
    x, y = objects()
    moved = x.copy()
    moved[y[:, 0] == 0] += 100
    one, two = (OneVsRestSVM(C=1.0).fit(z, y).scores(x)[:, 0] for z in (x, moved))
    np.testing.assert_array_equal(one, two)


def test_it_ranks_well_and_its_settings_stand_for_it() -> None:
    x, y = objects()
    fitted = OneVsRestSVM().fit(x, y)
    unseen, truth = objects(seed=1)
    scores = torch.from_numpy(fitted.scores(unseen))
    precisions = [average_precision_11_point(scores[:, c], torch.from_numpy(truth[:, c])) for c in range(3)]
    assert min(precisions) > 0.85
    assert fitted.settings_["C"] in LinearSVM._candidates["C"]
    np.testing.assert_array_equal(OneVsRestSVM(**fitted.settings_).fit(x, y).scores(unseen), scores.numpy())


def test_c_is_the_one_that_ranks_held_out_examples_best() -> None:
    from sklearn.metrics import average_precision_score

    x, y = objects(60)
    order = np.random.default_rng(0).permutation(60)
    halves = (order[:30], order[30:])

    def precision(c: float) -> float:
        found = []
        for test, train in (halves, halves[::-1]):
            scores = OneVsRestSVM(c).fit(x[train], y[train]).scores(x[test])
            judged = [y[test, k] != 0 for k in range(3)]
            found += [average_precision_score(y[test, k][j] == 1, scores[j, k]) for k, j in enumerate(judged)]
        return float(np.mean(found))

    measured = {c: precision(c) for c in LinearSVM._candidates["C"]}
    assert len(set(measured.values())) > 1
    assert measured[OneVsRestSVM().fit(x, y).settings_["C"]] == pytest.approx(max(measured.values()))


@pytest.mark.parametrize(("only", "score"), [(1, 1), (-1, -1), (0, -1)])
def test_a_class_whose_examples_are_all_alike(only: int, score: int) -> None:
    x, y = objects()
    y[:, 1] = only
    scores = OneVsRestSVM().fit(x, y).scores(x)
    assert (scores[:, 1] == score).all()
    assert len(np.unique(scores[:, 0])) > 1


def test_bad_labels() -> None:
    x, y = objects()
    with pytest.raises(ValueError, match="labels are 1, -1 or 0 for each class"):
        OneVsRestSVM().fit(x, y + 1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        OneVsRestSVM().fit(x, y[1:])
    with pytest.raises(ValueError, match="Expected 2D array"):
        OneVsRestSVM().fit(x, y[:, 0])
